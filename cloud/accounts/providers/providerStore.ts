import { v7 as uuidv7 } from 'uuid';
import type { Database, Tx } from '../../platform/database.ts';
import type { ProviderIdentity, ProviderName } from './provider.ts';

const HOUR_MS = 3_600_000;

/** Adds one, and clears away those that ended an hour ago. */
export async function insertAttempt(
  tx: Tx,
  now: Date,
  row: { cookieHash: string; provider: ProviderName; next: string; expiresAt: Date },
): Promise<void> {
  await tx.providerSignIn.deleteMany({ where: { expiresAt: { lt: new Date(now.getTime() - HOUR_MS) } } });
  await tx.providerSignIn.create({ data: { id: uuidv7(), createdAt: now, ...row } });
}

/** Uses an attempt up. @returns where it goes on to, undefined where there is none, it was used, or it is too old */
export async function useAttempt(
  tx: Tx,
  provider: ProviderName,
  cookieHash: string,
  now: Date,
): Promise<string | undefined> {
  const { count } = await tx.providerSignIn.updateMany({
    where: { provider, cookieHash, usedAt: null, expiresAt: { gt: now } },
    data: { usedAt: now },
  });
  if (count === 0) return undefined;
  return (await tx.providerSignIn.findUniqueOrThrow({ where: { cookieHash } })).next;
}

/** Keeps who the provider named, until an account's owner confirms that it is them. */
export async function keepIdentity(tx: Tx, cookieHash: string, identity: ProviderIdentity): Promise<void> {
  await tx.providerSignIn.update({ where: { cookieHash }, data: { identity } });
}

export async function findWaiting(tx: Tx, cookieHash: string, now: Date) {
  const row = await tx.providerSignIn.findUnique({ where: { cookieHash } });
  if (!row?.identity || row.expiresAt <= now) return undefined;
  return {
    provider: row.provider as ProviderName,
    next: row.next,
    identity: row.identity as unknown as ProviderIdentity,
  };
}

/** Takes what waits, once. */
export async function takeWaiting(tx: Tx, cookieHash: string, now: Date): Promise<boolean> {
  const { count } = await tx.providerSignIn.updateMany({
    where: { cookieHash, usedAt: { not: null }, expiresAt: { gt: now } },
    data: { expiresAt: now },
  });
  return count === 1;
}

export function findLinked(db: Database, provider: ProviderName, providerAccountId: string) {
  return db.withoutTenant((tx) =>
    tx.linkedAccount.findUnique({
      where: { provider_providerAccountId: { provider, providerAccountId } },
      include: { user: true },
    }),
  );
}

export function listLinked(db: Database, userId: string) {
  return db.withoutTenant((tx) => tx.linkedAccount.findMany({ where: { userId }, orderBy: { provider: 'asc' } }));
}

export async function insertLinked(
  tx: Tx,
  row: { userId: string; provider: ProviderName; providerAccountId: string; email: string },
): Promise<void> {
  await tx.linkedAccount.create({ data: { id: uuidv7(), ...row } });
}

/** @returns false where it was not connected */
export async function removeLinked(tx: Tx, userId: string, provider: ProviderName): Promise<boolean> {
  return (await tx.linkedAccount.deleteMany({ where: { userId, provider } })).count === 1;
}

/** Somebody whose address a provider has verified, and who has no password. */
export async function insertVerifiedUser(
  tx: Tx,
  user: { id: string; email: string; name: string; emailVerifiedAt: Date },
): Promise<void> {
  await tx.user.create({ data: user });
}
