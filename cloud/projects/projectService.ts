import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { slugOf } from '#shared/ids.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { emptyTree } from '#shared/workflow/tree.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import { type Database, isTaken } from '../platform/database.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import type { Signals } from '../runs/signals.ts';
import type { Actor } from '../server/actor.ts';
import { idCursor, toPage } from '../server/paging.ts';
import { listCommits } from './commitStore.ts';
import { noProject, readHead } from './head.ts';
import { findHeadMark, findProject, insertProject, listProjects, setLock } from './projectStore.ts';
import { takeCommit } from './takeCommit.ts';
import type { TreeCache } from './treeCache.ts';

export type ProjectDeps = { database: Database; signals: Signals; trees: TreeCache };

/** Sync: the head of each project, the commits that led to it, and the one way to move it. */
export function createProjectService({
  database,
  signals,
  trees,
}: ProjectDeps): Service<typeof cloudApi.projects, Actor> {
  const waiting = createWaiting();

  const lock = (projectId: string, actor: Actor, locked: boolean) =>
    database.withWorkspaceSql(actor, async (sql) => {
      const { workspaceId } = actor;
      // Behind the head's lock, so that a push before it is in and one after it is not.
      if (!(await findHeadMark(sql, workspaceId, projectId, true))) throw noProject();
      const changed = await setLock(sql, { workspaceId, projectId }, locked ? actor.userId : undefined);
      const project = await findProject(sql, workspaceId, projectId);
      if (!project) throw noProject();
      if (changed) {
        const action = locked ? 'project.lock' : 'project.unlock';
        await recordAudit(sql, actor, { action, resource: 'project', resourceId: projectId });
      }
      return project;
    });

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

    head: ({ projectId }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const { revision, hash, tree } = await readHead(sql, { ...actor, projectId }, trees);
        return { revision, hash, tree };
      }),

    async commits({ projectId, since }, actor) {
      return database.withWorkspaceSql(actor, async (sql) => {
        const mark = await findHeadMark(sql, actor.workspaceId, projectId);
        if (!mark) throw noProject();
        const all = await listCommits(sql, actor.workspaceId, projectId, { since, limit: MAX_COMMITS });
        // A commit that came between the two reads is left for the next call.
        const commits = all.filter(({ revision }) => revision <= mark.revision);
        return { revision: mark.revision, hash: mark.hash, commits };
      });
    },

    async push({ projectId, commit, conflicts }, actor) {
      const { workspaceId } = actor;
      const place = { workspaceId, projectId };
      const stopWaiting = waiting.begin(place);
      const work = database.withWorkspaceSql(actor, async (sql) => {
        const head = await readHead(sql, { ...place, lock: true }, trees);
        stopWaiting();
        const sender = { ...place, userId: actor.userId, permissions: actor.permissions };
        return takeCommit(sql, sender, head, commit, { conflicts, trees, isBurst: waiting.has(place) });
      });
      const { fresh, ...answer } = await work.finally(stopWaiting);
      if (fresh) signals.publish({ kind: 'commit', ...place, revision: answer.revision });
      if (fresh && conflicts.length > 0) signals.publish({ kind: 'conflicts', ...place });
      return answer;
    },

    lock: ({ projectId }, actor) => lock(projectId, actor, true),
    unlock: ({ projectId }, actor) => lock(projectId, actor, false),
  };
}

/** Counts who waits for the head of a project in this process. */
function createWaiting() {
  const counts = new Map<string, number>();
  const keyOf = ({ workspaceId, projectId }: { workspaceId: string; projectId: string }) =>
    tenantKey(workspaceId, projectId);
  return {
    has: (place: Parameters<typeof keyOf>[0]) => counts.has(keyOf(place)),
    /** @returns what ends the waiting, once */
    begin(place: Parameters<typeof keyOf>[0]): () => void {
      const key = keyOf(place);
      counts.set(key, (counts.get(key) ?? 0) + 1);
      let waits = true;
      return () => {
        if (!waits) return;
        waits = false;
        const left = (counts.get(key) ?? 1) - 1;
        if (left > 0) counts.set(key, left);
        else counts.delete(key);
      };
    },
  };
}

/** A client further behind than this sees that its hash differs, and fetches the head. */
const MAX_COMMITS = 1_000;
