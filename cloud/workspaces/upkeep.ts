import { randomUUID } from 'node:crypto';
import type { Logger } from '#shared/log.ts';
import type { Database } from '../platform/database.ts';
import { claimUpkeep, planUpkeep, type Upkeep, type UpkeepKind } from './upkeepStore.ts';

export type UpkeepDeps = {
  db: Database;
  logger: Logger;
  /** What is done for a workspace whose turn it is. @returns in how many milliseconds to come back; undefined: never */
  handlers: Record<UpkeepKind, (workspaceId: string, owner: string) => Promise<number | undefined>>;
};

const AGAIN_MS = 60_000;

/** Looks after whatever workspace is due. Any number of processes may do it at any time. @returns how many it dealt with */
export async function upkeepTick({ db, logger, handlers }: UpkeepDeps, owner: string = randomUUID()): Promise<number> {
  const due = await db.withClaims((sql) => claimUpkeep(sql, owner));
  const later = (one: Upkeep, inMs: number) => db.withWorkspaceSql(one, (sql) => planUpkeep(sql, one, owner, inMs));
  for (const one of due) {
    const { workspaceId, kind } = one;
    try {
      const next = await handlers[kind](workspaceId, owner);
      if (next !== undefined) await later(one, next);
    } catch (thrown) {
      const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      logger.error('A workspace could not be looked after; it is tried again.', { workspaceId, kind, error });
      await later(one, AGAIN_MS);
    }
  }
  return due.length;
}
