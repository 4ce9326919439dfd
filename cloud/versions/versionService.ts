import { v7 as newId } from 'uuid';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { contentHash, execHash } from '#shared/workflow/hash.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { ensureEnvironments } from '../environments/environmentService.ts';
import type { Database } from '../platform/database.ts';
import { countOpenConflicts } from '../projects/conflictStore.ts';
import { noProject, readHead } from '../projects/head.ts';
import { findProject } from '../projects/projectStore.ts';
import type { TreeCache } from '../projects/treeCache.ts';
import type { Actor } from '../server/actor.ts';
import { idCursor, toPage } from '../server/paging.ts';
import { ensureDecided, ensureSound, ensureUnchanged } from './versionPolicy.ts';
import { findVersion, findVersionByContent, insertVersion, listVersions } from './versionStore.ts';
import type { VersionTrees } from './versionTrees.ts';

export type VersionDeps = {
  database: Database;
  trees: TreeCache;
  versionTrees: VersionTrees;
  /** Of the runtime that hosted runs execute on. */
  runtimeHash: string;
  /** What is wrong with a project, as the editor shows it. */
  problemsOf(tree: Tree): Problem[];
};

const noVersion = () => new SluiceError('version.not_found', 'There is no such version in this project.');

/** Versions: what a project was at one revision, for ever. */
export function createVersionService(deps: VersionDeps): Service<typeof cloudApi.versions, Actor> {
  const { database, trees, versionTrees, runtimeHash, problemsOf } = deps;
  return {
    create: ({ projectId, expectedRevision, note }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const place = { workspaceId: actor.workspaceId, projectId };
        const head = await readHead(sql, { ...place, lock: true }, trees);
        ensureUnchanged(head, expectedRevision);
        ensureDecided(await countOpenConflicts(sql, place));
        ensureSound(problemsOf(head.tree));
        const content = contentHash(head.tree);
        await ensureEnvironments(sql, place, head.tree);
        const same = await findVersionByContent(sql, place, content);
        if (same) return same;
        const id = newId();
        await insertVersion(sql, place, {
          id,
          revision: head.revision,
          tree: head.tree,
          contentHash: content,
          execHash: execHash(head.tree),
          runtimeHash,
          note,
          createdById: actor.userId,
        });
        const version = await findVersion(sql, place, id);
        if (!version) throw noVersion();
        return version;
      }),

    list: ({ projectId, limit, cursor }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const place = { workspaceId: actor.workspaceId, projectId };
        if (!(await findProject(sql, place.workspaceId, projectId))) throw noProject();
        return toPage(await listVersions(sql, place, { limit, before: idCursor(cursor) }), limit);
      }),

    tree: ({ projectId, versionId }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const version = await versionTrees.read(sql, actor.workspaceId, versionId);
        if (version.projectId !== projectId) throw noVersion();
        return version.tree;
      }),
  };
}
