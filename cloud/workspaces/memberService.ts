import type { Member } from '#shared/contract/cloud/members.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Database } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import type { Actor } from '../server/actor.ts';
import { idCursor, toPage } from '../server/paging.ts';
import { ensure } from '../server/policy.ts';
import { removedLetter } from './letters.ts';
import * as store from './memberStore.ts';
import {
  canChangeMember,
  canGivePermissions,
  canGiveRole,
  ensureOwnerLeft,
  ensureRevision,
} from './workspacePolicy.ts';
import { findWorkspace } from './workspaceStore.ts';

export type MemberDeps = { db: Database; mail: Mail };

const noMember = () => new SluiceError('member.not_found', 'There is no such member in this workspace.');

/** Who belongs to a workspace and what each may do there. */
export function createMemberService({ db, mail }: MemberDeps): Service<typeof cloudApi.members, Actor> {
  return {
    async list({ limit, cursor }, actor) {
      const after = idCursor(cursor);
      const rows = await db.withWorkspaceSql(actor, (sql) =>
        store.listMembers(sql, actor.workspaceId, { limit, after }),
      );
      const { data, nextCursor } = toPage(rows, limit);
      return { data: data.map((row) => toMember(row, actor)), nextCursor };
    },

    update: ({ memberId, role, permissions, expectedRevision }, actor) =>
      db.withWorkspaceSql(actor, async (sql) => {
        const { workspaceId } = actor;
        await store.lockMembers(sql, workspaceId);
        const member = await store.findMember(sql, workspaceId, { id: memberId });
        if (!member || member.leaving) throw noMember();
        ensure(canChangeMember(actor, member));
        ensureRevision(member, expectedRevision);
        const newRole = role ?? member.role;
        // Single permissions were chosen for the role before.
        const kept = newRole === member.role ? member.permissions : { add: [], remove: [] };
        const next = { role: newRole, permissions: permissions ?? kept };
        if (newRole !== member.role) {
          ensure(canGiveRole(actor, newRole));
          ensureOwnerLeft(member.role, (await store.countMembers(sql, workspaceId)).owners);
        }
        if (permissions) ensure(canGivePermissions(actor, next));
        await store.setMemberRights(sql, workspaceId, memberId, next);
        const metadata = { from: member.role, to: newRole, ...(permissions ?? {}) };
        const about = { userId: member.userId, email: member.email };
        await recordAudit(sql, actor, {
          action: 'member.role',
          resource: 'member',
          resourceId: memberId,
          metadata,
          about,
        });
        return toMember({ ...member, ...next, revision: member.revision + 1 }, actor);
      }),

    remove: ({ memberId }, actor) =>
      db.withWorkspaceSql(actor, async (sql) => {
        const { workspaceId } = actor;
        await store.lockMembers(sql, workspaceId);
        const member = await store.findMember(sql, workspaceId, { id: memberId });
        if (!member || member.leaving) throw noMember();
        ensure(canChangeMember(actor, member));
        ensureOwnerLeft(member.role, (await store.countMembers(sql, workspaceId)).owners);
        await store.endMembership(sql, workspaceId, memberId);
        const workspace = await findWorkspace(sql, workspaceId);
        if (member.userId !== actor.userId) {
          await mail.post(
            sql,
            removedLetter({ to: member.email, name: member.name, workspace: workspace?.name ?? '' }),
          );
        }
        const about = { userId: member.userId, email: member.email };
        await recordAudit(sql, actor, { action: 'member.remove', resource: 'member', resourceId: memberId, about });
        return { done: true as const };
      }),
  };
}

function toMember({ joinedAt, leaving: _, ...row }: store.MemberRow, { userId }: Actor): Member {
  return { ...row, joinedAt: joinedAt.toISOString(), you: row.userId === userId };
}
