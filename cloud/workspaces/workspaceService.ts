import type { WorkspaceDetail } from '#shared/contract/cloud/workspaces.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { SluiceError } from '#shared/error.ts';
import { PERMISSIONS, permissionsOf } from '#shared/permission.ts';
import { PLANS } from '#shared/plan.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import { type Database, isTaken, type Sql } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import type { Secrets } from '../platform/secrets.ts';
import { cancelRun } from '../runs/endRun.ts';
import type { Allowances } from '../runs/ports.ts';
import type { Actor } from '../server/actor.ts';
import type { MountedService } from '../server/mount.ts';
import { deletedLetter, transferredLetter } from './letters.ts';
import * as lifecycle from './lifecycleStore.ts';
import * as members from './memberStore.ts';
import { checkSlug, checkTimeZone, ensureOwnerLeft } from './workspacePolicy.ts';
import { changeWorkspace, findWorkspace, insertWorkspace, listWorkspaces } from './workspaceStore.ts';

export type WorkspaceDeps = {
  db: Database;
  secrets: Secrets;
  mail: Mail;
  allowances: Pick<Allowances, 'releaseRun'>;
  /** Told after a workspace was deleted, so that what runs for it stops at once. */
  onDeleted(workspaceId: string): void;
};

const DONE = { done: true } as const;
const changedMeanwhile = (revision: number, expected: number | undefined) =>
  new SluiceError('request.changed', 'Somebody else changed these settings since you last saw them.', {
    details: { revision, ...(expected === undefined ? {} : { expectedRevision: expected }) },
    advice: 'Look at them again, then change them again.',
  });
const noWorkspace = () => new SluiceError('workspace.not_found', 'There is no such workspace.');

