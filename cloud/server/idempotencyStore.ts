import type { Json } from '#shared/json.ts';
import type { Database } from '../platform/database.ts';

export type Claim = { state: 'ours' } | { state: 'other' } | { state: 'at_work' } | { state: 'answered'; answer: Json };

const DAY_MS = 24 * 3_600_000;
/** A request that has not answered for so long died; its key is taken over. */
const ABANDONED_MS = 60_000;

type Request = { userId: string; key: string; route: string; bodyHash: string; now: Date };

/** Takes the key for this request, or says what became of the one that has it. */
export function claimKey(db: Database, { userId, key, route, bodyHash, now }: Request): Promise<Claim> {
  return db.withUser(userId, async (tx) => {
    await tx.idempotencyKey.deleteMany({ where: { userId, expiresAt: { lt: now } } });
    const fresh = { route, bodyHash, createdAt: now, expiresAt: new Date(now.getTime() + DAY_MS) };
    const { count } = await tx.idempotencyKey.createMany({ data: [{ userId, key, ...fresh }], skipDuplicates: true });
    if (count === 1) return { state: 'ours' };
    const kept = await tx.idempotencyKey.findUniqueOrThrow({ where: { userId_key: { userId, key } } });
    if (kept.bodyHash !== bodyHash) return { state: 'other' };
    if (kept.status !== null) return { state: 'answered', answer: kept.answer as Json };
    const abandoned = new Date(now.getTime() - ABANDONED_MS);
    const taken = await tx.idempotencyKey.updateMany({
      where: { userId, key, status: null, createdAt: { lt: abandoned } },
      data: { createdAt: now },
    });
    return taken.count === 1 ? { state: 'ours' } : { state: 'at_work' };
  });
}

export async function keepAnswer(db: Database, userId: string, key: string, answer: Json): Promise<void> {
  await db.withUser(userId, (tx) =>
    tx.idempotencyKey.update({ where: { userId_key: { userId, key } }, data: { status: 200, answer: answer ?? {} } }),
  );
}

export async function forgetKey(db: Database, userId: string, key: string): Promise<void> {
  await db.withUser(userId, (tx) => tx.idempotencyKey.deleteMany({ where: { userId, key } }));
}
