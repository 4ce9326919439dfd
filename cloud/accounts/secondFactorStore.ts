import { v7 as uuidv7 } from 'uuid';
import type { Tx } from '../platform/database.ts';
import { networkOf } from '../platform/network.ts';

export function findFactor(tx: Tx, userId: string) {
  return tx.secondFactor.findUnique({ where: { userId } });
}

/** A secret that is not asked for yet, in place of an earlier one that was not confirmed. */
export async function putFactor(tx: Tx, userId: string, secretSealed: Uint8Array<ArrayBuffer>): Promise<void> {
  await tx.secondFactor.upsert({
    where: { userId },
    create: { userId, secretSealed },
    update: { secretSealed, lastStep: null },
  });
}

/** Takes the code of a time step. @returns false where this one, or a later one, was taken before */
export async function takeStep(tx: Tx, userId: string, step: number): Promise<boolean> {
  const { count } = await tx.secondFactor.updateMany({
    where: { userId, OR: [{ lastStep: null }, { lastStep: { lt: step } }] },
    data: { lastStep: step },
  });
  return count === 1;
}

/** @returns false where it was on already */
export async function confirmFactor(tx: Tx, userId: string, now: Date): Promise<boolean> {
  const { count } = await tx.secondFactor.updateMany({
    where: { userId, confirmedAt: null },
    data: { confirmedAt: now },
  });
  return count === 1;
}

export async function removeFactor(tx: Tx, userId: string): Promise<void> {
  await tx.recoveryCode.deleteMany({ where: { userId } });
  await tx.secondFactor.deleteMany({ where: { userId } });
}

/** These recovery codes and no others. */
export async function replaceCodes(tx: Tx, userId: string, hashes: string[]): Promise<void> {
  await tx.recoveryCode.deleteMany({ where: { userId } });
  await tx.recoveryCode.createMany({ data: hashes.map((codeHash) => ({ id: uuidv7(), userId, codeHash })) });
}

/** Uses a recovery code up. @returns false where there is none such, or it was used before */
export async function takeRecoveryCode(tx: Tx, userId: string, codeHash: string, now: Date): Promise<boolean> {
  const { count } = await tx.recoveryCode.updateMany({
    where: { userId, codeHash, usedAt: null },
    data: { usedAt: now },
  });
  return count === 1;
}

export function countCodes(tx: Tx, userId: string): Promise<number> {
  return tx.recoveryCode.count({ where: { userId, usedAt: null } });
}

/** Whether this person has signed in from this address before, or from a neighbour of it that is counted with it. */
export async function knowsAddress(tx: Tx, userId: string, ip: string, since: Date): Promise<boolean> {
  const seen = await tx.session.findMany({
    where: { userId, createdAt: { gt: since } },
    select: { ip: true },
    distinct: ['ip'],
    take: 1_000,
  });
  return seen.some((session) => session.ip !== null && networkOf(session.ip) === networkOf(ip));
}
