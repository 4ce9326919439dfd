import type { ApiKeyRecord } from '#shared/contract/cloud/apiKeys.ts';
import { PERMISSIONS, type Role } from '#shared/permission.ts';
import { PLANS, type PlanSlug } from '#shared/plan.ts';
import type { Database, Tx, WorkspaceScope } from '../platform/database.ts';

const CREATOR = { createdBy: { select: { name: true } } } as const;

/** The keys of a workspace that hold, newest first. */
export function listKeys(tx: Tx, workspaceId: string, now: Date) {
  return tx.apiKey.findMany({
    where: { workspaceId, revokedAt: null, expiresAt: { gt: now } },
    include: CREATOR,
    orderBy: { id: 'desc' },
  });
}

/** One that holds. */
export function findKey(tx: Tx, workspaceId: string, id: string, now: Date) {
  return tx.apiKey.findFirst({
    where: { workspaceId, id, revokedAt: null, expiresAt: { gt: now } },
    include: CREATOR,
  });
}

type Row = NonNullable<Awaited<ReturnType<typeof findKey>>>;

export function toRecord(row: Row, now: Date): ApiKeyRecord {
  const { id, name, prefix, createdBy, createdAt, expiresAt, lastUsedAt, lastUsedIp, graceUntil } = row;
  return {
    id,
    name,
    prefix,
    scopes: PERMISSIONS.filter((permission) => row.scopes.includes(permission)),
    createdByName: createdBy.name,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    ...(lastUsedAt ? { lastUsedAt: lastUsedAt.toISOString() } : {}),
    ...(lastUsedIp ? { lastUsedIp } : {}),
    ...(graceUntil && graceUntil > now ? { graceUntil: graceUntil.toISOString() } : {}),
  };
}

/** Keeps others from making keys of this workspace until the transaction is over: two at once could pass its limit. */
export async function lockKeys(tx: Tx, workspaceId: string): Promise<void> {
  await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended('api_keys:' || ${workspaceId}::text, 0))::text as locked`;
}

export async function planOfWorkspace(tx: Tx, workspaceId: string) {
  return PLANS[(await tx.workspace.findUniqueOrThrow({ where: { id: workspaceId } })).plan];
}

export function insertKey(
  tx: Tx,
  row: {
    workspaceId: string;
    id: string;
    name: string;
    prefix: string;
    keyHash: string;
    scopes: string[];
    createdById: string;
    expiresAt: Date;
  },
) {
  return tx.apiKey.create({ data: row, include: CREATOR });
}

export function replaceSecret(
  tx: Tx,
  place: { workspaceId: string; id: string },
  change: {
    prefix: string;
    keyHash: string;
    previousHash: string | null;
    graceUntil: Date | null;
    createdById: string;
    expiresAt: Date;
  },
) {
  return tx.apiKey.update({ where: { workspaceId_id: place }, data: change, include: CREATOR });
}

/** @returns the key's name, undefined where there is no such key that holds */
export async function revokeKey(tx: Tx, workspaceId: string, id: string, now: Date): Promise<string | undefined> {
  const key = await findKey(tx, workspaceId, id, now);
  if (!key) return undefined;
  await tx.apiKey.update({ where: { workspaceId_id: { workspaceId, id } }, data: { revokedAt: now } });
  return key.name;
}

export type HeldKey = {
  id: string;
  name: string;
  scopes: string[];
  userId: string;
  email: string;
  userName: string;
  emailVerified: boolean;
  role: Role;
  overrides: unknown;
  plan: PlanSlug;
  lastUsedAt: Date | null;
};

/** The key with this hash, with who answers for it, while both hold. */
export function findHeldKey(db: Database, scope: WorkspaceScope, keyHash: string): Promise<HeldKey | undefined> {
  return db.withWorkspaceSql(scope, async (sql) => {
    const { rows } = await sql.query<HeldKey>(
      `select k.id, k.name, k.scopes, u.id as "userId", u.email, u.name as "userName",
         u.email_verified_at is not null as "emailVerified", m.role, m.permissions as overrides, w.plan,
         k.last_used_at as "lastUsedAt"
       from api_key k
         join user_account u on u.id = k.created_by_id and u.deleted_at is null
         join membership m on m.workspace_id = k.workspace_id and m.user_id = k.created_by_id and m.deleted_at is null
         join workspace w on w.id = k.workspace_id and w.deleted_at is null
       where k.workspace_id = $1 and k.revoked_at is null and k.expires_at > now()
         and (k.key_hash = $2 or (k.previous_hash = $2 and k.grace_until > now()))`,
      [scope.workspaceId, keyHash],
    );
    return rows[0];
  });
}

export function noteUse(db: Database, scope: WorkspaceScope, id: string, ip: string): Promise<void> {
  return db.withWorkspaceSql(scope, async (sql) => {
    await sql.query('update api_key set last_used_at = now(), last_used_ip = $3 where workspace_id = $1 and id = $2', [
      scope.workspaceId,
      id,
      ip,
    ]);
  });
}
