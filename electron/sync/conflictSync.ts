import type { ConflictEntry as CloudEntry } from '#shared/contract/cloud/conflicts.ts';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { SluiceError } from '#shared/error.ts';
import type { ConflictRecord } from '#shared/merge/conflict.ts';
import type { CloudClient } from '../account/cloudClient.ts';
import type { OpenProject } from '../host/projectHost.ts';
import { inTransaction } from '../store/sqlite.ts';
import type { SyncStore } from './syncStore.ts';

const PAGE = 100;
const MOST_PAGES = 20;

/** The records of a bound project: those of the workspace, as this computer keeps them to show them at any time. */
export type ConflictSync = {
  /** The workspace's are others than those known here. */
  note(): void;
  /** These went with a push: from now on they are the workspace's. */
  sent(records: readonly ConflictRecord[]): void;
  /** Tells the answers that were given while nobody could be told. */
  sendAnswers(cloud: CloudClient): Promise<void>;
  /** Fetches the workspace's, where they may be others than those known here. */
  fetch(cloud: CloudClient): Promise<void>;
};

export function createConflictSync(project: OpenProject, store: SyncStore): ConflictSync {
  /** So it is at the start. */
  let stale = true;

  return {
    note: () => {
      stale = true;
    },
    sent: (records) => {
      if (records.length === 0) return;
      stale = true;
      const entries = records.flatMap(({ id, commitId }): ConflictEntry[] => {
        const entry = project.conflicts.get(id);
        return entry ? [{ ...entry, commitId, where: 'cloud' }] : [];
      });
      inTransaction(project.db.db, () => project.conflicts.put(entries));
    },
    sendAnswers: async (cloud) => {
      for (const { conflictId, ...answer } of store.answers()) {
        await cloud.conflicts.resolve({ projectId: project.id, conflictId, ...answer }).catch((thrown: unknown) => {
          // Somebody was faster, or the place is another one now: then it is shown again as it stands there.
          const isOver =
            thrown instanceof SluiceError && thrown.retry === 'no' && [404, 409, 422].includes(thrown.status);
          if (!isOver) throw thrown;
        });
        store.dropAnswer(conflictId);
        stale = true;
      }
    },
    fetch: async (cloud) => {
      if (!stale) return;
      stale = false;
      try {
        const open = await allOpen(cloud, project.id);
        const known = project.conflicts.list('open').filter(({ where }) => where === 'cloud');
        const closed = known.filter(({ id }) => !open.some((entry) => entry.id === id));
        const decided = closed.length === 0 ? [] : await lastResolved(cloud, project.id);
        const gone = closed.map(
          (entry) => decided.find(({ id }) => id === entry.id) ?? { ...entry, status: 'resolved' as const },
        );
        const entries = [...open, ...gone].map((entry): ConflictEntry => ({ ...entry, where: 'cloud' }));
        project.settleConflicts(project.tree(), entries);
      } catch (thrown) {
        stale = true;
        throw thrown;
      }
    },
  };
}

async function allOpen(cloud: CloudClient, projectId: string): Promise<CloudEntry[]> {
  const found: CloudEntry[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < MOST_PAGES; n++) {
    const page = await cloud.conflicts.list({ projectId, status: 'open', limit: PAGE, ...(cursor ? { cursor } : {}) });
    found.push(...page.data);
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  return found;
}

async function lastResolved(cloud: CloudClient, projectId: string): Promise<CloudEntry[]> {
  return (await cloud.conflicts.list({ projectId, status: 'resolved', limit: PAGE })).data;
}
