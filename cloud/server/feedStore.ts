import type { Database } from '../platform/database.ts';

/** Of these sign-ins, those that hold: not signed out, not revoked, not expired. */
export async function findLiveFamilies(db: Database, families: string[], now: Date): Promise<Set<string>> {
  if (families.length === 0) return new Set();
  const rows = await db.withoutTenant((tx) =>
    tx.session.findMany({
      where: { family: { in: families }, revokedAt: null, expiresAt: { gt: now } },
      select: { family: true },
      distinct: ['family'],
    }),
  );
  return new Set(rows.map(({ family }) => family));
}
