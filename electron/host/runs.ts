import type { LocalControl } from '#runtime/agent/localControl.ts';
import type { RetryRequest } from '#runtime/agent/localRetry.ts';
import type { Service } from '#shared/contract/contract.ts';
import type { RetryResult } from '#shared/contract/host/runs.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { packForRun } from '../packages/packProject.ts';
import type { Runners } from '../runner/runner.ts';
import { environmentOf, newRun } from './newRun.ts';
import type { ProjectSet } from './projects.ts';
import { treeOfRun } from './runPart.ts';

const MAX_ITEMS = 1_000;

export type RunCallsDeps = {
  projects: Pick<ProjectSet, 'get' | 'isTrusted'>;
  runners: Pick<Runners, 'start'>;
  control: LocalControl;
};

/** Runs on this computer: only of projects that somebody trusted. */
export function runCalls({ projects, runners, control }: RunCallsDeps): Service<HostApi['runs']> {
  const found = (runId: string) => {
    const run = control.get(runId);
    if (run) return run;
    throw new SluiceError('run.not_found', 'There is no such run on this computer.', {
      advice: 'Runs are kept for 30 days, and at most 10,000 of them.',
    });
  };
  const trusted = async (projectId: string) => {
    const project = await projects.get(projectId);
    if (projects.isTrusted(projectId)) return project;
    throw new SluiceError('project.not_trusted', 'This project came from elsewhere, so nothing of it runs yet.', {
      advice: 'Look at its steps and scripts, then trust the project.',
    });
  };
  const retry: Service<HostApi['runs']>['retry'] = async ({ runId, from, fromStepId, version }) => {
    const { run } = found(runId);
    const project = await trusted(run.projectId);
    let latest: RetryRequest['latest'];
    if (version === 'latest') {
      project.edit(await packForRun(project.dir, project.tree(), run.workflowId));
      if (project.problems().length > 0) await project.flush().catch(() => undefined);
      const bounds = { triggerStepId: run.triggerStepId };
      const tree = treeOfRun(project.tree(), run.workflowId, bounds, project.problems());
      latest = { tree, vars: environmentOf(tree, run.environment).vars };
    }
    runners.start(run.projectId);
    return control.retry({ runId, from, ...(fromStepId ? { fromStepId } : {}), ...(latest ? { latest } : {}) });
  };
  return {
    start: async ({ projectId, ...wish }) => {
      const project = await trusted(projectId);
      project.edit(await packForRun(project.dir, project.tree(), wish.workflowId));
      // What is wrong is named with its line, so the file must hold what was changed a moment ago.
      if (project.problems().length > 0) await project.flush().catch(() => undefined);
      const problems = project.problems();
      const run = await newRun(project.tree(), wish, { pinned: project.pinnedItems, problems, runs: control });
      runners.start(projectId);
      const { runId } = await control.start(run);
      return { runId };
    },
    cancel: ({ runId }) => {
      found(runId);
      control.cancel(runId);
      return { done: true };
    },
    retry,
    retryMany: async ({ runIds, ...wish }) => {
      const results: RetryResult[] = [];
      for (const runId of runIds) {
        try {
          results.push({ runId, retry: (await retry({ runId, ...wish })).runId });
        } catch (thrown) {
          const { code, message } = SluiceError.from(thrown);
          results.push({ runId, error: { code, message } });
        }
      }
      return { results };
    },
    resume: async ({ runId, stepId, iteration, path, input }) => {
      const { run } = found(runId);
      await trusted(run.projectId);
      runners.start(run.projectId);
      control.resume({ runId, stepId, iteration, ...(path ? { path } : {}), by: 'local', input });
      return { done: true };
    },
    list: ({ projectId, workflowId, limit, cursor }) => {
      return control.list({ projectId, limit, ...(workflowId ? { workflowId } : {}), ...(cursor ? { cursor } : {}) });
    },
    get: ({ runId }) => found(runId),
    items: async ({ runId, blob }) => {
      // Only what this run's own events name; a hash alone opens nothing.
      if (!JSON.stringify(found(runId).events).includes(`"${blob}"`)) {
        throw new SluiceError('blob.not_found', 'The run has no such data.');
      }
      const items = await control.items(blob);
      return { items: items.slice(0, MAX_ITEMS), count: items.length };
    },
  };
}
