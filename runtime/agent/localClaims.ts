import type { Assignment, BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { RunEvent } from '#shared/run/events.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { RunStore, StoredRun } from '../journal/runStore.ts';
import type { createLocalJournal } from './localJournal.ts';

export type LocalClaimsDeps = {
  store: RunStore;
  journal: ReturnType<typeof createLocalJournal>;
  connectionsOf(projectId: string, names: string[], environment: string): Record<string, BoundConnection>;
  now: () => number;
  leaseMs: number;
  /** Told of runs that were ended in place of being handed out. */
  onEnded(run: StoredRun, event: RunEvent): void;
};

/** Versions kept parsed. */
const KEPT_TREES = 8;

/** Who executes which run: leases with a fence that rises each time a run changes hands. */
export function createLocalClaims(deps: LocalClaimsDeps) {
  const { store, journal, now, leaseMs } = deps;
  const trees = new Map<string, Tree>();
  const wakers = new Map<string, Set<() => void>>();
  /** What this process handed out, by project: run and fence. */
  const handedOut = new Map<string, Map<string, number>>();

  function treeOf(run: StoredRun): Tree {
    const known = trees.get(run.treeHash);
    if (known) return known;
    const json = store.tree(run.treeHash);
    if (json === undefined) {
      throw new SluiceError('version.not_found', `The project as it was for run ${run.runId} is gone.`);
    }
    const tree = JSON.parse(json) as Tree;
    trees.set(run.treeHash, tree);
    const [oldest] = trees.keys();
    if (trees.size > KEPT_TREES && oldest !== undefined) trees.delete(oldest);
    return tree;
  }

  function assign(run: StoredRun, have: readonly string[]): Assignment {
    const tree = treeOf(run);
    const kept = run.assignment as unknown as Pick<Assignment, 'environment' | 'input' | 'partial'>;
    return {
      runId: run.runId,
      fence: run.fence,
      leaseMs,
      projectId: run.projectId,
      workflowId: run.workflowId,
      treeHash: run.treeHash,
      ...(have.includes(run.treeHash) ? {} : { tree }),
      environment: kept.environment,
      connections: deps.connectionsOf(run.projectId, Object.keys(tree.connections), run.environment),
      triggerStepId: run.triggerStepId,
      input: kept.input,
      events: store.events(run.runId),
      ...(kept.partial ? { partial: kept.partial } : {}),
    };
  }

  function waitForWork(projectId: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = wakers.get(projectId) ?? new Set();
      wakers.set(projectId, waiting);
      const finish = () => {
        clearTimeout(timer);
        waiting.delete(finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      waiting.add(finish);
    });
  }

  function wake(projectId: string): void {
    for (const waker of [...(wakers.get(projectId) ?? [])]) waker();
  }

  return {
    /** Takes up to `free` runs of a project, in one transaction. */
    claim(projectId: string, free: number, have: readonly string[]): Assignment[] {
      const ended: [StoredRun, RunEvent][] = [];
      const claimed = store.transaction(() => {
        const taken: Assignment[] = [];
        for (const found of store.claimable(projectId, now(), free)) {
          if (found.cancel) {
            ended.push([found, journal.endCancelled(found)]);
            continue;
          }
          const run = { ...found, fence: found.fence + 1 };
          try {
            taken.push(assign(run, have));
            store.updateRun(run.runId, { fence: run.fence, leaseUntil: now() + leaseMs });
          } catch (thrown) {
            if (!(thrown instanceof SluiceError)) throw thrown;
            // Without its version it can never run. Anything else, a locked vault for one, may pass.
            if (thrown.code === 'version.not_found') {
              ended.push([found, journal.endUnheld(found, 'failed', thrown.toWire())]);
            }
          }
        }
        return taken;
      });
      const held = handedOut.get(projectId) ?? new Map<string, number>();
      handedOut.set(projectId, held);
      for (const { runId, fence } of claimed) held.set(runId, fence);
      for (const one of ended) deps.onEnded(...one);
      return claimed;
    },
    /** Waits until there may be something to claim, at most until a time. */
    async waitUntil(projectId: string, until: number): Promise<void> {
      const due = Math.min(until, store.nextDue(projectId) ?? until);
      await waitForWork(projectId, Math.max(due - now(), 5));
    },
    wake,
    wakeAll(): void {
      for (const projectId of wakers.keys()) wake(projectId);
    },
    /** A run was let go of. */
    forget(projectId: string, runId: string): void {
      handedOut.get(projectId)?.delete(runId);
    },
    /** What was handed out here for a project may be taken again at once; another process keeps what it holds. */
    release(projectId: string): void {
      const held = handedOut.get(projectId) ?? new Map<string, number>();
      store.transaction(() => {
        for (const [runId, fence] of held) store.expireLease(runId, fence);
      });
      held.clear();
      wake(projectId);
    },
  };
}
