import { v7 as uuidv7 } from 'uuid';
import type { JsonObject } from '#shared/json.ts';
import { CHAIN_START, chainHash } from '../audit/chain.ts';
import type { Database, Tx } from '../platform/database.ts';
import { lockSessions, revokeAllOf } from './sessionStore.ts';

export function findUserByEmail(db: Database, email: string) {
  return db.withoutTenant((tx) => tx.user.findFirst({ where: { email, deletedAt: null } }));
}

/** Somebody whose account is being deleted: the address is not free until it is. */
export function findLeaving(db: Database, email: string) {
  return db.withoutTenant((tx) => tx.user.findFirst({ where: { email, deletedAt: { not: null } } }));
}

export function findUser(db: Database, id: string) {
  return db.withoutTenant((tx) => tx.user.findFirst({ where: { id, deletedAt: null } }));
}

export async function insertUser(
  tx: Tx,
  user: { id: string; email: string; name: string; passwordHash: string },
): Promise<void> {
  await tx.user.create({ data: user });
}

export async function insertVerification(
  tx: Tx,
  token: {
    userId: string;
    tokenHash: string;
    expiresAt: Date;
    kind?: 'email' | 'password_reset';
    /** What holds from the moment in which this link confirms the address. */
    name?: string;
    passwordHash?: string;
  },
): Promise<void> {
  await tx.verificationToken.create({ data: { id: uuidv7(), kind: 'email', ...token } });
}

/**
 * Uses the token up and confirms its address. Where somebody signed up again, the name and password that they chose with this
 * letter hold from now on, and what anybody opened before is ended: nobody but who reads the mail decides whose account it is.
 *
 * @returns the user's id, undefined where the token is unknown, used or too old
 */
export async function confirmEmail(db: Database, tokenHash: string, now: Date): Promise<string | undefined> {
  const token = await db.withoutTenant((tx) => tx.verificationToken.findUnique({ where: { tokenHash } }));
  if (!token) return undefined;
  const { userId, name, passwordHash } = token;
  return db.withUser(userId, async (tx) => {
    if (passwordHash !== null) await lockSessions(tx, userId);
    if ((await useToken(tx, 'email', tokenHash, now)) === undefined) return undefined;
    const chosen = passwordHash === null ? {} : { name: name ?? undefined, passwordHash };
    const { count } = await tx.user.updateMany({
      where: { id: userId, emailVerifiedAt: null },
      data: { emailVerifiedAt: now, ...chosen },
    });
    // Another letter was quicker.
    if (count === 0 && passwordHash !== null) return undefined;
    await tx.verificationToken.updateMany({ where: { userId, kind: 'email', usedAt: null }, data: { usedAt: now } });
    if (passwordHash !== null) await revokeAllOf(tx, userId, now);
    return userId;
  });
}

/** Uses a token of a letter up. @returns whose it is, undefined where it is unknown, used or too old */
export async function useToken(
  tx: Tx,
  kind: 'email' | 'password_reset',
  tokenHash: string,
  now: Date,
): Promise<string | undefined> {
  const { count } = await tx.verificationToken.updateMany({
    where: { tokenHash, kind, usedAt: null, expiresAt: { gt: now }, user: { deletedAt: null } },
    data: { usedAt: now },
  });
  if (count === 0) return undefined;
  return (await tx.verificationToken.findUniqueOrThrow({ where: { tokenHash } })).userId;
}

/** Whose link this is to set a password, while it is good. */
export async function findTokenOwner(tx: Tx, tokenHash: string, now: Date) {
  const token = await tx.verificationToken.findUnique({ where: { tokenHash }, include: { user: true } });
  const good = token?.kind === 'password_reset' && !token.usedAt && token.expiresAt > now && !token.user.deletedAt;
  return good ? token.user : undefined;
}

/** Whoever has the letter reads mail at its address. */
export async function markConfirmed(tx: Tx, userId: string, now: Date): Promise<void> {
  await tx.user.updateMany({ where: { id: userId, emailVerifiedAt: null }, data: { emailVerifiedAt: now } });
}

/** Sets a password, and makes links to set another one worthless. @returns the person */
export async function replacePassword(tx: Tx, userId: string, passwordHash: string, now: Date) {
  await tx.verificationToken.updateMany({
    where: { userId, kind: 'password_reset', usedAt: null },
    data: { usedAt: now },
  });
  return tx.user.update({ where: { id: userId }, data: { passwordHash } });
}

export async function markSignedIn(tx: Tx, userId: string, now: Date): Promise<void> {
  await tx.user.update({ where: { id: userId }, data: { lastLoginAt: now } });
}

export type AccountEventRecord = {
  /** `auth.login`, `auth.refresh_reuse`, … (domain.md 9). */
  action: string;
  outcome?: 'ok' | 'denied' | 'failed';
  metadata?: JsonObject;
  ip?: string;
  userAgent?: string;
};

/** Adds an entry to the user's own log, in a transaction opened with `withUser`. */
export async function recordAccountEvent(tx: Tx, userId: string, record: AccountEventRecord, at: Date): Promise<void> {
  await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended('account:' || ${userId}::text, 0))::text as locked`;
  const last = await tx.accountEvent.findFirst({ where: { userId }, orderBy: { seq: 'desc' } });
  const prevHash = last?.hash ?? CHAIN_START;
  const { action, outcome = 'ok', metadata = {}, ip, userAgent } = record;
  const entry = {
    id: uuidv7(),
    userId,
    seq: (last?.seq ?? 0) + 1,
    action,
    outcome,
    metadata,
    ip: ip ?? null,
    userAgent: userAgent ?? null,
  };
  const hash = chainHash(prevHash, { ...entry, at: at.toISOString() });
  await tx.accountEvent.create({ data: { ...entry, at, prevHash, hash } });
}
