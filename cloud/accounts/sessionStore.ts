import { v7 as uuidv7 } from 'uuid';
import type { Role } from '#shared/permission.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { SignedIn } from '../server/actor.ts';

/** The person behind an access token that holds at `now`. Every request asks, so it is plain SQL. */
export function findSessionByAccess(
  db: Database,
  accessHash: string,
  kind: 'device' | 'browser',
  now: Date,
): Promise<SignedIn | undefined> {
  return db.withoutTenantSql(async (sql) => {
    const { rows } = await sql.query<SignedIn>(
      `select s.id as "sessionId", s.family, u.id as "userId", u.email, u.name,
              u.email_verified_at is not null as "emailVerified"
         from session s join user_account u on u.id = s.user_id and u.deleted_at is null
        where s.access_hash = $1 and s.kind = $2::session_kind and s.revoked_at is null and s.access_expires_at > $3`,
      [accessHash, kind, now],
    );
    return rows[0];
  });
}

/** What somebody is in a workspace that is there. Every request asks, and the feed does for each of its connections. */
export function findMembership(
  db: Database,
  userId: string,
  workspaceId: string,
): Promise<{ role: Role; permissions: unknown } | undefined> {
  return db.withWorkspaceSql({ workspaceId }, async (sql) => {
    const { rows } = await sql.query<{ role: Role; permissions: unknown }>(
      `select m.role, m.permissions
         from membership m join workspace w on w.id = m.workspace_id and w.deleted_at is null
        where m.workspace_id = $1 and m.user_id = $2 and m.deleted_at is null`,
      [workspaceId, userId],
    );
    return rows[0];
  });
}

export type NewSession = {
  userId: string;
  deviceId?: string;
  family: string;
  kind: 'device' | 'browser';
  accessHash: string;
  accessExpiresAt: Date;
  refreshHash?: string;
  expiresAt: Date;
  ip: string;
  userAgent: string;
};

export async function insertSession(tx: Tx, session: NewSession): Promise<void> {
  await tx.session.create({ data: { id: uuidv7(), ...session } });
}

export async function insertDevice(tx: Tx, userId: string, name: string, now: Date): Promise<string> {
  const id = uuidv7();
  await tx.device.create({ data: { id, userId, name, lastSeenAt: now } });
  return id;
}

export async function touchDevice(tx: Tx, deviceId: string, now: Date): Promise<void> {
  await tx.device.update({ where: { id: deviceId }, data: { lastSeenAt: now } });
}

export function findByRefresh(tx: Tx, refreshHash: string) {
  return tx.session.findUnique({ where: { refreshHash } });
}

/** Marks a session as traded for its successor. @returns false where somebody else was first */
export async function markRotated(
  tx: Tx,
  id: string,
  successorSealed: Uint8Array<ArrayBuffer>,
  now: Date,
  accessUntil: Date,
): Promise<boolean> {
  const { count } = await tx.session.updateMany({
    where: { id, rotatedAt: null, revokedAt: null },
    data: { rotatedAt: now, successorSealed, accessExpiresAt: accessUntil },
  });
  return count === 1;
}

/** The sessions of a family that were made after this one: its successor, and what followed. */
export function countLaterRotations(tx: Tx, family: string, after: Date): Promise<number> {
  return tx.session.count({ where: { family, rotatedAt: { gt: after } } });
}

/**
 * Keeps everything else from renewing or ending sign-ins of this person until the transaction is over: a successor that is
 * made in the moment in which its family ends would outlive it.
 */
export async function lockSessions(tx: Tx, userId: string): Promise<void> {
  await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended('sessions:' || ${userId}::text, 0))::text as locked`;
}

/** @returns whether it held until now */
export async function revokeFamily(tx: Tx, family: string, now: Date): Promise<boolean> {
  const { count } = await tx.session.updateMany({ where: { family, revokedAt: null }, data: { revokedAt: now } });
  return count > 0;
}

/** What the device of a sign-in is called. */
export async function deviceNameOf(tx: Tx, family: string): Promise<string | undefined> {
  const where = { family, deviceId: { not: null } };
  const session = await tx.session.findFirst({ where, select: { device: { select: { name: true } } } });
  return session?.device?.name;
}

/**
 * Ends every sign-in of a person, and those that were on their way: codes that wait to be traded for tokens.
 *
 * @param except the family that stays
 * @returns how many held until now
 */
export async function revokeAllOf(tx: Tx, userId: string, now: Date, except?: string): Promise<number> {
  await lockSessions(tx, userId);
  const others = { userId, revokedAt: null, ...(except === undefined ? {} : { family: { not: except } }) };
  const ended = await tx.session.count({ where: { ...others, rotatedAt: null, expiresAt: { gt: now } } });
  await tx.session.updateMany({ where: others, data: { revokedAt: now } });
  await tx.authorizationCode.updateMany({ where: { userId, usedAt: null }, data: { usedAt: now } });
  await tx.deviceAuthorization.updateMany({ where: { userId, usedAt: null }, data: { usedAt: now } });
  return ended;
}

/** The sign-ins of a person that hold, newest first: of each family the one row that was not traded for another. */
export function listLive(tx: Tx, userId: string, now: Date) {
  return tx.session.findMany({
    where: { userId, revokedAt: null, rotatedAt: null, expiresAt: { gt: now } },
    include: { device: true },
    orderBy: { createdAt: 'desc' },
  });
}

/** @returns false where this person has no such sign-in that holds */
export async function revokeOwnFamily(tx: Tx, userId: string, family: string, now: Date): Promise<boolean> {
  await lockSessions(tx, userId);
  const { count } = await tx.session.updateMany({
    where: { userId, family, revokedAt: null, expiresAt: { gt: now } },
    data: { revokedAt: now },
  });
  return count > 0;
}

export async function insertCode(
  tx: Tx,
  code: { userId: string; codeHash: string; codeChallenge: string; redirectUri: string; expiresAt: Date },
): Promise<void> {
  await tx.authorizationCode.create({ data: { id: uuidv7(), ...code } });
}

export function findCode(tx: Tx, codeHash: string) {
  return tx.authorizationCode.findUnique({ where: { codeHash } });
}

/** Uses a code up. @returns false where it was used before */
export async function useCode(tx: Tx, id: string, family: string, now: Date): Promise<boolean> {
  const { count } = await tx.authorizationCode.updateMany({
    where: { id, usedAt: null },
    data: { usedAt: now, family },
  });
  return count === 1;
}
