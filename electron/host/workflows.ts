import type { Service } from '#shared/contract/contract.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import type { ProjectSet } from './projects.ts';

/** The calls that change a project. Each replays on the host's tree what the editor did on its own, and commits it. */
export function documentCalls({ projects }: { projects: Pick<ProjectSet, 'get'> }): Service<HostApi['documents']> {
  return {
    edit: async ({ projectId, edits }) => ({ revision: (await projects.get(projectId)).edit(edits) }),
    patch: async ({ projectId, ops }) => ({ revision: (await projects.get(projectId)).patch(ops) }),
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
