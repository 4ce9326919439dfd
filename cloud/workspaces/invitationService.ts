import { v7 as uuidv7 } from 'uuid';
import type { Invitation } from '#shared/contract/cloud/invitations.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import { type Database, isTaken, type Sql } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import { hashToken, newToken } from '../platform/tokens.ts';
import type { Actor } from '../server/actor.ts';
import { idCursor, toPage } from '../server/paging.ts';
import { ensure, mustBeVerified } from '../server/policy.ts';
import * as store from './invitationStore.ts';
import { invitationLetter } from './letters.ts';
import { countMembers, lockMembers } from './memberStore.ts';
import { canGiveRole, ensureSeat } from './workspacePolicy.ts';
import { findWorkspace, isMemberEmail } from './workspaceStore.ts';

export type InvitationDeps = { db: Database; mail: Mail; publicUrl: string };

const VALID_MS = 7 * 86_400_000;

export const noInvitation = () =>
  new SluiceError('invitation.not_found', 'There is no such invitation, or it is not open any more.', {
    advice: 'Ask whoever invited you to send another one.',
  });

/** What those who manage members do with invitations. */
export function createInvitationService({
  db,
  mail,
  publicUrl,
}: InvitationDeps): Service<typeof cloudApi.invitations, Actor> {
  /** A new link, and the letter that it comes in. */
  async function send(sql: Sql, actor: Actor, to: { email: string; role: Invitation['role'] }) {
    const { workspaceId, name: invitedBy } = actor;
    const token = newToken(`sli_${workspaceId}`);
    const sentAt = new Date();
    const expiresAt = new Date(sentAt.getTime() + VALID_MS);
    const workspace = (await findWorkspace(sql, workspaceId))?.name ?? '';
    const url = `${publicUrl}/invitation?token=${token}`;
    await mail.post(sql, invitationLetter({ to: to.email, role: to.role, workspace, invitedBy, url, expiresAt }));
    return { tokenHash: hashToken(token), sentAt, expiresAt };
  }

  async function find(sql: Sql, workspaceId: string, id: string): Promise<store.InvitationRow> {
    const row = await store.findInvitation(sql, workspaceId, { id });
    if (!row) throw noInvitation();
    return row;
  }

  async function findPending(sql: Sql, workspaceId: string, id: string): Promise<store.InvitationRow> {
    await store.expireInvitations(sql, workspaceId);
    const row = await find(sql, workspaceId, id);
    if (row.status !== 'pending') {
      throw new SluiceError('invitation.closed', `This invitation is ${row.status} already.`, {
        advice: 'Invite the person again if they should still come.',
      });
    }
    return row;
  }

  const record = (sql: Sql, actor: Actor, action: string, row: { id: string; email: string; role: string }) =>
    recordAudit(sql, actor, {
      action,
      resource: 'invitation',
      resourceId: row.id,
      metadata: { role: row.role },
      about: { email: row.email },
    });

  return {
    list: ({ limit, cursor, status }, actor) =>
      db.withWorkspaceSql(actor, async (sql) => {
        const { workspaceId } = actor;
        const before = idCursor(cursor);
        await store.expireInvitations(sql, workspaceId);
        const page = toPage(await store.listInvitations(sql, workspaceId, { limit, before, status }), limit);
        return { data: page.data.map(toInvitation), nextCursor: page.nextCursor };
      }),

    async create({ email, role }, actor) {
      ensure(mustBeVerified(actor));
      ensure(canGiveRole(actor, role));
      const { workspaceId, userId } = actor;
      try {
        return await db.withWorkspaceSql(actor, async (sql) => {
          await lockMembers(sql, workspaceId);
          await store.expireInvitations(sql, workspaceId);
          const workspace = await findWorkspace(sql, workspaceId);
          if (!workspace) throw new SluiceError('workspace.not_found', 'There is no such workspace.');
          if (await isMemberEmail(sql, workspaceId, email)) {
            throw new SluiceError('member.exists', 'This person is a member of the workspace already.');
          }
          const { members } = await countMembers(sql, workspaceId);
          ensureSeat(workspace.plan, members + (await store.countPending(sql, workspaceId)));
          const id = uuidv7();
          const sent = await send(sql, actor, { email, role });
          await store.insertInvitation(sql, workspaceId, { id, email, role, invitedById: userId, ...sent });
          await record(sql, actor, 'member.invite', { id, email, role });
          return toInvitation(await find(sql, workspaceId, id));
        });
      } catch (thrown) {
        if (!isTaken(thrown)) throw thrown;
        throw new SluiceError('member.exists', 'This address is invited already.', {
          advice: 'Send the invitation again, or take it back first to change its role.',
        });
      }
    },

    resend: ({ invitationId }, actor) =>
      db.withWorkspaceSql(actor, async (sql) => {
        ensure(mustBeVerified(actor));
        const { workspaceId } = actor;
        await lockMembers(sql, workspaceId);
        const row = await findPending(sql, workspaceId, invitationId);
        ensure(canGiveRole(actor, row.role));
        await store.renewInvitation(sql, workspaceId, row.id, await send(sql, actor, row));
        await record(sql, actor, 'member.invite_again', row);
        return toInvitation(await find(sql, workspaceId, row.id));
      }),

    revoke: ({ invitationId }, actor) =>
      db.withWorkspaceSql(actor, async (sql) => {
        const { workspaceId } = actor;
        // Whoever joins holds this too: either they are in and it is said so, or they are not.
        await lockMembers(sql, workspaceId);
        const row = await findPending(sql, workspaceId, invitationId);
        if (!(await store.closeInvitation(sql, workspaceId, row.id, 'revoked'))) throw noInvitation();
        await record(sql, actor, 'member.invite_revoke', row);
        return { done: true as const };
      }),
  };
}

function toInvitation(row: store.InvitationRow): Invitation {
  const { id, email, role, status, invitedByName, sentAt, expiresAt } = row;
  return { id, email, role, status, invitedByName, sentAt: sentAt.toISOString(), expiresAt: expiresAt.toISOString() };
}
