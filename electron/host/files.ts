import type { Service } from '#shared/contract/contract.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import type { OpenProject } from './projectHost.ts';
import type { ProjectSet } from './projects.ts';

type FileDeps = {
  projects: Pick<ProjectSet, 'get'>;
  /** What waited for a word goes on. */
  changed(project: OpenProject): void;
};

/** The calls about a project's files as such: those that vanished, and those that Git left in two halves. */
export function fileCalls({ projects, changed }: FileDeps): Service<HostApi['files']> {
  return {
    confirmDeletion: async ({ projectId }) => {
      const project = await projects.get(projectId);
      const revision = await project.confirmDeletion();
      changed(project);
      return { revision };
    },
    restoreDeleted: async ({ projectId }) => {
      const project = await projects.get(projectId);
      const revision = await project.restoreDeleted();
      changed(project);
      return { revision };
    },
    mergeMarked: async ({ projectId, file }) => (await projects.get(projectId)).mergeMarked(file),
  };
}
