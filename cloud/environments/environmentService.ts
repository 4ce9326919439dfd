import { v7 as newId } from 'uuid';
import type { EnvironmentRecord } from '#shared/contract/cloud/common.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { VarName } from '#shared/ids.ts';
import type { JsonObject } from '#shared/json.ts';
import { parse } from '#shared/parse.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Database, Sql } from '../platform/database.ts';
import { noProject } from '../projects/head.ts';
import { findProject } from '../projects/projectStore.ts';
import type { Actor } from '../server/actor.ts';
import { findEnvironment, insertEnvironment, listEnvironments, updateEnvironment } from './environmentStore.ts';

export type EnvironmentDeps = { database: Database };

export const noEnvironment = () =>
  new SluiceError('environment.not_found', 'There is no such environment in this project.', {
    advice: 'Make it first, or choose one that the project has.',
  });

/** What a run sees: the file of the version, and over it what was set here. */
export function resolveEnvironment(
  tree: Tree,
  record: { name: string; vars: JsonObject; bindings: Record<string, string> },
): { vars: JsonObject; bindings: Record<string, string> } {
  const file = Object.hasOwn(tree.environments, record.name) ? tree.environments[record.name] : undefined;
  return { vars: { ...file?.vars, ...record.vars }, bindings: { ...file?.bindings, ...record.bindings } };
}

/** The named places that a project is deployed to. */
export function createEnvironmentService({ database }: EnvironmentDeps): Service<typeof cloudApi.environments, Actor> {
  return {
    list: ({ projectId }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        if (!(await findProject(sql, actor.workspaceId, projectId))) throw noProject();
        return listEnvironments(sql, { workspaceId: actor.workspaceId, projectId });
      }),

    set: ({ projectId, name, vars, bindings, expectedRevision }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const place = { workspaceId: actor.workspaceId, projectId };
        for (const key of Object.keys(vars)) parse(VarName, key, `The variable ${key}`);
        if (!(await findProject(sql, place.workspaceId, projectId))) throw noProject();
        const made = await findEnvironment(sql, place, { name }, true);
        ensureRevision(made, expectedRevision);
        if (made) await updateEnvironment(sql, place, { id: made.id, vars, bindings });
        else await insertEnvironment(sql, place, { id: newId(), name, vars, bindings });
        return mustFind(sql, place, name);
      }),
  };
}

/**
 * Makes the environments that a project's files name and that are not there yet, and `production`. They begin empty, so
 * that what the file says holds until something is set here. `local` is the desktop's own.
 */
export async function ensureEnvironments(
  sql: Sql,
  place: { workspaceId: string; projectId: string },
  tree: Tree,
): Promise<void> {
  const known = new Set((await listEnvironments(sql, place)).map(({ name }) => name));
  for (const name of new Set(['production', ...Object.keys(tree.environments)])) {
    if (name !== 'local' && !known.has(name)) {
      await insertEnvironment(sql, place, { id: newId(), name, vars: {}, bindings: {} });
    }
  }
}

/** @param expected absent: whatever stands there is overwritten; 0: it must be new */
function ensureRevision(made: EnvironmentRecord | undefined, expected: number | undefined): void {
  const revision = made?.revision ?? 0;
  if (expected === undefined || expected === revision) return;
  throw new SluiceError('project.changed', 'Somebody else changed this environment since you last saw it.', {
    details: { revision, expectedRevision: expected },
    advice: 'Look at it again, then set it again.',
  });
}

async function mustFind(
  sql: Sql,
  place: { workspaceId: string; projectId: string },
  name: string,
): Promise<EnvironmentRecord> {
  const found = await findEnvironment(sql, place, { name });
  if (!found) throw noEnvironment();
  return found;
}
