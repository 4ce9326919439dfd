import type { Logger } from '#shared/log.ts';
import type { Database } from '../platform/database.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import { readHead } from '../projects/head.ts';
import type { TreeCache } from '../projects/treeCache.ts';
import type { Signals } from '../runs/signals.ts';
import { entriesOf } from './entries.ts';
import { findMark, listStale, replaceEntries, takeTurn, writeMark } from './searchStore.ts';

export type SearchIndex = {
  /** Reads what was changed since it was last read: after it, everything that was pushed before is found. */
  catchUp(workspaceId: string): Promise<void>;
  /** Follows commits, so that a search seldom has something to catch up with. */
  start(): void;
  /** Waits for what is being read. */
  stop(): Promise<void>;
};

/** A burst of commits is read once. */
const SETTLE_MS = 500;
/** A search that finds more than this to catch up with reads the rest after its answer. */
const MOST_AT_ONCE = 50;

export function createSearchIndex({
  database,
  signals,
  trees,
  logger,
}: {
  database: Database;
  signals: Signals;
  trees: TreeCache;
  logger: Logger;
}): SearchIndex {
  const waiting = new Map<string, NodeJS.Timeout>();
  const working = new Set<Promise<void>>();
  let unsubscribe: (() => void) | undefined;

  /** @param wait whether to wait for somebody who reads the same project now */
  function read(workspaceId: string, projectId: string, wait: boolean): Promise<void> {
    return database.withWorkspaceSql({ workspaceId }, async (sql) => {
      const place = { workspaceId, projectId };
      if (!(await takeTurn(sql, place, wait))) return;
      const head = await readHead(sql, place, trees);
      if ((await findMark(sql, place)) === `${head.revision}:${head.hash}`) return;
      await replaceEntries(sql, place, entriesOf(head.tree));
      await writeMark(sql, place, head);
    });
  }

  async function catchUp(workspaceId: string): Promise<void> {
    const stale = await database.withWorkspaceSql({ workspaceId }, (sql) => listStale(sql, workspaceId, MOST_AT_ONCE));
    for (const projectId of stale) await read(workspaceId, projectId, true);
  }

  function readSoon(workspaceId: string, projectId: string): void {
    const key = tenantKey(workspaceId, projectId);
    if (waiting.has(key)) return;
    const timer = setTimeout(() => {
      waiting.delete(key);
      const work = read(workspaceId, projectId, false)
        .catch((error: unknown) =>
          // Deleted meanwhile, or the database is away: the next search catches up.
          logger.debug('A project was not read for searching.', { workspaceId, projectId, error: String(error) }),
        )
        .finally(() => working.delete(work));
      working.add(work);
    }, SETTLE_MS);
    timer.unref();
    waiting.set(key, timer);
  }

  return {
    catchUp,
    start() {
      unsubscribe ??= signals.subscribe((signal) => {
        if (signal.kind === 'commit') readSoon(signal.workspaceId, signal.projectId);
      });
    },
    async stop() {
      unsubscribe?.();
      for (const timer of waiting.values()) clearTimeout(timer);
      waiting.clear();
      await Promise.all(working);
    },
  };
}
