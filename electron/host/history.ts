import type { Service } from '#shared/contract/contract.ts';
import type { HistoryEntry } from '#shared/contract/host/history.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { SharedProject } from './cloudServices.ts';
import type { OpenProject } from './projectHost.ts';
import type { ProjectSet } from './projects.ts';

type HistoryDeps = { projects: Pick<ProjectSet, 'get'>; shared(projectId: string): SharedProject | undefined };

/** What a project was: in its workspace where it answers, else on this computer. */
export function historyCalls({ projects, shared }: HistoryDeps): Service<HostApi['history']> {
  return {
    list: async ({ projectId, where, limit, cursor }) => {
      const project = await projects.get(projectId);
      const there = shared(projectId);
      const onward = cursor?.split(':') ?? [];
      const from = onward[0] ?? where;
      const rest = onward.slice(1).join(':');
      if (there && from !== 'local') {
        try {
          const found = await there.history.list({ limit, ...(rest === '' ? {} : { cursor: rest }) });
          return { data: found.data, ...(found.nextCursor ? { nextCursor: `cloud:${found.nextCursor}` } : {}) };
        } catch (thrown) {
          // Whoever asked for the workspace's own, or is in the middle of it, is told; else what is here will do.
          if (from === 'cloud' || !(thrown instanceof SluiceError)) throw thrown;
        }
      } else if (from === 'cloud') throw notShared();
      return localPage(project, limit, rest === '' ? undefined : Number(rest));
    },
    at: async ({ projectId, where, revision }) => {
      const project = await projects.get(projectId);
      return { revision, tree: await treeAt(project, shared(projectId), where, revision) };
    },
    restore: async ({ projectId, where, revision }) => {
      const project = await projects.get(projectId);
      const tree = await treeAt(project, shared(projectId), where, revision);
      return { revision: project.replace(tree, 'restore', `Restored revision ${revision}`) };
    },
    name: async ({ projectId, where, revision, name }) => {
      const project = await projects.get(projectId);
      if (where === 'local') project.history.name(revision, name);
      else await (shared(projectId) ?? refuse()).history.name(revision, name);
      return { done: true };
    },
  };
}

function localPage(project: OpenProject, limit: number, before: number | undefined) {
  const data: HistoryEntry[] = project.history.list(limit, before);
  const last = data.at(-1);
  return { data, ...(data.length === limit && last ? { nextCursor: `local:${last.revision}` } : {}) };
}

/** The project as it was. @throws SluiceError revision.not_found, or what the control plane says */
export async function treeAt(
  project: OpenProject,
  there: SharedProject | undefined,
  where: 'cloud' | 'local',
  revision: number,
): Promise<Tree> {
  if (where === 'cloud') return (there ?? refuse()).history.at(revision);
  return project.history.at(revision, { revision: project.revision(), tree: project.tree() });
}

function refuse(): never {
  throw notShared();
}

export function notShared(): SluiceError {
  return new SluiceError(
    'workspace.not_found',
    'The project is in no workspace, so there is nothing to compare it with.',
    {
      advice: 'Choose the workspace it belongs to; then it is sent there.',
    },
  );
}
