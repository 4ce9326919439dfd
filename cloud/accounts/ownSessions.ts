import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { MountedService } from '../server/mount.ts';
import { recordAccountEvent } from './accountStore.ts';
import { listLive, revokeAllOf, revokeOwnFamily } from './sessionStore.ts';

/** A person's own sign-ins. Every process looks again within two seconds, so what ends here ends within five everywhere. */
export function createOwnSessions({
  db,
  clock,
}: {
  db: Database;
  clock: Clock;
}): MountedService<typeof cloudApi.sessions> {
  return {
    async list(_input, { session }) {
      const rows = await db.withUser(session.userId, (tx) => listLive(tx, session.userId, clock.now()));
      return rows.map(({ family, kind, device, ip, userAgent, createdAt, expiresAt }) => ({
        id: family,
        kind,
        name: device?.name ?? 'Browser',
        ip: ip ?? '',
        userAgent: userAgent ?? '',
        startedAt: (device?.createdAt ?? createdAt).toISOString(),
        lastSeenAt: createdAt.toISOString(),
        expiresAt: expiresAt.toISOString(),
        current: family === session.family,
      }));
    },

    async revoke({ sessionId }, { session, ip, userAgent }) {
      const { userId } = session;
      const found = await db.withUser(userId, async (tx) => {
        if (!(await revokeOwnFamily(tx, userId, sessionId, clock.now()))) return false;
        const record = { action: 'session.revoke', metadata: { session: sessionId }, ip, userAgent };
        await recordAccountEvent(tx, userId, record, clock.now());
        return true;
      });
      if (!found) throw new SluiceError('session.not_found', 'There is no such sign-in, or it has ended already.');
      return { done: true };
    },

    revokeAll: ({ keepThisOne }, { session, ip, userAgent }) =>
      db.withUser(session.userId, async (tx) => {
        const { userId, family } = session;
        const ended = await revokeAllOf(tx, userId, clock.now(), keepThisOne ? family : undefined);
        const record = { action: 'session.revoke', metadata: { ended, everywhere: !keepThisOne }, ip, userAgent };
        await recordAccountEvent(tx, userId, record, clock.now());
        return { ended };
      }),
  };
}
