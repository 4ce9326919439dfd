import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomUUID } from 'node:crypto';
import type { Tokens } from '#shared/contract/cloud/auth.ts';
import { SluiceError } from '#shared/error.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import { hashToken, newToken, sameText } from '../platform/tokens.ts';
import type { Caller, SignedIn } from '../server/actor.ts';
import { markSignedIn, recordAccountEvent } from './accountStore.ts';
import { endCopiedSignIn } from './copiedSignIn.ts';
import { endOldestBeyondPlan } from './sessionLimit.ts';
import * as store from './sessionStore.ts';
import { tellOfStrangeSignIn } from './strangeSignIn.ts';

const ACCESS_MS = 15 * 60_000;
const DEVICE_MS = 30 * 86_400_000;
export const BROWSER_MS = 7 * 86_400_000;
const GRACE_MS = 10_000;
const CODE_MS = 2 * 60_000;

export type SessionDeps = { db: Database; clock: Clock; mail: Mail; publicUrl: string };
export type SessionService = ReturnType<typeof createSessionService>;

/** Sessions are opaque tokens, stored as hashes. Refreshing rotates inside a family; using an old token ends the family. */
export function createSessionService(deps: SessionDeps) {
  const { db, clock } = deps;

  /** Tokens for a device that somebody just signed in on. */
  async function startOnDevice(
    tx: Tx,
    userId: string,
    deviceName: string,
    caller: Caller,
    family = randomUUID(),
  ): Promise<Tokens> {
    const now = clock.now();
    // Before the account's log is locked, as everywhere: two that wait for each other would end both.
    await store.lockSessions(tx, userId);
    const device = deviceName || 'Unnamed device';
    await tellOfStrangeSignIn(tx, deps, { userId, kind: 'device', device }, caller, now);
    const deviceId = await store.insertDevice(tx, userId, device, now);
    const tokens = newTokens();
    await store.insertSession(tx, {
      ...rowOf(tokens, now),
      userId,
      deviceId,
      family,
      ip: caller.ip,
      userAgent: caller.userAgent,
    });
    await markSignedIn(tx, userId, now);
    await recordAccountEvent(
      tx,
      userId,
      { action: 'auth.login', metadata: { device: deviceName }, ...from(caller) },
      now,
    );
    await endOldestBeyondPlan(tx, deps, { userId, family, kind: 'device' }, caller, now);
    return tokens;
  }

  return {
    signInDevice: (userId: string, deviceName: string, caller: Caller): Promise<Tokens> =>
      db.withUser(userId, (tx) => startOnDevice(tx, userId, deviceName, caller)),

    /** @param still what has to hold with the person's sign-ins locked @returns undefined where it does not */
    signInDeviceIf: (
      still: (tx: Tx) => Promise<boolean>,
      userId: string,
      deviceName: string,
      caller: Caller,
    ): Promise<Tokens | undefined> =>
      db.withUser(userId, async (tx) => {
        await store.lockSessions(tx, userId);
        return (await still(tx)) ? startOnDevice(tx, userId, deviceName, caller) : undefined;
      }),

    /** A session of the pages. @returns the cookie's value */
    signInBrowser: (userId: string, caller: Caller): Promise<string> =>
      db.withUser(userId, async (tx) => {
        const now = clock.now();
        await store.lockSessions(tx, userId);
        const cookie = newToken('slb');
        const until = new Date(now.getTime() + BROWSER_MS);
        const family = randomUUID();
        const device = `a browser (${caller.userAgent || 'that does not say which'})`;
        await tellOfStrangeSignIn(tx, deps, { userId, kind: 'browser', device }, caller, now);
        await store.insertSession(tx, {
          userId,
          family,
          kind: 'browser',
          accessHash: hashToken(cookie),
          accessExpiresAt: until,
          expiresAt: until,
          ip: caller.ip,
          userAgent: caller.userAgent,
        });
        await markSignedIn(tx, userId, now);
        await recordAccountEvent(
          tx,
          userId,
          { action: 'auth.login', metadata: { device: 'browser' }, ...from(caller) },
          now,
        );
        await endOldestBeyondPlan(tx, deps, { userId, family, kind: 'browser' }, caller, now);
        return cookie;
      }),

    browserSession: (cookie: string): Promise<SignedIn | undefined> =>
      store.findSessionByAccess(db, hashToken(cookie), 'browser', clock.now()),

    end: ({ userId, family }: SignedIn, caller: Caller): Promise<void> =>
      db.withUser(userId, async (tx) => {
        await store.lockSessions(tx, userId);
        await store.revokeFamily(tx, family, clock.now());
        await recordAccountEvent(tx, userId, { action: 'auth.logout', ...from(caller) }, clock.now());
      }),

    /** What the loopback redirect carries, good for two minutes and one use. */
    async issueCode(
      userId: string,
      { codeChallenge, redirectUri }: { codeChallenge: string; redirectUri: string },
    ): Promise<string> {
      const code = newToken('slac');
      const expiresAt = new Date(clock.now().getTime() + CODE_MS);
      await db.withUser(userId, (tx) =>
        store.insertCode(tx, { userId, codeHash: hashToken(code), codeChallenge, redirectUri, expiresAt }),
      );
      return code;
    },

    /** @throws SluiceError token.invalid; a code that is used twice also ends what it was traded for */
    async redeemCode(
      request: { code: string; codeVerifier: string; redirectUri: string; deviceName: string },
      caller: Caller,
    ): Promise<Tokens> {
      const now = clock.now();
      const code = await db.withoutTenant((tx) => store.findCode(tx, hashToken(request.code)));
      if (!code) throw refused();
      const family = randomUUID();
      const tokens = await db.withUser(code.userId, async (tx) => {
        await store.lockSessions(tx, code.userId);
        if (!(await store.useCode(tx, code.id, family, now))) {
          const used = await store.findCode(tx, code.codeHash);
          const copied = { userId: code.userId, family: used?.family ?? null, what: 'code' as const };
          await endCopiedSignIn(tx, deps, copied, caller, now);
          return undefined;
        }
        // Used up even where the proof is wrong, so that nobody can try verifiers.
        const challenge = createHash('sha256').update(request.codeVerifier).digest('base64url');
        const proven =
          sameText(challenge, code.codeChallenge) && code.redirectUri === request.redirectUri && code.expiresAt > now;
        return proven ? startOnDevice(tx, code.userId, request.deviceName, caller, family) : undefined;
      });
      if (!tokens) throw refused();
      return tokens;
    },

    /**
     * Trades a refresh token for new tokens. Within ten seconds the same client gets the same answer again, because the first
     * may have been lost on the way; any other second use means that the token was copied, and ends the family.
     */
    async refresh(refreshToken: string, caller: Caller): Promise<Tokens> {
      const refreshHash = hashToken(refreshToken);
      const found = await db.withoutTenant((tx) => store.findByRefresh(tx, refreshHash));
      if (!found) throw refused();
      const now = clock.now();
      if (found.revokedAt || found.expiresAt <= now) throw ended();
      const fresh = newTokens();
      const tokens = await db.withUser(found.userId, async (tx) => {
        await store.lockSessions(tx, found.userId);
        const accessUntil = new Date(Math.min(found.accessExpiresAt.getTime(), now.getTime() + GRACE_MS));
        if (await store.markRotated(tx, found.id, sealFor(refreshToken, fresh), now, accessUntil)) {
          const { userId, deviceId, family } = found;
          const row = { ...rowOf(fresh, now), userId, deviceId: deviceId ?? undefined, family };
          await store.insertSession(tx, { ...row, ip: caller.ip, userAgent: caller.userAgent });
          if (deviceId) await store.touchDevice(tx, deviceId, now);
          return fresh;
        }
        const parent = await store.findByRefresh(tx, refreshHash);
        if (!parent || parent.revokedAt) return undefined;
        const again = parent.rotatedAt && now.getTime() - parent.rotatedAt.getTime() <= GRACE_MS;
        const sameClient = parent.userAgent === caller.userAgent && parent.ip === caller.ip;
        const immediate =
          parent.rotatedAt && (await store.countLaterRotations(tx, parent.family, parent.rotatedAt)) === 0;
        if (again && sameClient && immediate && parent.successorSealed)
          return openFor(refreshToken, parent.successorSealed);
        const { userId, family } = parent;
        await endCopiedSignIn(tx, deps, { userId, family, what: 'refresh' }, caller, now);
        return undefined;
      });
      if (!tokens) throw ended();
      return tokens;
    },
  };
}

