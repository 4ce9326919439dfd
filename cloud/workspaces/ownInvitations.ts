import type { Workspace } from '#shared/contract/cloud/common.ts';
import type { OwnInvitation } from '#shared/contract/cloud/invitations.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Notices } from '../notifications/notices.ts';
import type { Database } from '../platform/database.ts';
import { hashToken } from '../platform/tokens.ts';
import type { Caller, SignedIn } from '../server/actor.ts';
import type { MountedService } from '../server/mount.ts';
import { ensure, mustBeVerified } from '../server/policy.ts';
import { noInvitation } from './invitationService.ts';
import * as store from './invitationStore.ts';
import { countMembers, findMember, lockMembers, putMember } from './memberStore.ts';
import { ensureSeat } from './workspacePolicy.ts';
import { findWorkspace } from './workspaceStore.ts';

type Asker = Caller & { session: SignedIn };

export type OwnInvitations = MountedService<typeof cloudApi.ownInvitations> & {
  /** The one that a link leads to, whoever looks. Undefined where it is not open. */
  byToken(token: string): Promise<(OwnInvitation & { email: string }) | undefined>;
};

/** What the person does who is invited. Only the address that was invited counts, and only once it is confirmed. */
export function createOwnInvitations({
  db,
  notices,
}: {
  db: Database;
  notices: Pick<Notices, 'memberJoined'>;
}): OwnInvitations {
  async function view(place: { workspaceId: string }, by: { id: string } | { tokenHash: string }) {
    return db.withWorkspaceSql(place, async (sql) => {
      const { workspaceId } = place;
      const row = await store.findInvitation(sql, workspaceId, by);
      const workspace = await findWorkspace(sql, workspaceId);
      if (!row || !workspace || row.status !== 'pending' || row.expiresAt <= new Date()) return undefined;
      const { id, role, invitedByName, expiresAt, email } = row;
      return { id, workspaceName: workspace.name, role, invitedByName, expiresAt: expiresAt.toISOString(), email };
    });
  }

  /** Where an invitation of this person is. Another's, and one that is not there, are the same to them. */
  async function placeOf(invitationId: string, { session }: Asker): Promise<{ workspaceId: string }> {
    ensure(mustBeVerified(session));
    const found = (await store.findOwn(db, session.userId)).find(({ id }) => id === invitationId);
    if (!found) throw noInvitation();
    return { workspaceId: found.workspaceId };
  }

  const actorOf = (workspaceId: string, { session, ip, userAgent, requestId }: Asker) => ({
    ...{ workspaceId, userId: session.userId, name: session.name },
    ...{ ip, userAgent, requestId },
  });

  return {
    async byToken(token) {
      const workspaceId = /^sli_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[\w-]{43}$/.exec(token)?.[1];
      return workspaceId === undefined ? undefined : view({ workspaceId }, { tokenHash: hashToken(token) });
    },

    async list(_input, { session }) {
      const found = await store.findOwn(db, session.userId);
      const views = await Promise.all(found.map(({ id, workspaceId }) => view({ workspaceId }, { id })));
      return views.flatMap((one) => {
        if (!one) return [];
        const { email: _, ...own } = one;
        return [own];
      });
    },

    async accept({ invitationId }, asker) {
      const { workspaceId } = await placeOf(invitationId, asker);
      const { userId } = asker.session;
      return db.withWorkspaceSql({ workspaceId }, async (sql): Promise<Workspace> => {
        await lockMembers(sql, workspaceId);
        const row = await store.findInvitation(sql, workspaceId, { id: invitationId });
        const workspace = await findWorkspace(sql, workspaceId);
        if (!row || !workspace) throw noInvitation();
        const known = await findMember(sql, workspaceId, { userId });
        if (!known) ensureSeat(workspace.plan, (await countMembers(sql, workspaceId)).members);
        if (!(await store.closeInvitation(sql, workspaceId, row.id, 'accepted'))) throw noInvitation();
        if (!known) await putMember(sql, workspaceId, { userId, role: row.role, invitedById: row.invitedById });
        const member = await findMember(sql, workspaceId, { userId });
        if (!known && member) await notices.memberJoined(sql, { workspaceId, ...member });
        await recordAudit(sql, actorOf(workspaceId, asker), {
          action: 'member.join',
          resource: 'member',
          resourceId: member?.id,
          metadata: { role: member?.role ?? row.role, invitation: row.id },
        });
        const { id, name, slug, plan } = workspace;
        return { id, name, slug, plan, role: member?.role ?? row.role };
      });
    },

    async decline({ invitationId }, asker) {
      const { workspaceId } = await placeOf(invitationId, asker);
      await db.withWorkspaceSql({ workspaceId }, async (sql) => {
        await lockMembers(sql, workspaceId);
        if (!(await store.closeInvitation(sql, workspaceId, invitationId, 'declined'))) throw noInvitation();
        const record = { action: 'member.decline', resource: 'invitation', resourceId: invitationId };
        await recordAudit(sql, actorOf(workspaceId, asker), record);
      });
      return { done: true };
    },
  };
}
