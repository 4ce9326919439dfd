import { v7 as uuidv7 } from 'uuid';
import type { Database, Tx } from '../platform/database.ts';
import type { SignedIn } from '../server/actor.ts';

export type SessionRow = Awaited<ReturnType<typeof findByRefresh>>;

/** The person behind an access token that holds at `now`. */
export function findSessionByAccess(
  db: Database,
  accessHash: string,
  kind: 'device' | 'browser',
  now: Date,
): Promise<SignedIn | undefined> {
  return db.withoutTenant(async (tx) => {
    const session = await tx.session.findUnique({ where: { accessHash }, include: { user: true } });
    if (!session || session.kind !== kind || session.revokedAt || session.accessExpiresAt <= now) return undefined;
    const { user } = session;
    if (user.deletedAt) return undefined;
    return {
      sessionId: session.id,
      family: session.family,
      userId: user.id,
      email: user.email,
      name: user.name,
      emailVerified: user.emailVerifiedAt !== null,
    };
  });
}

export function findMembership(db: Database, userId: string, workspaceId: string) {
  return db.withWorkspace({ workspaceId }, (tx) =>
    tx.membership.findFirst({ where: { workspaceId, userId, deletedAt: null, workspace: { deletedAt: null } } }),
  );
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

export async function revokeFamily(tx: Tx, family: string, now: Date): Promise<void> {
  await tx.session.updateMany({ where: { family, revokedAt: null }, data: { revokedAt: now } });
}

export async function revokeAllOf(tx: Tx, userId: string, now: Date): Promise<void> {
  await tx.session.updateMany({ where: { userId, revokedAt: null }, data: { revokedAt: now } });
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
