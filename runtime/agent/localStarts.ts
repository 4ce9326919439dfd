import type { AgentApi } from '#shared/contract/agentApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { RunStore, StoredRun } from '../journal/runStore.ts';
import type { LiveRun } from './liveRuns.ts';
import type { NewRun } from './localControl.ts';

export type LocalStartsDeps = {
  store: Pick<RunStore, 'findWhole' | 'tree'>;
  findLive(runId: string): LiveRun | undefined;
  start(run: NewRun): Promise<{ runId: string }>;
};

/** The version of a run, as it was stored with it. @throws SluiceError version.not_found */
export function storedTree(store: Pick<RunStore, 'tree'>, run: Pick<StoredRun, 'runId' | 'treeHash'>): Tree {
  const json = store.tree(run.treeHash);
  if (json !== undefined) return JSON.parse(json) as Tree;
  throw new SluiceError('version.not_found', `The project as it was for run ${run.runId} is gone.`);
}

/** Runs that runs start beside themselves: each once, by its key. */
export function createLocalStarts({ store, findLive, start }: LocalStartsDeps): Service<AgentApi['agent']>['start'] {
  return async ({ runId, fence, workflowId, triggerStepId, items, key, atMs }) => {
    const one = findLive(runId);
    const run = one?.run ?? store.findWhole(runId);
    if (!run || run.fence !== fence) {
      throw new SluiceError('run.fenced', `Run ${runId} belongs to another runtime, or has ended.`);
    }
    const tree = one?.tree ?? storedTree(store, run);
    const workflow = tree.workflows[workflowId];
    if (!workflow) throw new SluiceError('workflow.not_found', `There is no workflow ${workflowId} in this project.`);
    const { environment } = run.assignment as unknown as Pick<NewRun, 'environment'>;
    const started = await start({
      projectId: run.projectId,
      workflowId,
      workflowName: workflow.name,
      tree,
      environment,
      triggerStepId,
      trigger: 'sub_workflow',
      items,
      dedupe: { hook: `start:${runId}`, deliveryId: key },
      ...(atMs === undefined ? {} : { atMs }),
    });
    return { runId: started.runId };
  };
}
