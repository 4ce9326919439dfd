import { createHash } from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { RunEvent, RunLogLine } from '#shared/run/events.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { RunStore, StoredRun } from '../journal/runStore.ts';
import type { NewRun } from './localControl.ts';

export type StoredRuns = ReturnType<typeof createStoredRuns>;

/** Runs as the store has them, each with the version that it runs. */
export function createStoredRuns(store: RunStore, now: () => number) {
  const texts = new WeakMap<Tree, { text: string; hash: string }>();

  function textOf(tree: Tree): { text: string; hash: string } {
    const known = texts.get(tree);
    if (known) return known;
    const text = JSON.stringify(tree);
    const made = { text, hash: createHash('sha256').update(text).digest('hex') };
    texts.set(tree, made);
    return made;
  }

  return {
    /** The row of a run that nobody has taken yet. */
    rowOf: (run: NewRun, runId: string): StoredRun => ({
      runId,
      projectId: run.projectId,
      workflowId: run.workflowId,
      workflowName: run.workflowName,
      environment: run.environment.name,
      trigger: run.trigger,
      triggerStepId: run.triggerStepId,
      status: 'queued',
      fence: 0,
      leaseUntil: undefined,
      dueAt: run.atMs,
      cancel: false,
      queuedAt: now(),
      startedAt: undefined,
      finishedAt: undefined,
      stepCount: 0,
      lastSeq: 0,
      treeHash: textOf(run.tree).hash,
      assignment: {
        environment: run.environment,
        input: run.items,
        ...(run.partial ? { partial: run.partial } : {}),
        ...(run.retryOf ? { retryOf: run.retryOf } : {}),
        ...(run.recorded ? { recorded: run.recorded } : {}),
        ...(run.effectRunId ? { effectRunId: run.effectRunId } : {}),
      } as unknown as Json,
      retryOf: run.retryOf,
      wait: null,
      error: null,
      answer: undefined,
    }),
    /** Call it inside a transaction. */
    insert(row: StoredRun, tree: Tree): void {
      if (!store.hasTree(row.treeHash)) store.putTree(row.treeHash, textOf(tree).text);
      store.insertRun(row);
    },
    /** Stores a run that ended before anything of it was stored. Resolves once it is on the disk. */
    keepEnded: (
      row: StoredRun,
      tree: Tree,
      { events, logs }: { events: readonly RunEvent[]; logs: readonly RunLogLine[] },
    ) => store.keepEnded(row, { tree: textOf(tree).text, events, logs }),
    /** The version of a run, as it was stored with it. @throws SluiceError version.not_found */
    treeOf(run: Pick<StoredRun, 'runId' | 'treeHash'>): Tree {
      const json = store.tree(run.treeHash);
      if (json !== undefined) return JSON.parse(json) as Tree;
      throw new SluiceError('version.not_found', `The project as it was for run ${run.runId} is gone.`);
    },
  };
}
