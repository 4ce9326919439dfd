import type { InvitationStatus, InvitedRole } from '#shared/contract/cloud/invitations.ts';
import type { Database, Sql } from '../platform/database.ts';

export type InvitationRow = {
  id: string;
  workspaceId: string;
  email: string;
  role: InvitedRole;
  status: InvitationStatus;
  invitedById: string;
  invitedByName: string;
  sentAt: Date;
  expiresAt: Date;
};

const INVITATION = `select i.id, i.workspace_id as "workspaceId", i.email, i.role, i.status,
    i.invited_by_id as "invitedById", u.name as "invitedByName", i.sent_at as "sentAt", i.expires_at as "expiresAt"
  from invitation i join user_account u on u.id = i.invited_by_id where i.workspace_id = $1`;

/** What nobody answered in time is over. Called before anything that looks at the status. */
export async function expireInvitations(sql: Sql, workspaceId: string): Promise<void> {
  await sql.query(
    `update invitation set status = 'expired', answered_at = expires_at
      where workspace_id = $1 and status = 'pending' and expires_at <= now()`,
    [workspaceId],
  );
}

export async function countPending(sql: Sql, workspaceId: string): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    `select count(*)::int as n from invitation where workspace_id = $1 and status = 'pending'`,
    [workspaceId],
  );
  return rows[0]?.n ?? 0;
}

/** Newest first, one more than `limit` if there are more. */
export async function listInvitations(
  sql: Sql,
  workspaceId: string,
  { limit, before, status }: { limit: number; before?: string; status?: InvitationStatus },
): Promise<InvitationRow[]> {
  const { rows } = await sql.query<InvitationRow>(
    `${INVITATION} and ($2::uuid is null or i.id < $2) and ($3::invitation_status is null or i.status = $3)
     order by i.id desc limit $4`,
    [workspaceId, before ?? null, status ?? null, limit + 1],
  );
  return rows;
}

export async function findInvitation(
  sql: Sql,
  workspaceId: string,
  by: { id: string } | { tokenHash: string },
): Promise<InvitationRow | undefined> {
  const [column, value] = 'id' in by ? ['i.id', by.id] : ['i.token_hash', by.tokenHash];
  const { rows } = await sql.query<InvitationRow>(`${INVITATION} and ${column} = $2`, [workspaceId, value]);
  return rows[0];
}

export async function insertInvitation(
  sql: Sql,
  workspaceId: string,
  invitation: {
    id: string;
    email: string;
    role: InvitedRole;
    tokenHash: string;
    invitedById: string;
    sentAt: Date;
    expiresAt: Date;
  },
): Promise<void> {
  const { id, email, role, tokenHash, invitedById, sentAt, expiresAt } = invitation;
  await sql.query(
    `insert into invitation (workspace_id, id, email, role, token_hash, invited_by_id, sent_at, expires_at)
     values ($1, $2, $3, $4::role, $5, $6, $7, $8)`,
    [workspaceId, id, email, role, tokenHash, invitedById, sentAt, expiresAt],
  );
}

/** Another token; the one before leads nowhere from now on. */
export async function renewInvitation(
  sql: Sql,
  workspaceId: string,
  id: string,
  { tokenHash, sentAt, expiresAt }: { tokenHash: string; sentAt: Date; expiresAt: Date },
): Promise<void> {
  await sql.query(
    'update invitation set token_hash = $3, sent_at = $4, expires_at = $5 where workspace_id = $1 and id = $2',
    [workspaceId, id, tokenHash, sentAt, expiresAt],
  );
}

/** Moves one that waits to where it ends. @returns false where it does not wait any more */
export async function closeInvitation(
  sql: Sql,
  workspaceId: string,
  id: string,
  status: Exclude<InvitationStatus, 'pending'>,
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `update invitation set status = $3::invitation_status, answered_at = now()
      where workspace_id = $1 and id = $2 and status = 'pending' and expires_at > now()`,
    [workspaceId, id, status],
  );
  return rowCount === 1;
}

/** The invitations that wait for this person: to the address that they confirmed, and to no other. */
export function findOwn(db: Database, userId: string): Promise<{ id: string; workspaceId: string }[]> {
  return db.withUser(userId, (tx) =>
    tx.invitation.findMany({
      where: { status: 'pending', expiresAt: { gt: new Date() } },
      select: { id: true, workspaceId: true },
      orderBy: { id: 'desc' },
    }),
  );
}
