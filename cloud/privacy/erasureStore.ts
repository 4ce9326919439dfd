import type { Database, Sql, Tx } from '../platform/database.ts';
import { DATA_MAP, type MapRow } from './dataMap.ts';
import type { Who } from './exportStore.ts';

const LEASE_S = 900;

/** People whose time to come back is over. */
export async function claimErasures(sql: Sql, owner: string): Promise<string[]> {
  const { rows } = await sql.query<{ user_id: string }>(
    `update account_erasure e set owner = $1, lease_until = now() + $2::int * interval '1 s'
       from (select user_id from account_erasure where erase_after <= now() and (lease_until is null or lease_until < now())
              order by erase_after limit 10 for update skip locked) due
      where e.user_id = due.user_id returning e.user_id`,
    [owner, LEASE_S],
  );
  return rows.map(({ user_id }) => user_id);
}

/** Nobody signs in to the account from now on. @returns false where it was so already */
export async function markLeaving(
  tx: Tx,
  { userId, restoreHash, now, eraseAfter }: { userId: string; restoreHash: string; now: Date; eraseAfter: Date },
): Promise<boolean> {
  const { count } = await tx.user.updateMany({ where: { id: userId, deletedAt: null }, data: { deletedAt: now } });
  if (count === 0) return false;
  await tx.accountErasure.create({ data: { userId, restoreHash, requestedAt: now, eraseAfter } });
  return true;
}

/** @returns since when the person was leaving; undefined where the link is not good, or it is too late */
export async function markStaying(tx: Tx, userId: string, restoreHash: string): Promise<Date | undefined> {
  const asked = await tx.accountErasure.findUnique({ where: { userId } });
  const { count } = await tx.accountErasure.deleteMany({
    where: { userId, restoreHash, eraseAfter: { gt: new Date() } },
  });
  if (count === 0) return undefined;
  await tx.user.update({ where: { id: userId }, data: { deletedAt: null } });
  return asked?.requestedAt;
}

export type OwnPlace = {
  workspaceId: string;
  name: string;
  role: string;
  /** The membership holds. */
  member: boolean;
  deletedAt: Date | null;
  deletedById: string | null;
};

/** Every workspace that this person belongs or belonged to. */
export function placesOf(db: Database, userId: string): Promise<OwnPlace[]> {
  return db.withUser(userId, async (tx) => {
    const rows = await tx.membership.findMany({
      where: { userId },
      include: { workspace: true },
      orderBy: { workspaceId: 'asc' },
    });
    return rows.map(({ workspaceId, role, deletedAt, workspace }) => ({
      workspaceId,
      name: workspace.name,
      role,
      member: deletedAt === null,
      deletedAt: workspace.deletedAt,
      deletedById: workspace.deletedById,
    }));
  });
}

/** Other members of the transaction's workspace, and how many of them own it. */
export async function othersIn(
  sql: Sql,
  workspaceId: string,
  userId: string,
): Promise<{ members: number; owners: number }> {
  const { rows } = await sql.query<{ members: number; owners: number }>(
    `select count(*)::int as members, count(*) filter (where m.role = 'owner')::int as owners
       from membership m join user_account u on u.id = m.user_id and u.deleted_at is null
      where m.workspace_id = $1 and m.user_id <> $2 and m.deleted_at is null`,
    [workspaceId, userId],
  );
  return rows[0] ?? { members: 0, owners: 0 };
}

/** Does what the map says with the rows about a person that the transaction sees: their own, or those of one workspace. */
export async function eraseRows(sql: Sql, who: Who, place: 'own' | 'workspace'): Promise<void> {
  // What other members were told about somebody stands in their workspace's transaction.
  const here = ({ of, table }: MapRow) => (of === 'workspace') === (place === 'workspace') || table === 'notification';
  for (const { table, erase } of DATA_MAP.filter(here)) {
    if (!erase || 'by' in erase) continue;
    const from = 'with who as (select $1::uuid as id, $2::text as email, $3::text as name)';
    const text =
      'delete' in erase
        ? `${from} delete from "${table}" t using who where ${erase.delete}`
        : `${from} update "${table}" t set ${erase.update} from who where ${erase.where}`;
    await sql.query(text, [who.id, who.email, who.name]);
  }
}

/** Takes the person out of the workspace's audit log. @returns the numbers of the entries */
export async function clearAudit(sql: Sql, who: Who): Promise<number[]> {
  const { rows } = await sql.query<{ cleared: number[] }>('select clear_audit_person($1, $2) as cleared', [
    who.id,
    who.email,
  ]);
  return rows[0]?.cleared ?? [];
}

/** The last of it: the account's own log, its name and address, and that somebody asked for this. */
export async function eraseAccount(sql: Sql, userId: string): Promise<void> {
  await sql.query('select erase_account_events($1::uuid)', [userId]);
  await sql.query(
    `update user_account set email = 'erased-' || id::text || '@erased.invalid', name = 'Somebody who left',
            password_hash = null, email_verified_at = null, last_login_at = null, updated_at = now()
      where id = $1::uuid and deleted_at is not null`,
    [userId],
  );
  await sql.query('delete from account_erasure where user_id = $1::uuid', [userId]);
}
