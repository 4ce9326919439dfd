import { v7 as newId } from 'uuid';
import { z } from 'zod';
import type { ConflictEntry } from '#shared/contract/cloud/conflicts.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { ConflictChoice } from '#shared/merge/conflict.ts';
import { decide } from '#shared/merge/decide.ts';
import { commitOf } from '#shared/merge/ops.ts';
import { parse } from '#shared/parse.ts';
import { derivedId } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Sql } from '../platform/database.ts';
import type { Actor } from '../server/actor.ts';
import { findConflict, listConflicts, listOpenConflicts, markResolved, type StoredConflict } from './conflictStore.ts';
import { type Head, noProject, readHead } from './head.ts';
import type { ProjectDeps } from './projectService.ts';
import { findProject } from './projectStore.ts';
import { type Taken, takeCommit } from './takeCommit.ts';

const noConflict = () => new SluiceError('conflict.not_found', 'There is no such conflict in this project.');

/** Conflicts as everybody in the workspace sees them, and the decisions about them: each is one commit of the server's own. */
export function createConflictService({
  database,
  signals,
  trees,
}: ProjectDeps): Service<typeof cloudApi.conflicts, Actor> {
  /** The commit that carries a decision. It is made even where nothing changes, so that the history says who decided. */
  function commitDecision(sql: Sql, actor: Actor, head: Head, next: Tree, message: string): Promise<Taken> {
    const { workspaceId, userId, permissions } = actor;
    const projectId = head.tree.project.id;
    const about = {
      commitId: newId(),
      deviceId: derivedId(workspaceId, 'control plane'),
      baseRevision: head.revision,
      origin: 'merge' as const,
      message,
    };
    return takeCommit(sql, { workspaceId, projectId, userId, permissions }, head, commitOf(head.tree, next, about), {
      trees,
    });
  }

  function publish(actor: Actor, projectId: string, revision: number): void {
    const { workspaceId } = actor;
    signals.publish({ kind: 'commit', workspaceId, projectId, revision });
    signals.publish({ kind: 'conflicts', workspaceId, projectId });
  }

  return {
    list: ({ projectId, status, limit, cursor }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const place = { workspaceId: actor.workspaceId, projectId };
        if (!(await findProject(sql, place.workspaceId, projectId))) throw noProject();
        const before = cursor === undefined ? undefined : timeCursor(cursor);
        const rows = (await listConflicts(sql, place, { status, limit, before })).map(({ entry }) => entry);
        const data = rows.slice(0, limit);
        const last = data.at(-1);
        return rows.length > limit && last ? { data, nextCursor: `${last.createdAt}_${last.id}` } : { data };
      }),

    async resolve({ projectId, conflictId, choice, value, was }, actor) {
      const place = { workspaceId: actor.workspaceId, projectId };
      if ((choice === 'edit') !== (value !== undefined)) {
        throw new SluiceError('request.invalid', 'A value belongs to the choice "edit", and only to it.');
      }
      const answer = await database.withWorkspaceSql(actor, async (sql) => {
        const head = await readHead(sql, { ...place, lock: true }, trees);
        const stored = await findConflict(sql, place, conflictId);
        if (!stored) throw noConflict();
        ensureOpen(stored.entry);
        const next = decide(head.tree, stored.entry, { choice, value }, was ?? stored.placeHash);
        const { revision, hash } = await commitDecision(sql, actor, head, next, messageOf(stored, choice));
        await markResolved(sql, { ...place, userId: actor.userId }, [conflictId], { resolution: choice, revision });
        const decided = await findConflict(sql, place, conflictId);
        if (!decided) throw noConflict();
        await recordAudit(sql, actor, {
          action: 'conflict.resolve',
          resource: 'conflict',
          resourceId: conflictId,
          metadata: { projectId, revision, choice, path: stored.entry.path.join('/') },
        });
        return { revision, hash, conflict: decided.entry };
      });
      publish(actor, projectId, answer.revision);
      return answer;
    },

    async resolveAll({ projectId, choice }, actor) {
      const place = { workspaceId: actor.workspaceId, projectId };
      const { fresh, ...answer } = await database.withWorkspaceSql(actor, async (sql) => {
        const head = await readHead(sql, { ...place, lock: true }, trees);
        const { next, resolved, left } = decideAll(head.tree, await listOpenConflicts(sql, place), choice);
        if (resolved.length === 0) return { revision: head.revision, hash: head.hash, resolved, left, fresh: false };
        const message = `Decided ${resolved.length} ${resolved.length === 1 ? 'conflict' : 'conflicts'}: ${SAYS[choice]}`;
        const { revision, hash } = await commitDecision(sql, actor, head, next, message);
        await markResolved(sql, { ...place, userId: actor.userId }, resolved, { resolution: choice, revision });
        await recordAudit(sql, actor, {
          action: 'conflict.resolve_all',
          resource: 'project',
          resourceId: projectId,
          metadata: { revision, choice, conflicts: resolved.slice(0, 100), count: resolved.length },
        });
        return { revision, hash, resolved, left, fresh: true };
      });
      if (fresh) publish(actor, projectId, answer.revision);
      return answer;
    },
  };
}

const SAYS: Record<ConflictChoice, string> = {
  theirs: 'what the server had',
  ours: 'what was sent',
  edit: 'something else',
};

function messageOf({ entry }: StoredConflict, choice: ConflictChoice): string {
  return `Decided the conflict at ${entry.path.slice(-2).join('/')}: ${SAYS[choice]}`.slice(0, 500);
}

/** One after the other on the tree; what was changed since is left for a person. */
function decideAll(tree: Tree, open: StoredConflict[], choice: 'theirs' | 'ours') {
  let next = tree;
  const resolved: string[] = [];
  const left: string[] = [];
  for (const { entry, placeHash } of open) {
    try {
      next = decide(next, entry, { choice }, placeHash);
      resolved.push(entry.id);
    } catch (thrown) {
      if (!(thrown instanceof SluiceError) || thrown.code !== 'conflict.place_changed') throw thrown;
      left.push(entry.id);
    }
  }
  return { next, resolved, left };
}

function ensureOpen(conflict: ConflictEntry): void {
  if (conflict.status === 'open') return;
  const by = conflict.resolvedBy === undefined ? 'It needed nobody to decide.' : `${conflict.resolvedBy} did.`;
  throw new SluiceError('conflict.resolved', `This conflict is decided already. ${by}`, {
    details: { conflictId: conflict.id },
    advice: 'Change the project itself if something else should stand there.',
  });
}

function timeCursor(cursor: string): { at: string; id: string } {
  const [at = '', id = ''] = cursor.split('_');
  return parse(z.strictObject({ at: z.iso.datetime(), id: z.uuid() }), { at, id }, 'The cursor');
}
