import type { Service } from '#shared/contract/contract.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { diffTrees } from '#shared/merge/ops.ts';
import { listChanges } from '#shared/workflow/listChanges.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { SharedProject } from './cloudServices.ts';
import { notShared, treeAt } from './history.ts';
import type { OpenProject } from './projectHost.ts';
import type { ProjectSet } from './projects.ts';

type DocumentDeps = { projects: Pick<ProjectSet, 'get'>; shared(projectId: string): SharedProject | undefined };

/** The calls that change a project. Each replays on the host's tree what the editor did on its own, and commits it. */
export function documentCalls({ projects, shared }: DocumentDeps): Service<HostApi['documents']> {
  const answer = (project: OpenProject, { done, left }: ReturnType<OpenProject['undo']>) => ({
    ...{ done, left, revision: project.revision() },
    ...{ canUndo: project.canUndo(), canRedo: project.canRedo() },
  });
  return {
    edit: async ({ projectId, edits }) => ({ revision: (await projects.get(projectId)).edit(edits) }),
    patch: async ({ projectId, ops }) => ({ revision: (await projects.get(projectId)).patch(ops) }),
    undo: async ({ projectId }) => {
      const project = await projects.get(projectId);
      return answer(project, project.undo());
    },
    redo: async ({ projectId }) => {
      const project = await projects.get(projectId);
      return answer(project, project.redo());
    },
    changes: async ({ projectId, against }) => {
      const project = await projects.get(projectId);
      const there = shared(projectId);
      const other = async (): Promise<Tree> => {
        if (against.kind === 'revision') return treeAt(project, there, against.where, against.revision);
        if (!there) throw notShared();
        if (against.kind === 'head') return there.base();
        return there.deployed(against.environment);
      };
      const before = await other();
      const after = project.tree();
      return { before, ops: diffTrees(before, after).ops, changes: listChanges(before, after, []) };
    },
    text: async ({ projectId, workflowId }) => (await projects.get(projectId)).text(workflowId),
    setText: async ({ projectId, workflowId, text }) => (await projects.get(projectId)).setText(workflowId, text),
    setScript: async ({ projectId, path, text }) => {
      const project = await projects.get(projectId);
      return { revision: project.edit([{ type: 'setScript', path, text }]) };
    },
    pin: async ({ projectId, workflowId, stepId }) => {
      return { items: (await projects.get(projectId)).pinnedItems(workflowId, stepId) };
    },
    setPin: async ({ projectId, workflowId, stepId, items }) => {
      return { revision: (await projects.get(projectId)).setPin(workflowId, stepId, items) };
    },
  };
}
