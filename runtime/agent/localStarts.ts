import type { AgentApi } from '#shared/contract/agentApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { RunStore } from '../journal/runStore.ts';
import type { LiveRun } from './liveRuns.ts';
import type { NewRun } from './localControl.ts';
import type { StoredRuns } from './storedRuns.ts';

export type LocalStartsDeps = {
  store: Pick<RunStore, 'findWhole'>;
  storedRuns: Pick<StoredRuns, 'treeOf'>;
  findLive(runId: string): LiveRun | undefined;
  start(run: NewRun): Promise<{ runId: string }>;
};

/** Runs that runs start beside themselves: each once, by its key. */
export function createLocalStarts({
  store,
  storedRuns,
  findLive,
  start,
}: LocalStartsDeps): Service<AgentApi['agent']>['start'] {
  return async ({ runId, fence, workflowId, triggerStepId, items, key, atMs }) => {
    const one = findLive(runId);
    const run = one?.run ?? store.findWhole(runId);
    if (!run || run.fence !== fence) {
      throw new SluiceError('run.fenced', `Run ${runId} belongs to another runtime, or has ended.`);
    }
    const tree = one?.tree ?? storedRuns.treeOf(run);
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
