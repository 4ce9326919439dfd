import type { Service } from '#shared/contract/contract.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { AccountService } from '../account/accountService.ts';
import type { CloudClient } from '../account/cloudClient.ts';
import type { CloudServices, HostForCloud } from '../host/cloudServices.ts';
import type { FeedClient } from '../sync/feedClient.ts';
import { notBound, type SyncService } from '../sync/syncService.ts';

export type HostedDeps = {
  host: () => HostForCloud;
  account: AccountService;
  sync: Pick<SyncService, 'of'>;
  feed: Pick<FeedClient, 'watchRun'>;
};

/** What runs in the cloud, as the editor looks at it, and the workspace it runs in. */
export function hostedCalls(deps: HostedDeps): Service<HostApi['hosted']> {
  const { account } = deps;
  return {
    runs: async ({ projectId, ...filter }) =>
      (await cloudOf(deps, projectId)).cloud.runs.list({ projectId, ...filter }),

    run: async ({ projectId, runId }) => {
      const { cloud, workspaceId } = await cloudOf(deps, projectId);
      const [run, { events }] = await Promise.all([cloud.runs.get({ runId }), cloud.runs.events({ runId })]);
      if (run.projectId !== projectId) throw new SluiceError('run.not_found', 'The project has no such run.');
      if (!run.finishedAt) deps.feed.watchRun(workspaceId, runId, events.at(-1)?.seq ?? 0);
      return { run, events };
    },

    cancel: async ({ projectId, runId }) => {
      await (await cloudOf(deps, projectId)).cloud.runs.cancel({ runId });
      return { done: true };
    },

    retry: async ({ projectId, ...wish }) => {
      const { id } = await (await cloudOf(deps, projectId)).cloud.runs.retry(wish);
      return { runId: id };
    },

    retryMany: async ({ projectId, ...wish }) => {
      const { results } = await (await cloudOf(deps, projectId)).cloud.runs.retryMany(wish);
      return { results: results.map(({ retry, ...result }) => ({ ...result, ...(retry ? { retry: retry.id } : {}) })) };
    },

    resume: async ({ projectId, ...answer }) => {
      await (await cloudOf(deps, projectId)).cloud.runs.resume(answer);
      return { done: true };
    },

    usage: ({ workspaceId }) => account.client(workspaceId).billing.usage({}),

    upgrade: async ({ workspaceId, plan }) => {
      const { url } = await account.client(workspaceId).billing.checkout({ plan });
      // Where nothing can be opened, the person is shown the address.
      const opened = await deps
        .host()
        .openExternal(url)
        .catch(() => false);
      return { url, opened };
    },
  };
}

/** The hosted half of a project's connections. */
export function hostedConnections(deps: HostedDeps): CloudServices['hostedConnections'] {
  return {
    names: async (projectId) => {
      try {
        const { cloud } = await cloudOf(deps, projectId);
        return (await cloud.connections.list({})).map((record) => record.name);
      } catch (thrown) {
        if (thrown instanceof SluiceError && thrown.code !== 'internal') return [];
        throw thrown;
      }
    },
    set: async ({ projectId, ...connection }) => {
      await (await cloudOf(deps, projectId)).cloud.connections.set(connection);
    },
    test: async ({ projectId, ...entered }) => (await cloudOf(deps, projectId)).cloud.connections.test(entered),
  };
}

async function cloudOf(deps: HostedDeps, projectId: string): Promise<{ cloud: CloudClient; workspaceId: string }> {
  const workspaceId = (await deps.sync.of(projectId)).workspaceId();
  if (workspaceId === undefined) throw notBound();
  return { cloud: deps.account.client(workspaceId), workspaceId };
}
