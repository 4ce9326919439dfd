import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Workspace } from '#shared/contract/cloud/common.ts';
import { slugOf } from '#shared/ids.ts';
import type { PlanSlug } from '#shared/plan.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Database, Sql, Tx } from '../platform/database.ts';
import type { Secrets } from '../platform/secrets.ts';

type Founder = { userId: string; name: string; ip?: string; userAgent?: string; requestId?: string };

/**
 * Makes a workspace with its owner, its data key and its first audit entry.
 *
 * @param first what must exist before, in the same transaction: the person, where they are new too
 * @param wanted the slug, else one is made from the name
 */
export function insertWorkspace(
  db: Database,
  secrets: Secrets,
  founder: Founder,
  name: string,
  first: (tx: Tx) => Promise<void> = async () => undefined,
  wanted?: string,
): Promise<Workspace> {
  const id = uuidv7();
  // A tail of chance, unless somebody wants this very one: whether a name is taken is nobody's business.
  const slug = wanted ?? `${slugOf(name).slice(0, 50)}-${randomBytes(4).toString('hex')}`;
  return db.withWorkspace({ workspaceId: id }, async (tx) => {
    await first(tx);
    await tx.workspace.create({ data: { id, name, slug, ownerId: founder.userId } });
    await tx.membership.create({ data: { workspaceId: id, id: uuidv7(), userId: founder.userId, role: 'owner' } });
    await secrets.createKey(tx, id);
    const record = { action: 'workspace.create', resource: 'workspace', resourceId: id, metadata: { name } };
    await recordAudit(tx, { ...founder, workspaceId: id }, record);
    return { id, name, slug, role: 'owner', plan: 'free' };
  });
}

/** The workspaces a person belongs to, oldest first. */
export function listWorkspaces(db: Database, userId: string): Promise<Workspace[]> {
  return db.withUser(userId, async (tx) => {
    const memberships = await tx.membership.findMany({
      where: { userId, deletedAt: null, workspace: { deletedAt: null } },
      include: { workspace: true },
      orderBy: { joinedAt: 'asc' },
    });
    return memberships.map(({ role, workspace: { id, name, slug, plan } }) => ({ id, name, slug, role, plan }));
  });
}

export type WorkspaceRow = {
  id: string;
  name: string;
  slug: string;
  plan: PlanSlug;
  timezone: string;
  ownerId: string;
  ownerName: string;
  createdAt: Date;
  revision: number;
};

/** The workspace of the transaction, unless it was deleted. */
export async function findWorkspace(sql: Sql, workspaceId: string): Promise<WorkspaceRow | undefined> {
  const { rows } = await sql.query<WorkspaceRow>(
    `select w.id, w.name, w.slug, w.plan, w.timezone, w.owner_id as "ownerId", u.name as "ownerName",
            w.created_at as "createdAt", w.revision
       from workspace w join user_account u on u.id = w.owner_id
      where w.id = $1 and w.deleted_at is null`,
    [workspaceId],
  );
  return rows[0];
}

/** @returns whether it is changed: not where it is at another revision than is expected @throws where the slug is taken: `isTaken` knows it */
export async function changeWorkspace(
  sql: Sql,
  workspaceId: string,
  { name, slug, timezone, ownerId }: { name?: string; slug?: string; timezone?: string; ownerId?: string },
  expectedRevision?: number,
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `update workspace set name = coalesce($2, name), slug = coalesce($3, slug), timezone = coalesce($4, timezone),
            owner_id = coalesce($5::uuid, owner_id), updated_at = now(), revision = revision + 1
      where id = $1 and deleted_at is null and ($6::int is null or revision = $6)`,
    [workspaceId, name ?? null, slug ?? null, timezone ?? null, ownerId ?? null, expectedRevision ?? null],
  );
  return rowCount === 1;
}

/** Whether somebody with this address is a member. */
export async function isMemberEmail(sql: Sql, workspaceId: string, email: string): Promise<boolean> {
  const { rows } = await sql.query(
    `select 1 from membership m join user_account u on u.id = m.user_id
      where m.workspace_id = $1 and u.email = $2 and m.deleted_at is null`,
    [workspaceId, email],
  );
  return rows.length > 0;
}
