import { createHash } from 'node:crypto';
import type { JsonObject } from '#shared/json.ts';
import { Secret } from '#shared/log.ts';
import type { Database } from '../platform/database.ts';
import type { Sealed, Secrets } from '../platform/secrets.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import type { SealedConnection } from './connectionStore.ts';

/** Seals and opens the secrets of connections. */
export type Vault = {
  seal(workspaceId: string, connectionId: string, secret: JsonObject): Promise<Sealed>;
  /** @throws SluiceError store.failed where the value was altered or moved */
  open(workspaceId: string, connection: SealedConnection): Promise<Secret<JsonObject>>;
};

const KEPT_MS = 60_000;
const KEPT = 1_000;

/**
 * What was opened is kept for a minute under a digest of the sealed bytes: a changed secret has other bytes, so nothing
 * old is ever handed out.
 */
export function createVault({ database, secrets }: { database: Database; secrets: Secrets }): Vault {
  const opened = new Map<string, { secret: Secret<JsonObject>; until: number }>();
  const place = (workspaceId: string, row: string) => ({ workspaceId, table: 'connection', row, column: 'ciphertext' });

  return {
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
  };
}
