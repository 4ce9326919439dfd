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
  /** Who answers for a key and what it may do, at most 2 s old; notes that it was used, once a minute. */
  keyOf(key: string, ip: string): Promise<KeyHolder | undefined>;
};

const NOTE_MS = 60_000;
const MOST = 10_000;

export function createKeyring({ db, clock, logger }: { db: Database; clock: Clock; logger: Logger }): Keyring {
  const held = remember<HeldKey | undefined>(clock);
  const noted = new Map<string, number>();

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
