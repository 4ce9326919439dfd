import { createHash } from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import { Secret } from '#shared/log.ts';
import { createSerial } from '../containers/serial.ts';
import type { Database } from '../platform/database.ts';
import type { Sealed, Secrets } from '../platform/secrets.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import { findSealedById, lockTokens, replaceTokens, type SealedConnection } from './connectionStore.ts';
import { type OAuth, type OAuthTokens, oauthOf } from './oauth.ts';
import { planExpiry } from './warnOfExpiry.ts';

/** Seals and opens the secrets of connections. */
export type Vault = {
  seal(workspaceId: string, connectionId: string, secret: JsonObject): Promise<Sealed>;
  /** @throws SluiceError store.failed where the value was altered or moved */
  open(workspaceId: string, connection: SealedConnection): Promise<Secret<JsonObject>>;
  /**
   * What a step signs in with: of a connection by OAuth a token that holds, and neither its refresh token nor the secret of
   * the client. Where there is none, only that it is not connected.
   *
   * @throws SluiceError store.failed
   */
  use(workspaceId: string, connection: SealedConnection): Promise<Secret<JsonObject>>;
  /** Tokens that a person just got. @returns false where somebody has set another secret meanwhile */
  keepTokens(workspaceId: string, connection: SealedConnection, tokens: OAuthTokens): Promise<boolean>;
};

export type VaultDeps = {
  database: Database;
  secrets: Secrets;
  /** Absent: no service is asked for a token from here. */
  oauth?: Pick<OAuth, 'renew'>;
};

/** A token that holds for less is renewed before it is handed out: a run may last as long. */
const SOON_MS = 5 * 60_000;
const KEPT_MS = 60_000;
const KEPT = 1_000;

/**
 * What was opened is kept for a minute under a digest of the sealed bytes: a changed secret has other bytes, so nothing
 * old is ever handed out.
 */
export function createVault({ database, secrets, oauth }: VaultDeps): Vault {
  const serial = createSerial();
  const fewAtOnce = <T>(digit: string, work: () => Promise<T>) => serial(String(Number.parseInt(digit, 16) % 4), work);
  const renewing = new Map<string, Promise<string | undefined>>();
  const opened = new Map<string, { secret: Secret<JsonObject>; until: number }>();
  const place = (workspaceId: string, row: string) => ({ workspaceId, table: 'connection', row, column: 'ciphertext' });

  const vault: Vault = {
    seal: (workspaceId, connectionId, secret) =>
      database.withWorkspace({ workspaceId }, (tx) =>
        secrets.seal(tx, place(workspaceId, connectionId), JSON.stringify(secret)),
      ),

    async open(workspaceId, { id, ciphertext, keyVersion }) {
      const digest = createHash('sha256').update(ciphertext).digest('hex');
      const key = tenantKey(workspaceId, id, keyVersion, digest);
      const known = opened.get(key);
      if (known && known.until > Date.now()) return known.secret;
      const plain = await database.withWorkspace({ workspaceId }, (tx) =>
        secrets.open(tx, place(workspaceId, id), { ciphertext: new Uint8Array(ciphertext), keyVersion }),
      );
      const secret = new Secret(JSON.parse(plain.toString()) as JsonObject);
      opened.delete(key);
      opened.set(key, { secret, until: Date.now() + KEPT_MS });
      for (const oldest of opened.keys()) {
        if (opened.size <= KEPT) break;
        opened.delete(oldest);
      }
      return secret;
    },

    async use(workspaceId, connection) {
      const secret = await vault.open(workspaceId, connection);
      if (oauthOf(secret.reveal()) === undefined) return secret;
      const token = holds(secret.reveal(), SOON_MS) ?? (await renewed(workspaceId, connection.id));
      return new Secret<JsonObject>(token === undefined ? { kind: 'oauth2' } : { kind: 'bearer', token });
    },

    keepTokens: (workspaceId, connection, tokens) =>
      database.withWorkspaceSql({ workspaceId }, async (sql) => {
        const { tokens: _, ...secret } = (await vault.open(workspaceId, connection)).reveal();
        const sealed = await vault.seal(workspaceId, connection.id, { ...secret, tokens });
        return replaceTokens(sql, workspaceId, connection, { ...sealed, works: true, expiresAt: endOf(tokens) });
      }),
  };

  /**
   * Once for all that want it in the same moment, and few at once: who waits for the lock, or for the service, keeps a
   * connection to the database.
   */
  function renewed(workspaceId: string, id: string): Promise<string | undefined> {
    const key = tenantKey(workspaceId, id);
    const under =
      renewing.get(key) ?? fewAtOnce(id.slice(-1), () => renew(workspaceId, id)).finally(() => renewing.delete(key));
    renewing.set(key, under);
    return under;
  }

  /** One after the other per connection, whichever process it is: most services take a refresh token once. */
  function renew(workspaceId: string, id: string): Promise<string | undefined> {
    return database.withWorkspaceSql({ workspaceId }, async (sql) => {
      await lockTokens(sql, id);
      const now = await findSealedById(sql, workspaceId, id);
      if (!now) return undefined;
      const { tokens, ...secret } = (await vault.open(workspaceId, now)).reveal();
      const settings = oauthOf(secret);
      const known = holds({ tokens: tokens ?? null }, SOON_MS);
      if (known !== undefined || !settings || !oauth) return known;
      const before = tokens as OAuthTokens | undefined;
      const rest = holds({ tokens: tokens ?? null }, 0);
      let after: OAuthTokens | undefined;
      try {
        after = await oauth.renew(settings, before);
        // Nobody has connected it yet.
        if (after === undefined && before === undefined) return undefined;
      } catch (thrown) {
        // What will be well in a while; the token may hold until then.
        if (SluiceError.from(thrown).code !== 'connector.rejected') return rest;
      }
      // Refused for good, or nothing to renew it with: what is left is used up, and who looks after it is told.
      const kept = after ?? (before && { ...before, refreshToken: undefined });
      const sealed = await vault.seal(workspaceId, id, plain({ ...secret, tokens: kept }));
      const byPerson = settings.grant === 'authorization_code';
      const end = after ? endOf(after) : new Date(before?.until ?? Date.now());
      const expiresAt = byPerson ? end : undefined;
      const works = after !== undefined || rest !== undefined;
      const isNew = await replaceTokens(sql, workspaceId, now, { ...sealed, works, expiresAt });
      if (isNew && expiresAt) await planExpiry(sql, workspaceId);
      return after?.accessToken ?? rest;
    });
  }
  return vault;
}

/** The access token, where it holds for so long. */
function holds({ tokens }: JsonObject, ms: number): string | undefined {
  const { accessToken, until } = (tokens ?? {}) as Partial<OAuthTokens>;
  return until === undefined || until > Date.now() + ms ? accessToken : undefined;
}

/** Until when nobody has to do anything: for ever where the service gave something to renew it with. */
function endOf({ refreshToken, until }: OAuthTokens): Date | undefined {
  return refreshToken !== undefined || until === undefined ? undefined : new Date(until);
}

/** As it is stored: what is undefined is not there. */
function plain(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}
