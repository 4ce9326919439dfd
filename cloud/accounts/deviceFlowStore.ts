import { v7 as uuidv7 } from 'uuid';
import type { Tx } from '../platform/database.ts';

const HOUR_MS = 3_600_000;

type NewAuthorization = {
  deviceCodeHash: string;
  userCodeHash: string;
  deviceName: string;
  ip: string;
  userAgent: string;
  pollSeconds: number;
  expiresAt: Date;
};

/** Adds one, and clears away those that ended an hour ago. */
export async function insertAuthorization(tx: Tx, now: Date, row: NewAuthorization): Promise<void> {
  await tx.deviceAuthorization.deleteMany({ where: { expiresAt: { lt: new Date(now.getTime() - HOUR_MS) } } });
  await tx.deviceAuthorization.create({ data: { id: uuidv7(), createdAt: now, ...row } });
}

export function findByDeviceCode(tx: Tx, deviceCodeHash: string) {
  return tx.deviceAuthorization.findUnique({ where: { deviceCodeHash } });
}

/** One that still waits for somebody to decide. */
export function findByUserCode(tx: Tx, userCodeHash: string, now: Date) {
  return tx.deviceAuthorization.findFirst({ where: { userCodeHash, approved: null, expiresAt: { gt: now } } });
}

export async function notePoll(tx: Tx, id: string, lastPolledAt: Date, pollSeconds: number): Promise<void> {
  await tx.deviceAuthorization.update({ where: { id }, data: { lastPolledAt, pollSeconds } });
}

/** @returns false where somebody decided before */
export async function decide(tx: Tx, id: string, userId: string, approved: boolean, now: Date): Promise<boolean> {
  const { count } = await tx.deviceAuthorization.updateMany({
    where: { id, approved: null, expiresAt: { gt: now } },
    data: { userId, approved },
  });
  return count === 1;
}

/** Uses an allowed one up. @returns false where it was used before */
export async function useAuthorization(tx: Tx, id: string, now: Date): Promise<boolean> {
  const { count } = await tx.deviceAuthorization.updateMany({
    where: { id, approved: true, usedAt: null, expiresAt: { gt: now } },
    data: { usedAt: now },
  });
  return count === 1;
}
