import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { slugOf } from '#shared/ids.ts';
import { applyCommit } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { TREE_FORMAT, type Tree } from '#shared/workflow/tree.ts';
import { type Database, isTaken, type Sql } from '../platform/database.ts';
import type { Signals } from '../runs/signals.ts';
import type { Actor } from '../server/actor.ts';
import { idCursor, toPage } from '../server/paging.ts';
import { ensureFits, ensureMayPush } from './projectPolicy.ts';
import {
  appendCommit,
  findCommitAnswer,
  findHeadMark,
  findProject,
  type HeadMark,
  insertProject,
  listCommits,
  listProjects,
  readHeadTree,
} from './projectStore.ts';
import type { TreeCache } from './treeCache.ts';

export type ProjectDeps = { database: Database; signals: Signals; trees: TreeCache };

export const noProject = () =>
  new SluiceError('project.not_found', 'There is no such project in this workspace.', {
    advice: 'Check the project and the workspace you are in.',
  });

/** The head with its tree, from the cache where this process has seen it. @throws SluiceError project.not_found */
export async function readHead(
  sql: Sql,
  { workspaceId, projectId, lock }: { workspaceId: string; projectId: string; lock?: boolean },
  trees: TreeCache,
): Promise<HeadMark & { tree: Tree }> {
  const mark = await findHeadMark(sql, workspaceId, projectId, lock);
  if (!mark) throw noProject();
  const key = `head:${workspaceId}:${projectId}:${mark.revision}:${mark.hash}`;
  let tree = trees.get(key);
  if (!tree) {
    tree = await readHeadTree(sql, workspaceId, projectId);
    // Without the lock the head may have moved between the two reads.
    if (lock || (await findHeadMark(sql, workspaceId, projectId))?.revision === mark.revision) trees.set(key, tree);
  }
  return { ...mark, tree };
}

function emptyTree(id: string, name: string): Tree {
  return {
    project: { id, name, format: TREE_FORMAT },
    workflows: {},
    scripts: {},
    machines: {},
    environments: {},
    connections: {},
    tests: {},
    pins: {},
  };
}

/** Sync: the head of each project, the commits that led to it, and the one way to move it. */
export function createProjectService({
  database,
  signals,
  trees,
}: ProjectDeps): Service<typeof cloudApi.projects, Actor> {
  return {
    list: ({ limit, cursor }, actor) =>
      database.withWorkspaceSql(actor, async (sql) =>
        toPage(await listProjects(sql, actor.workspaceId, { limit, after: idCursor(cursor) }), limit),
      ),

    async create({ id, name }, actor) {
      const { workspaceId, userId } = actor;
      const tree = emptyTree(id, name);
      try {
        return await database.withWorkspaceSql(actor, async (sql) => {
          const taken = await findProject(sql, workspaceId, id);
          if (taken) {
            throw new SluiceError('project.exists', `This workspace has the project ${taken.name} already.`, {
              details: { projectId: id, revision: taken.revision },
              advice: 'Fetch it, or give the copy an id of its own.',
            });
          }
          await insertProject(sql, {
            workspaceId,
            id,
            name,
            slug: slugOf(name),
            createdById: userId,
            hash: merkleHash(tree),
            tree,
          });
          const project = await findProject(sql, workspaceId, id);
          if (!project) throw noProject();
          return project;
        });
      } catch (thrown) {
        // Taken in a workspace that is none of the caller's business.
        if (isTaken(thrown)) throw noProject();
        throw thrown;
      }
    },

    async head({ projectId }, actor) {
      return database.withWorkspaceSql(actor, async (sql) => {
        // The lock keeps the mark and the tree one; it is held for this read only.
        const { revision, hash, tree } = await readHead(sql, { ...actor, projectId, lock: true }, trees);
        return { revision, hash, tree };
      });
    },

    async commits({ projectId, since }, actor) {
      return database.withWorkspaceSql(actor, async (sql) => {
        const mark = await findHeadMark(sql, actor.workspaceId, projectId);
        if (!mark) throw noProject();
        const all = await listCommits(sql, actor.workspaceId, projectId, since, MAX_COMMITS);
        // A commit that came between the two reads is left for the next call.
        const commits = all.filter(({ revision }) => revision <= mark.revision);
        return { revision: mark.revision, hash: mark.hash, commits };
      });
    },

    async push({ projectId, commit }, actor) {
      const { workspaceId, userId } = actor;
      const answer = await database.withWorkspaceSql(actor, async (sql) => {
        const head = await readHead(sql, { workspaceId, projectId, lock: true }, trees);
        const known = await findCommitAnswer(sql, workspaceId, projectId, commit.commitId);
        if (known) return { ...known, fresh: false };
        ensureMayPush(actor.permissions, commit.ops);
        const { tree, rebased } = applyCommit(head, commit);
        const treeText = JSON.stringify(tree);
        const touched = new Set(commit.ops.flatMap(({ path }) => (path[0] === 'workflows' ? [path[1] ?? ''] : [])));
        ensureFits(
          treeText,
          [...touched].flatMap((id) => {
            const workflow = tree.workflows[id];
            return workflow ? [{ id, name: workflow.name, text: JSON.stringify(workflow) }] : [];
          }),
        );
        const next = { revision: head.revision + 1, hash: merkleHash(tree), rebased };
        const { name } = tree.project;
        await appendCommit(sql, { workspaceId, projectId, authorId: userId }, commit, {
          ...next,
          treeText,
          name,
          slug: slugOf(name),
        });
        trees.set(`head:${workspaceId}:${projectId}:${next.revision}:${next.hash}`, tree);
        return { ...next, fresh: true };
      });
      const { fresh, ...told } = answer;
      if (fresh) signals.publish({ kind: 'commit', workspaceId, projectId, revision: told.revision });
      return told;
    },
  };
}

/** A client further behind than this sees that its hash differs, and fetches the head. */
const MAX_COMMITS = 1_000;
