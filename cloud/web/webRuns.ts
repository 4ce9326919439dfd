import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { Service } from '#shared/contract/contract.ts';
import type { HostApi, HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { CloudClient } from './innerClient.ts';

export type WebRunDeps = {
  cloud(workspaceId?: string): CloudClient;
  /** The same without a limit on how often: what is told, not asked. */
  quiet(workspaceId: string): CloudClient;
  workspaceOf(projectId: string): Promise<string>;
  workspaceIds(): Promise<string[]>;
  isOpen(projectId: string): boolean;
  emit(event: HostEvent): void;
};

export type WebRuns = {
  runs: Service<HostApi['runs']>;
  hosted: Service<HostApi['hosted']>;
  /** A run has news. */
  moved(run: { workspaceId: string; projectId: string; runId: string; changed: boolean }): Promise<void>;
};

/** As many as a window can show; the oldest is followed no more. */
const MOST_WATCHED = 50;

type Watch = { workspaceId: string; projectId: string; seq: number; reading: boolean; again: boolean };

/** Runs as the web knows them: all of them are hosted, so what the editor asks of runs here is asked of the cloud. */
export function createWebRuns(deps: WebRunDeps): WebRuns {
  const { cloud, workspaceOf, emit } = deps;
  const watched = new Map<string, Watch>();
  const placeOfRun = new Map<string, string>();

  const of = async (projectId: string) => cloud(await workspaceOf(projectId));

  /** The workspace of a run, among those of the person; anybody else's run is as unknown as none. */
  async function ofRun(runId: string): Promise<{ client: CloudClient; run: RunSummary }> {
    const known = placeOfRun.get(runId);
    for (const workspaceId of known ? [known] : await deps.workspaceIds()) {
      const client = cloud(workspaceId);
      const run = await client.runs.get({ runId }).catch((thrown: unknown) => {
        if (thrown instanceof SluiceError && thrown.code === 'run.not_found') return undefined;
        throw thrown;
      });
      if (!run) continue;
      placeOfRun.set(runId, workspaceId);
      return { client, run };
    }
    throw new SluiceError('run.not_found', 'There is no such run.');
  }

  function watch(workspaceId: string, projectId: string, runId: string, seq: number): void {
    watched.delete(runId);
    watched.set(runId, { workspaceId, projectId, seq, reading: false, again: false });
    for (const oldest of watched.keys()) {
      if (watched.size <= MOST_WATCHED) break;
      watched.delete(oldest);
    }
    void pump(runId).catch(() => undefined);
  }

  /** Reads on from what was told last: a signal says only that there is more, so nothing is missed or told twice. */
  async function pump(runId: string): Promise<void> {
    const one = watched.get(runId);
    if (!one) return;
    if (one.reading) {
      one.again = true;
      return;
    }
    one.reading = true;
    try {
      do {
        one.again = false;
        const { events } = await deps.quiet(one.workspaceId).runs.events({ runId, after: one.seq });
        for (const event of events) {
          if (watched.get(runId) !== one) return;
          one.seq = event.seq;
          emit({ type: 'run.event', projectId: one.projectId, where: 'hosted', event });
          if (event.type === 'run.ended') watched.delete(runId);
        }
        if (events.length > 0) one.again = true;
      } while (one.again);
    } finally {
      one.reading = false;
    }
  }

  async function shown(projectId: string, runId: string) {
    const workspaceId = await workspaceOf(projectId);
    const client = cloud(workspaceId);
    const [run, { events }] = await Promise.all([client.runs.get({ runId }), client.runs.events({ runId })]);
    if (run.projectId !== projectId) throw new SluiceError('run.not_found', 'The project has no such run.');
    placeOfRun.set(runId, workspaceId);
    if (!run.finishedAt) watch(workspaceId, projectId, runId, events.at(-1)?.seq ?? 0);
    return { run, events };
  }

  return {
    async moved({ workspaceId, projectId, runId, changed }) {
      if (watched.has(runId)) await pump(runId);
      if (!changed || !deps.isOpen(projectId)) return;
      emit({ type: 'run.changed', where: 'hosted', run: await deps.quiet(workspaceId).runs.get({ runId }) });
    },

    hosted: {
      runs: async ({ projectId, ...filter }) => (await of(projectId)).runs.list({ projectId, ...filter }),
      run: ({ projectId, runId }) => shown(projectId, runId),
      cancel: async ({ projectId, runId }) => {
        await (await of(projectId)).runs.cancel({ runId });
        return { done: true };
      },
      retry: async ({ projectId, ...wish }) => ({ runId: (await (await of(projectId)).runs.retry(wish)).id }),
      retryMany: async ({ projectId, ...wish }) => retryResults(await (await of(projectId)).runs.retryMany(wish)),
      resume: async ({ projectId, ...answer }) => {
        await (await of(projectId)).runs.resume(answer);
        return { done: true };
      },
      usage: ({ workspaceId }) => cloud(workspaceId).billing.usage({}),
      upgrade: async ({ workspaceId, plan }) => {
        const { url } = await cloud(workspaceId).billing.checkout({ plan });
        return { url, opened: false };
      },
    },

    runs: {
      /** What is published runs; what is only drawn cannot, as there is no computer of the person's to run it on. */
      start: async ({ projectId, workflowId, triggerStepId, items, fromStepId, stopAfterStepId, environment }) => {
        if (fromStepId !== undefined || stopAfterStepId !== undefined) {
          throw new SluiceError('host.not_supported', 'A part of a workflow runs on the desktop only.', {
            advice: 'Run all of it here, or open the project on the desktop.',
          });
        }
        const workspaceId = await workspaceOf(projectId);
        const client = cloud(workspaceId);
        const place = environment === 'local' ? await liveEnvironment(client, projectId) : environment;
        const run = await client.runs.start({
          projectId,
          workflowId,
          environment: place,
          ...(triggerStepId === undefined ? {} : { triggerStepId }),
          ...(items ? { items } : {}),
        });
        placeOfRun.set(run.id, workspaceId);
        watch(workspaceId, projectId, run.id, 0);
        return { runId: run.id };
      },
      cancel: async ({ runId }) => {
        await (await ofRun(runId)).client.runs.cancel({ runId });
        return { done: true };
      },
      retry: async (wish) => ({ runId: (await (await ofRun(wish.runId)).client.runs.retry(wish)).id }),
      retryMany: async (wish) => {
        const [first = ''] = wish.runIds;
        return retryResults(await (await ofRun(first)).client.runs.retryMany(wish));
      },
      resume: async (answer) => {
        await (await ofRun(answer.runId)).client.runs.resume(answer);
        return { done: true };
      },
      list: () => ({ data: [] }),
      get: async ({ runId }) => {
        const { client, run } = await ofRun(runId);
        const [{ events }, logs] = await Promise.all([client.runs.events({ runId }), client.runs.logs({ runId })]);
        return { run, events, logs };
      },
      items: () => {
        throw new SluiceError('host.not_supported', 'These items are too many to be shown here.', {
          advice: 'Open the run on the desktop.',
        });
      },
    },
  };
}

type RetryAnswer = Awaited<ReturnType<CloudClient['runs']['retryMany']>>;

const retryResults = ({ results }: RetryAnswer) => ({
  results: results.map(({ retry, ...result }) => ({ ...result, ...(retry ? { retry: retry.id } : {}) })),
});

/** Where the project is live: production where it is there, else the newest. */
async function liveEnvironment(client: CloudClient, projectId: string): Promise<string> {
  const { data } = await client.deployments.list({ projectId, limit: 100 });
  const live = data.filter(({ status }) => status === 'active');
  const chosen = live.find(({ environment }) => environment === 'production') ?? live[0];
  if (chosen) return chosen.environment;
  throw new SluiceError('deployment.not_found', 'The project is not published yet, so nothing of it runs here.', {
    advice: 'Publish it first, or run it on the desktop.',
  });
}