const from = ({ ip, userAgent }: Caller) => ({ ip, userAgent });

function refused(): SluiceError {
  return new SluiceError('token.invalid', 'This sign-in cannot be completed: its code is unknown, used or too old.', {
    advice: 'Sign in again.',
  });
}

function ended(): SluiceError {
  return new SluiceError('session.expired', 'Your sign-in has ended.', { advice: 'Sign in again.' });
}

function newTokens(): Tokens {
  return { accessToken: newToken('sla'), expiresIn: ACCESS_MS / 1_000, refreshToken: newToken('slr') };
}

function rowOf({ accessToken, refreshToken }: Tokens, now: Date) {
  return {
    kind: 'device' as const,
    accessHash: hashToken(accessToken),
    accessExpiresAt: new Date(now.getTime() + ACCESS_MS),
    refreshHash: hashToken(refreshToken),
    expiresAt: new Date(now.getTime() + DEVICE_MS),
  };
}

// The successor's tokens are kept so that only somebody who holds the parent's refresh token can read them.
const keyFor = (refreshToken: string) => Buffer.from(hkdfSync('sha256', refreshToken, '', 'sluice successor', 32));
const IV = Buffer.alloc(12);

function sealFor(refreshToken: string, tokens: Tokens): Uint8Array<ArrayBuffer> {
  // Each key seals one thing once, so the nonce may be fixed.
  const cipher = createCipheriv('aes-256-gcm', keyFor(refreshToken), IV);
  return new Uint8Array(Buffer.concat([cipher.update(JSON.stringify(tokens)), cipher.final(), cipher.getAuthTag()]));
}

function openFor(refreshToken: string, sealed: Uint8Array): Tokens {
  const bytes = Buffer.from(sealed);
  const decipher = createDecipheriv('aes-256-gcm', keyFor(refreshToken), IV, { authTagLength: 16 }).setAuthTag(
    bytes.subarray(-16),
  );
  return JSON.parse(
    Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString('utf8'),
  ) as Tokens;
}
