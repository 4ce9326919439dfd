import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { SluiceError } from '#shared/error.ts';
import { decide } from '#shared/merge/decide.ts';
import { activeIn } from '#shared/workflow/publishPreview.ts';
import type { CloudClient } from '../account/cloudClient.ts';
import type { Answer, SharedProject } from '../host/cloudServices.ts';
import type { OpenProject } from '../host/projectHost.ts';
import type { ProjectSync } from './projectSync.ts';
import { openSyncStore } from './syncStore.ts';

export type SharedDeps = {
  project: OpenProject;
  sync: ProjectSync;
  cloud: CloudClient;
  person(): string | undefined;
  now(): number;
};

/** Nobody can be told now: the answer is given here and told later. */
const AWAY: ReadonlySet<string> = new Set([
  'cloud.unreachable',
  'session.expired',
  'access.unauthenticated',
  'service.unavailable',
]);

/** The other half of a bound project, in its workspace. */
export function sharedProject({ project, sync, cloud, person, now }: SharedDeps): SharedProject {
  const projectId = project.id;

  /** Fetches what an answer made of the project; where that fails it comes by itself a moment later. */
  async function follow(): Promise<void> {
    sync.noteRemote();
    sync.noteConflicts();
    await sync.sync(true).catch((thrown: unknown) => {
      if (!(thrown instanceof SluiceError)) throw thrown;
    });
  }

  function answerHere(conflictId: string, answer: Answer): ConflictEntry {
    const entry = project.conflicts.get(conflictId);
    if (!entry) throw new SluiceError('conflict.not_found', 'There is no such conflict in this project.');
    const who = person();
    const decided: ConflictEntry = {
      ...entry,
      ...{ status: 'resolved', resolution: answer.choice, resolvedAt: new Date(now()).toISOString() },
      ...(who === undefined ? {} : { resolvedBy: who }),
    };
    const next = decide(project.tree(), entry, answer);
    openSyncStore(project.db).keepAnswer({ ...answer, conflictId });
    project.settleConflicts(next, [decided]);
    return decided;
  }

  return {
    base: () => {
      const base = sync.base();
      if (!base) throw new Error('A bound project has a base.');
      return base.tree;
    },
    deployed: async (environment) => {
      const active = await activeIn(cloud, projectId, environment);
      if (!active) throw new SluiceError('deployment.not_found', `Nothing is deployed to ${environment} yet.`);
      return cloud.versions.tree({ projectId, versionId: active.versionId });
    },
    history: {
      list: async (page) => {
        const { data, nextCursor } = await cloud.history.list({ projectId, ...page });
        const entries = data.map(({ hash: _, ...entry }) => ({ ...entry, where: 'cloud' as const }));
        return { data: entries, ...(nextCursor === undefined ? {} : { nextCursor }) };
      },
      at: async (revision) => (await cloud.history.at({ projectId, revision })).tree,
      name: async (revision, name) => {
        await cloud.history.name({ projectId, revision, name });
      },
    },
    resolve: async ({ conflictId, ...answer }) => {
      try {
        const { conflict } = await cloud.conflicts.resolve({ projectId, conflictId, ...answer });
        await follow();
        return { ...conflict, where: 'cloud' };
      } catch (thrown) {
        if (thrown instanceof SluiceError && AWAY.has(thrown.code)) return answerHere(conflictId, answer);
        throw thrown;
      }
    },
    resolveAll: async (choice) => {
      try {
        const { resolved, left } = await cloud.conflicts.resolveAll({ projectId, choice });
        await follow();
        return { resolved, left };
      } catch (thrown) {
        if (!(thrown instanceof SluiceError) || !AWAY.has(thrown.code)) throw thrown;
        const open = project.conflicts.list('open').filter(({ where }) => where === 'cloud');
        const [resolved, left]: [string[], string[]] = [[], []];
        for (const { id } of open) {
          try {
            answerHere(id, { choice });
            resolved.push(id);
          } catch (refused) {
            if (!(refused instanceof SluiceError) || refused.code !== 'conflict.place_changed') throw refused;
            left.push(id);
          }
        }
        return { resolved, left };
      }
    },
    sync: () => sync.sync(true),
  };
}