/** Workspaces: made, named, given to somebody else, deleted, and brought back while that can be. */
export function createWorkspaceService(deps: WorkspaceDeps): MountedService<typeof cloudApi.workspaces> {
  const { db, secrets, mail, allowances, onDeleted } = deps;

  async function detailOf(sql: Sql, actor: Actor): Promise<WorkspaceDetail> {
    const row = await findWorkspace(sql, actor.workspaceId);
    if (!row) throw noWorkspace();
    const { members: seats } = PLANS[row.plan];
    return {
      ...row,
      createdAt: row.createdAt.toISOString(),
      role: actor.role,
      members: (await members.countMembers(sql, actor.workspaceId)).members,
      ...(Number.isFinite(seats) ? { seats } : {}),
      permissions: PERMISSIONS.filter((permission) => actor.permissions.has(permission)),
    };
  }

  return {
    list: (_input, { session }) => listWorkspaces(db, session.userId),

    async create({ name, slug }, { session, ip, userAgent, requestId }) {
      if (slug !== undefined) checkSlug(slug);
      const founder = { userId: session.userId, name: session.name, ip, userAgent, requestId };
      return orSlugTaken(slug, insertWorkspace(db, secrets, founder, name, undefined, slug));
    },

    get: (_input, actor) => db.withWorkspaceSql(actor, (sql) => detailOf(sql, actor)),

    async update({ name, slug, timezone, expectedRevision }, actor) {
      if (slug !== undefined) checkSlug(slug);
      if (timezone !== undefined) checkTimeZone(timezone);
      const change = async (sql: Sql) => {
        const changed = await changeWorkspace(sql, actor.workspaceId, { name, slug, timezone }, expectedRevision);
        if (!changed) throw changedMeanwhile((await detailOf(sql, actor)).revision, expectedRevision);
        const metadata = JSON.parse(JSON.stringify({ name, slug, timezone }));
        const record = { action: 'workspace.update', resource: 'workspace', resourceId: actor.workspaceId, metadata };
        await recordAudit(sql, actor, record);
        return detailOf(sql, actor);
      };
      return orSlugTaken(slug, db.withWorkspaceSql(actor, change));
    },

    transfer: ({ memberId }, actor) =>
      db.withWorkspaceSql(actor, async (sql) => {
        const { workspaceId, userId } = actor;
        await members.lockMembers(sql, workspaceId);
        const [member, own, workspace] = [
          await members.findMember(sql, workspaceId, { id: memberId }),
          await members.findMember(sql, workspaceId, { userId }),
          await findWorkspace(sql, workspaceId),
        ];
        if (!member || member.leaving || !own || !workspace) {
          throw new SluiceError('member.not_found', 'There is no such member in this workspace.');
        }
        // Two at once, or who was an owner a moment ago: a workspace is given away by somebody who has it.
        if (own.role !== 'owner') {
          throw new SluiceError('access.denied', 'You are not an owner of this workspace any more.', {
            advice: 'Ask an owner of the workspace.',
          });
        }
        if (member.userId === userId) throw new SluiceError('request.invalid', 'The workspace is yours already.');
        const none = { add: [], remove: [] };
        await members.setMemberRights(sql, workspaceId, member.id, { role: 'owner', permissions: none });
        await members.setMemberRights(sql, workspaceId, own.id, { role: 'admin', permissions: none });
        await changeWorkspace(sql, workspaceId, { ownerId: member.userId });
        const about = { to: member.email, name: member.name, workspace: workspace.name, by: actor.name };
        await mail.post(sql, transferredLetter(about));
        await recordAudit(sql, actor, {
          action: 'ownership.transfer',
          resource: 'member',
          resourceId: member.id,
          about: { userId: member.userId, email: member.email },
        });
        // What the answer says of permissions holds within two seconds for requests, too.
        return detailOf(sql, { ...actor, role: 'admin', permissions: permissionsOf('admin') });
      }),

    async delete({ confirm }, actor) {
      const { workspaceId, userId, name } = actor;
      const deleted = await db.withWorkspaceSql(actor, async (sql) => {
        const workspace = await findWorkspace(sql, workspaceId);
        if (!workspace) throw noWorkspace();
        if (confirm !== workspace.slug) {
          throw new SluiceError('request.invalid', 'What you wrote is not the name of this workspace in addresses.', {
            advice: `To delete it, repeat ${workspace.slug}.`,
          });
        }
        await lifecycle.ensureUnpaid(sql, workspaceId);
        for (const runId of await lifecycle.findUnended(sql, workspaceId)) {
          await cancelRun(sql, { workspaceId, runId }, allowances);
        }
        const row = await lifecycle.markDeleted(sql, workspaceId, userId);
        if (!row) throw noWorkspace();
        for (const owner of await members.listOwners(sql, workspaceId)) {
          const about = { to: owner.email, name: owner.name, workspace: workspace.name, by: name };
          await mail.post(sql, deletedLetter({ ...about, purgeAfter: row.purgeAfter }));
        }
        const record = { action: 'workspace.delete', resource: 'workspace', resourceId: workspaceId };
        await recordAudit(sql, actor, { ...record, metadata: { purgeAfter: row.purgeAfter.toISOString() } });
        return row;
      });
      onDeleted(workspaceId);
      return toDeleted(deleted);
    },

    async listDeleted(_input, { session }) {
      return (await lifecycle.listDeleted(db, session.userId)).map(toDeleted);
    },

    async restore({ workspaceId }, { session, ip, userAgent, requestId }) {
      const { userId, name } = session;
      const mine = await lifecycle.listDeleted(db, userId);
      if (!mine.some(({ id }) => id === workspaceId)) throw noWorkspace();
      return db.withWorkspaceSql({ workspaceId }, async (sql) => {
        if (!(await lifecycle.markRestored(sql, workspaceId))) throw noWorkspace();
        const record = { action: 'workspace.restore', resource: 'workspace', resourceId: workspaceId };
        await recordAudit(sql, { workspaceId, userId, name, ip, userAgent, requestId }, record);
        const row = await findWorkspace(sql, workspaceId);
        if (!row) throw noWorkspace();
        return { id: row.id, name: row.name, slug: row.slug, plan: row.plan, role: 'owner' as const };
      });
    },

    async leave({ workspaceId }, { session, ip, userAgent, requestId }) {
      const { userId, name } = session;
      await db.withWorkspaceSql({ workspaceId }, async (sql) => {
        await members.lockMembers(sql, workspaceId);
        const member = await members.findMember(sql, workspaceId, { userId });
        if (!member || !(await findWorkspace(sql, workspaceId))) throw noWorkspace();
        ensureOwnerLeft(member.role, (await members.countMembers(sql, workspaceId)).owners);
        await members.endMembership(sql, workspaceId, member.id);
        const record = { action: 'member.leave', resource: 'member', resourceId: member.id };
        await recordAudit(sql, { workspaceId, userId, name, ip, userAgent, requestId }, record);
      });
      return DONE;
    },
  };
}

function toDeleted({ deletedAt, purgeAfter, ...row }: lifecycle.DeletedRow) {
  return { ...row, deletedAt: deletedAt.toISOString(), purgeAfter: purgeAfter.toISOString() };
}

async function orSlugTaken<T>(slug: string | undefined, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    if (slug === undefined || !isTaken(thrown)) throw thrown;
    throw new SluiceError('workspace.slug_taken', `Another workspace is called ${slug} in addresses.`, {
      advice: 'Choose another one.',
    });
  }
}
