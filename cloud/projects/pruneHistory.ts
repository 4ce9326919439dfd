import type { Logger } from '#shared/log.ts';
import { PLANS } from '#shared/plan.ts';
import { planOf } from '../audit/auditStore.ts';
import type { Database, Sql } from '../platform/database.ts';
import { insertSnapshot } from './projectStore.ts';
import { findPrunable, listKeptWithoutTree, type Prunable, pruneCommits } from './pruneStore.ts';
import { readRevision } from './readRevision.ts';
import { createTreeCache } from './treeCache.ts';

/** So many of a project's newest revisions stay however old they are: who comes back after a year has something to go back to. */
const NEWEST_KEPT = 100;

/**
 * Lets go of the commits of a workspace's projects that are older than its plan keeps. Revisions with a name, those that
 * versions were made of and what open conflicts are about stay, each with its whole tree. Nobody's merge needs a commit:
 * every desktop has the base of its own.
 *
 * @returns how many commits went
 */
export async function pruneHistory(
  { db, logger, newestKept = NEWEST_KEPT }: { db: Database; logger: Logger; newestKept?: number },
  workspaceId: string,
): Promise<number> {
  const scope = { workspaceId };
  const { keepDays, projects } = await db.withWorkspaceSql(scope, async (sql) => {
    const keepDays = PLANS[await planOf(sql, workspaceId)].auditDays;
    return { keepDays, projects: await findPrunable(sql, workspaceId, { keepDays, newestKept }) };
  });
  let gone = 0;
  for (const one of projects) gone += await db.withWorkspaceSql(scope, (sql) => pruneProject(sql, one, keepDays));
  if (gone > 0) logger.info('Old commits are gone.', { workspaceId, projects: projects.length, commits: gone });
  return gone;
}

async function pruneProject(sql: Sql, { upTo, ...place }: Prunable, keepDays: number): Promise<number> {
  const trees = createTreeCache({ capacity: 1 });
  for (const revision of await listKeptWithoutTree(sql, place, upTo)) {
    const found = await readRevision(sql, place, revision, trees);
    if (found) await insertSnapshot(sql, place, { ...found, treeText: JSON.stringify(found.tree) });
  }
  return pruneCommits(sql, place, { upTo, keepDays });
}
