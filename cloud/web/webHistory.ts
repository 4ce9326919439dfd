import type { Services } from '#shared/contract/contract.ts';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import type { CloudClient } from './innerClient.ts';
import type { WebProject } from './webProjects.ts';

export type WebHistoryDeps = {
  cloud(workspaceId?: string): CloudClient;
  workspaceOf(projectId: string): Promise<string>;
  project(projectId: string): Promise<WebProject>;
};

type CloudConflict = Awaited<ReturnType<CloudClient['conflicts']['list']>>['data'][number];

const PAGE = 100;

/** How many conflicts wait for a person. */
export async function countOpen(client: CloudClient, projectId: string): Promise<number> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await client.conflicts.list({ projectId, status: 'open', limit: PAGE, cursor });
    count += page.data.length;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return count;
}

/** What was before, and the places where two answers met; both are the workspace's. */
export function webHistoryCalls(deps: WebHistoryDeps): Pick<Services<HostApi>, 'conflicts' | 'history'> {
  const { cloud, workspaceOf, project } = deps;
  const of = async (projectId: string) => cloud(await workspaceOf(projectId));
  const entryOf = (one: CloudConflict): ConflictEntry => ({
    ...one,
    where: 'cloud',
  });

  return {
    conflicts: {
      list: async ({ projectId, status }) => {
        const client = await of(projectId);
        const all: ConflictEntry[] = [];
        let cursor: string | undefined;
        do {
          const page = await client.conflicts.list({ projectId, status, limit: PAGE, cursor });
          all.push(...page.data.map(entryOf));
          cursor = page.nextCursor;
        } while (cursor !== undefined);
        return all;
      },
      resolve: async ({ projectId, ...answer }) => {
        const one = await project(projectId);
        const { revision, conflict } = await cloud(one.workspaceId).conflicts.resolve({ projectId, ...answer });
        await one.pull();
        return { revision, conflict: entryOf(conflict) };
      },
      resolveAll: async ({ projectId, choice }) => {
        const one = await project(projectId);
        const { revision, resolved, left } = await cloud(one.workspaceId).conflicts.resolveAll({ projectId, choice });
        await one.pull();
        return { revision, resolved, left };
      },
    },

    history: {
      list: async ({ projectId, where: _cloud, ...page }) => {
        const { data, nextCursor } = await (await of(projectId)).history.list({ projectId, ...page });
        const entries = data.map(({ hash: _hash, ...entry }) => ({ ...entry, where: 'cloud' as const }));
        return { data: entries, ...(nextCursor === undefined ? {} : { nextCursor }) };
      },
      at: async ({ projectId, revision }) => {
        const { tree } = await (await of(projectId)).history.at({ projectId, revision });
        return { revision, tree };
      },
      restore: async ({ projectId, revision }) => {
        const one = await project(projectId);
        const { tree } = await cloud(one.workspaceId).history.at({ projectId, revision });
        return { revision: await one.commit(() => tree, 'restore') };
      },
      name: async ({ projectId, revision, name }) => {
        await (await of(projectId)).history.name({ projectId, revision, name });
        return { done: true };
      },
    },
  };
}
