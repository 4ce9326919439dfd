import { z } from 'zod';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { Database } from '../platform/database.ts';
import { noProject } from '../projects/head.ts';
import { findProject } from '../projects/projectStore.ts';
import type { Actor } from '../server/actor.ts';
import type { SearchIndex } from './searchIndex.ts';
import { findByWords, findLike, findNames, type SearchPlace } from './searchStore.ts';
import { excerptOf, queryOf } from './words.ts';

export type SearchDeps = { database: Database; index: SearchIndex };

const MOST_SUGGESTED = 8;
const MOST_ALIKE = 10;

const Place = z.tuple([z.number(), z.number(), z.string().max(20), z.string().max(32)]);

export function createSearchService({ database, index }: SearchDeps): Service<typeof cloudApi.search, Actor> {
  return {
    async find({ q, kind, projectId, limit, cursor }, actor) {
      const query = queryOf(q);
      const after = placeOf(cursor);
      if (query === undefined) return { data: [] };
      await index.catchUp(actor.workspaceId);
      const asked = { workspaceId: actor.workspaceId, query, kind, projectId, limit: limit + 1, after };
      const runs = actor.permissions.has('run:read');
      const rows = await database.withWorkspaceSql(actor, (sql) => findByWords(sql, { ...asked, runs }));
      const data = rows.slice(0, limit).map(({ body, place: _place, ...hit }) => {
        const excerpt = hit.kind === 'step' ? excerptOf(body, q) : undefined;
        return excerpt === undefined ? hit : { ...hit, excerpt };
      });
      const last = rows[limit - 1];
      return rows.length > limit && last ? { data, nextCursor: cursorOf(last.place) } : { data };
    },

    async suggest({ q }, actor) {
      const query = queryOf(q, 'A');
      if (query === undefined) return { suggestions: [] };
      await index.catchUp(actor.workspaceId);
      const suggestions = await database.withWorkspaceSql(actor, (sql) =>
        findNames(sql, actor.workspaceId, query, MOST_SUGGESTED),
      );
      return { suggestions };
    },

    async similar({ projectId, workflowId }, actor) {
      await index.catchUp(actor.workspaceId);
      return database.withWorkspaceSql(actor, async (sql) => {
        const { workspaceId } = actor;
        if (!(await findProject(sql, workspaceId, projectId))) throw noProject();
        const workflows = await findLike(sql, { workspaceId, projectId, workflowId }, MOST_ALIKE);
        if (!workflows) throw new SluiceError('workflow.not_found', 'There is no such workflow in this project.');
        return { workflows };
      });
    },
  };
}

const cursorOf = (place: SearchPlace) => Buffer.from(JSON.stringify(place)).toString('base64url');

/** @throws SluiceError request.invalid where somebody made the cursor up */
function placeOf(cursor: string | undefined): SearchPlace | undefined {
  if (cursor === undefined) return undefined;
  try {
    return Place.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw new SluiceError('request.invalid', 'The cursor is none that a page of this list gave.');
  }
}
