import type { Service } from '#shared/contract/contract.ts';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { decide } from '#shared/merge/decide.ts';
import type { Answer, SharedProject } from './cloudServices.ts';
import type { OpenProject } from './projectHost.ts';
import type { ProjectSet } from './projects.ts';

type ConflictDeps = {
  projects: Pick<ProjectSet, 'get'>;
  shared(projectId: string): SharedProject | undefined;
  now(): number;
};

/** The places where two answers met: listed from what this computer knows, answered where the record is kept. */
export function conflictCalls({ projects, shared, now }: ConflictDeps): Service<HostApi['conflicts']> {
  function here(project: OpenProject, entry: ConflictEntry, answer: Answer): ConflictEntry {
    const resolvedAt = new Date(now()).toISOString();
    const done: ConflictEntry = { ...entry, status: 'resolved', resolution: answer.choice, resolvedAt };
    project.settleConflicts(decide(project.tree(), entry, answer), [done]);
    return done;
  }

  return {
    list: async ({ projectId, status }) => (await projects.get(projectId)).conflicts.list(status),
    resolve: async ({ projectId, conflictId, ...answer }) => {
      const project = await projects.get(projectId);
      const entry = project.conflicts.get(conflictId);
      if (!entry) throw notFound(conflictId);
      if (entry.status === 'resolved') throw alreadyResolved(entry);
      const there = entry.where === 'cloud' ? shared(projectId) : undefined;
      const conflict = there ? await there.resolve({ ...answer, conflictId }) : here(project, entry, answer);
      return { revision: project.revision(), conflict };
    },
    resolveAll: async ({ projectId, choice }) => {
      const project = await projects.get(projectId);
      const there = shared(projectId);
      const [resolved, left]: [string[], string[]] = [[], []];
      if (there && project.conflicts.list('open').some(({ where }) => where === 'cloud')) {
        const answer = await there.resolveAll(choice);
        resolved.push(...answer.resolved);
        left.push(...answer.left);
      }
      for (const entry of project.conflicts.list('open')) {
        if (entry.where !== 'local') continue;
        try {
          here(project, entry, { choice });
          resolved.push(entry.id);
        } catch (thrown) {
          if (!(thrown instanceof SluiceError) || thrown.code !== 'conflict.place_changed') throw thrown;
          left.push(entry.id);
        }
      }
      return { revision: project.revision(), resolved, left };
    },
  };
}

function notFound(id: string): SluiceError {
  return new SluiceError('conflict.not_found', `There is no conflict ${id} in this project.`, {
    advice: 'Look at the list again; somebody may have answered it.',
  });
}

function alreadyResolved({ id }: ConflictEntry): SluiceError {
  return new SluiceError('conflict.resolved', 'The conflict has an answer already.', {
    advice: 'To have another one, change the place itself.',
    details: { id },
  });
}
