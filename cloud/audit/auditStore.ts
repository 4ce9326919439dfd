import type { JsonObject } from '#shared/json.ts';
import type { Database, WorkspaceScope } from '../platform/database.ts';
import { CHAIN_START, chainHash } from './chain.ts';

/** The newest entries first, one more than `limit` if there are more. @param before the id that the page goes on after */
export function listEntries(
  db: Database,
  scope: WorkspaceScope,
  { since, limit, before }: { since?: Date; limit: number; before?: string },
) {
  return db.withWorkspace(scope, (tx) =>
    tx.auditEntry.findMany({
      where: {
        workspaceId: scope.workspaceId,
        ...(since ? { at: { gte: since } } : {}),
        ...(before ? { id: { lt: before } } : {}),
      },
      orderBy: { id: 'desc' },
      take: limit + 1,
    }),
  );
}

/** How many days of the log the workspace's plan shows. */
export function planOf(db: Database, scope: WorkspaceScope) {
  return db.withWorkspace(
    scope,
    async (tx) => (await tx.workspace.findUniqueOrThrow({ where: { id: scope.workspaceId } })).plan,
  );
}

/** Recomputes the chain. @returns the number of the first entry that is not as it was written, undefined if all are */
export function findTampering(db: Database, scope: WorkspaceScope): Promise<number | undefined> {
  return db.withWorkspace(scope, async (tx) => {
    const entries = await tx.auditEntry.findMany({
      where: { workspaceId: scope.workspaceId },
      orderBy: { seq: 'asc' },
    });
    let prevHash = CHAIN_START;
    let expected = 1;
    for (const { prevHash: claimed, hash, metadata, at, ...rest } of entries) {
      const entry = { ...rest, metadata: metadata as JsonObject, at: at.toISOString() };
      if (rest.seq !== expected || claimed !== prevHash || chainHash(prevHash, entry) !== hash) return rest.seq;
      prevHash = hash;
      expected++;
    }
    return undefined;
  });
}
