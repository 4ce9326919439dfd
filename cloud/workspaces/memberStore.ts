import { v7 as uuidv7 } from 'uuid';
import type { PermissionChanges } from '#shared/contract/cloud/members.ts';
import type { Role } from '#shared/permission.ts';
import type { Sql } from '../platform/database.ts';

export type MemberRow = {
  id: string;
  userId: string;
  name: string;
  email: string;
  role: Role;
  permissions: PermissionChanges;
  joinedAt: Date;
  /** Counts changes of the role and the permissions. */
  revision: number;
  /** They asked for their account to be deleted: they take no seat, own nothing, and may come back for 30 days. */
  leaving: boolean;
};

type Raw = {
  id: string;
  user_id: string;
  name: string;
  email: string;
  role: Role;
  permissions: Partial<PermissionChanges>;
  joined_at: Date;
  revision: number;
  leaving: boolean;
};

const MEMBER = `select m.id, m.user_id, u.name, u.email, m.role, m.permissions, m.joined_at, m.revision, u.deleted_at is not null as leaving
  from membership m join user_account u on u.id = m.user_id
  where m.workspace_id = $1 and m.deleted_at is null`;

function toMember({ id, user_id, name, email, role, permissions, joined_at, revision, leaving }: Raw): MemberRow {
  const { add = [], remove = [] } = permissions;
  return {
    id,
    userId: user_id,
    name,
    email,
    role,
    permissions: { add, remove },
    joinedAt: joined_at,
    revision,
    leaving,
  };
}

/** Those who are not leaving, in the order of their ids, one more than `limit` if there are more. */
export async function listMembers(
  sql: Sql,
  workspaceId: string,
  { limit, after }: { limit: number; after?: string },
): Promise<MemberRow[]> {
  const { rows } = await sql.query<Raw>(
    `${MEMBER} and u.deleted_at is null and ($2::uuid is null or m.id > $2) order by m.id limit $3`,
    [workspaceId, after ?? null, limit + 1],
  );
  return rows.map(toMember);
}

export async function findMember(
  sql: Sql,
  workspaceId: string,
  by: { id: string } | { userId: string },
): Promise<MemberRow | undefined> {
  const [column, value] = 'id' in by ? ['m.id', by.id] : ['m.user_id', by.userId];
  const { rows } = await sql.query<Raw>(`${MEMBER} and ${column} = $2`, [workspaceId, value]);
  return rows[0] && toMember(rows[0]);
}

/** Whoever counts members, owners or seats holds this until the transaction ends, so that two never take the last one. */
export async function lockMembers(sql: Sql, workspaceId: string): Promise<void> {
  await sql.query("select pg_advisory_xact_lock(hashtextextended('members:' || $1::text, 0))::text as locked", [
    workspaceId,
  ]);
}

export async function countMembers(sql: Sql, workspaceId: string): Promise<{ members: number; owners: number }> {
  const { rows } = await sql.query<{ members: number; owners: number }>(
    `select count(*)::int as members, count(*) filter (where m.role = 'owner')::int as owners
       from membership m join user_account u on u.id = m.user_id and u.deleted_at is null
      where m.workspace_id = $1 and m.deleted_at is null`,
    [workspaceId],
  );
  return rows[0] ?? { members: 0, owners: 0 };
}

export async function setMemberRights(
  sql: Sql,
  workspaceId: string,
  id: string,
  { role, permissions }: { role: Role; permissions: PermissionChanges },
): Promise<void> {
  await sql.query(
    `update membership set role = $3::role, permissions = $4::jsonb, revision = revision + 1
      where workspace_id = $1 and id = $2`,
    [workspaceId, id, role, JSON.stringify(permissions)],
  );
}

/** A new member, or one who comes back: under the id they had. */
export async function putMember(
  sql: Sql,
  workspaceId: string,
  { userId, role, invitedById }: { userId: string; role: Role; invitedById?: string },
): Promise<void> {
  await sql.query(
    `insert into membership (workspace_id, id, user_id, role, permissions, invited_by_id)
     values ($1, $2, $3, $4::role, '{}', $5)
     on conflict (workspace_id, user_id) do update
       set role = excluded.role, permissions = '{}', invited_by_id = excluded.invited_by_id, joined_at = now(), deleted_at = null,
           revision = membership.revision + 1`,
    [workspaceId, uuidv7(), userId, role, invitedById ?? null],
  );
}

/**
 * Ends a membership, and with it what the person was told about the workspace and the API keys that they answer for: those
 * would hold again if they came back. What else they made stays.
 */
export async function endMembership(sql: Sql, workspaceId: string, id: string): Promise<void> {
  const { rows } = await sql.query<{ user_id: string }>(
    `update membership set deleted_at = now(), permissions = '{}' where workspace_id = $1 and id = $2 returning user_id`,
    [workspaceId, id],
  );
  const userId = rows[0]?.user_id;
  await sql.query(
    'update api_key set revoked_at = now() where workspace_id = $1 and created_by_id = $2 and revoked_at is null',
    [workspaceId, userId],
  );
  await sql.query('delete from notification where about_workspace_id = $1 and user_id = $2', [workspaceId, userId]);
  await sql.query(
    `update workspace set owner_id = next.user_id
       from (select m.user_id from membership m join user_account u on u.id = m.user_id and u.deleted_at is null
              where m.workspace_id = $1 and m.role = 'owner' and m.deleted_at is null order by m.joined_at limit 1) next
      where id = $1 and owner_id = $2`,
    [workspaceId, userId],
  );
}

/** Who is written to about the workspace as a whole. */
export async function listOwners(sql: Sql, workspaceId: string): Promise<MemberRow[]> {
  const { rows } = await sql.query<Raw>(
    `${MEMBER} and m.role = 'owner' and u.deleted_at is null order by m.joined_at`,
    [workspaceId],
  );
  return rows.map(toMember);
}
