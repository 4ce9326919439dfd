import { z } from 'zod';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import { storable } from '#shared/workflow/plainData.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Actor } from '../server/actor.ts';
import { noProject } from './head.ts';
import { findRevision, listHistory, putRevisionName } from './historyStore.ts';
import type { ProjectDeps } from './projectService.ts';
import { findProject } from './projectStore.ts';
import { readRevision } from './readRevision.ts';

export const noRevision = (revision: number) =>
  new SluiceError('revision.not_found', `The project has no revision ${revision}, or it is no longer kept.`, {
    details: { revision },
    advice: 'Choose one from the history.',
  });

/** What a project was at each revision, who made it so, and names for those that matter. */
export function createHistoryService({ database, trees }: ProjectDeps): Service<typeof cloudApi.history, Actor> {
  return {
    list: ({ projectId, limit, cursor }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const place = { workspaceId: actor.workspaceId, projectId };
        if (!(await findProject(sql, place.workspaceId, projectId))) throw noProject();
        const before = cursor === undefined ? undefined : parse(Revision, cursor, 'The cursor');
        const rows = await listHistory(sql, place, { limit, before });
        const data = rows.slice(0, limit);
        const last = data.at(-1);
        return rows.length > limit && last ? { data, nextCursor: String(last.revision) } : { data };
      }),

    at: ({ projectId, revision }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const found = await readRevision(sql, { workspaceId: actor.workspaceId, projectId }, revision, trees);
        if (!found) throw noRevision(revision);
        return found;
      }),

    name: ({ projectId, revision, name }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const place = { workspaceId: actor.workspaceId, projectId };
        if (!(await findProject(sql, place.workspaceId, projectId))) throw noProject();
        if (!(await findRevision(sql, place, revision))) throw noRevision(revision);
        if (name !== null && !storable(name)) {
          throw new SluiceError('request.invalid', 'The name holds a character that cannot be stored.');
        }
        await putRevisionName(sql, { ...place, userId: actor.userId }, revision, name);
        const named = await findRevision(sql, place, revision);
        if (!named) throw noRevision(revision);
        await recordAudit(sql, actor, {
          action: 'revision.name',
          resource: 'project',
          resourceId: projectId,
          metadata: { revision, name },
        });
        return named;
      }),
  };
}

const Revision = z.coerce.number().int().min(0).max(2_147_483_647);
