import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { PLANS } from '#shared/plan.ts';
import { memberPermissions, remember } from '../accounts/identities.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { KeyHolder } from '../server/authenticate.ts';
import { scopesNow } from './apiKeyPolicy.ts';
import { findHeldKey, type HeldKey, noteUse } from './apiKeyStore.ts';
import { readKey } from './keyText.ts';

export type Keyring = {
  /**
   * Who answers for a key and what it may do, at most 2 s old; notes that it was used, once a minute.
   *
   * @throws SluiceError rate.exceeded above what the plan allows one key in a second
   */
  keyOf(key: string, ip: string): Promise<KeyHolder | undefined>;
};

const NOTE_MS = 60_000;
const MOST = 10_000;

export function createKeyring({ db, clock, logger }: { db: Database; clock: Clock; logger: Logger }): Keyring {
  const held = remember<HeldKey | undefined>(clock);
  const noted = new Map<string, number>();
  const limiters = new Map<number, RateLimiterMemory>();

  async function take(keyId: string, perSecond: number): Promise<void> {
    let limiter = limiters.get(perSecond);
    if (!limiter) {
      limiter = new RateLimiterMemory({ keyPrefix: `key${perSecond}`, points: perSecond, duration: 1 });
      limiters.set(perSecond, limiter);
    }
    try {
      await limiter.consume(keyId);
    } catch (thrown) {
      if (!(thrown instanceof RateLimiterRes)) throw thrown;
      throw new SluiceError('rate.exceeded', `The plan answers ${perSecond} requests of one API key in a second.`, {
        advice: 'Wait a second and try again, or change the plan.',
        details: { retryAfterSeconds: 1 },
      });
    }
  }

  function note(workspaceId: string, { id, lastUsedAt }: HeldKey, ip: string): void {
    const now = clock.now().getTime();
    const last = Math.max(noted.get(id) ?? 0, lastUsedAt?.getTime() ?? 0);
    if (now - last < NOTE_MS) return;
    if (noted.size >= MOST) noted.clear();
    noted.set(id, now);
    // Beside the answer: nobody waits for it.
    noteUse(db, { workspaceId }, id, ip).catch((error: unknown) =>
      logger.warn('The last use of an API key was not noted.', { workspaceId, error: String(error) }),
    );
  }

  return {
    async keyOf(key, ip) {
      const place = readKey(key);
      if (!place) return undefined;
      const { workspaceId, keyHash } = place;
      const found = await held(keyHash, () => findHeldKey(db, { workspaceId }, keyHash));
      if (!found) return undefined;
      await take(found.id, PLANS[found.plan].requestsPerSecondPerKey);
      note(workspaceId, found, ip);
      const { id, name, userId, email, userName, emailVerified, role, overrides, scopes } = found;
      return {
        sessionId: id,
        family: id,
        userId,
        email,
        name: `${userName} (key ${name})`,
        emailVerified,
        workspaceId,
        role,
        permissions: scopesNow(scopes, memberPermissions(role, overrides)),
        apiKey: { id, name, perSecond: PLANS[found.plan].requestsPerSecondPerKey },
      };
    },
  };
}
