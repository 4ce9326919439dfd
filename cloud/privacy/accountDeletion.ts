import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { SluiceError } from '#shared/error.ts';
import { findUser, recordAccountEvent } from '../accounts/accountStore.ts';
import type { PasswordCheck } from '../accounts/passwordCheck.ts';
import { revokeAllOf } from '../accounts/sessionStore.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Clock } from '../platform/clock.ts';
import { asSql, type Database } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import { hashToken, newToken } from '../platform/tokens.ts';
import { cancelRun } from '../runs/endRun.ts';
import type { Allowances } from '../runs/ports.ts';
import type { MountedService } from '../server/mount.ts';
import { ensureUnpaid, findUnended, GRACE_DAYS, markDeleted, markRestored } from '../workspaces/lifecycleStore.ts';
import { lockMembers } from '../workspaces/memberStore.ts';
import * as store from './erasureStore.ts';
import { leavingLetter } from './letters.ts';

export type DeletionDeps = Pick<PasswordCheck, 'confirmPassword'> & {
  db: Database;
  clock: Clock;
  mail: Mail;
  publicUrl: string;
  allowances: Pick<Allowances, 'releaseRun'>;
  onDeleted(workspaceId: string): void;
};

const TOKEN = /^sld_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[\w-]{43}$/;

/** A person leaves, and may change their mind for thirty days. */
export function createAccountDeletion(deps: DeletionDeps): MountedService<typeof cloudApi.account> {
  const { db, clock, mail, publicUrl, allowances, confirmPassword, onDeleted } = deps;

  /** The workspaces to which nobody else belongs. @throws SluiceError member.last_owner where others would be left without an owner */
  async function ownAlone(userId: string): Promise<store.OwnPlace[]> {
    const places = (await store.placesOf(db, userId)).filter(({ member, deletedAt }) => member && !deletedAt);
    const alone: store.OwnPlace[] = [];
    for (const place of places) {
      const { members, owners } = await db.withWorkspaceSql(place, (sql) =>
        store.othersIn(sql, place.workspaceId, userId),
      );
      if (members === 0) {
        await db.withWorkspaceSql(place, (sql) => ensureUnpaid(sql, place.workspaceId));
        alone.push(place);
      }
      if (members > 0 && place.role === 'owner' && owners === 0) {
        throw new SluiceError('member.last_owner', `You are the last owner of “${place.name}”, which others use too.`, {
          details: { workspaceId: place.workspaceId },
          advice: 'Transfer it to one of them, or delete it first.',
        });
      }
    }
    return alone;
  }

  return {
    async delete({ confirm, password }, asker) {
      const { session, ip, userAgent, requestId } = asker;
      const { userId, email, name } = session;
      if (confirm.trim().toLowerCase() !== email) {
        throw new SluiceError('request.invalid', 'What you wrote is not the address of your account.', {
          advice: `To delete the account, repeat ${email}.`,
        });
      }
      const user = await findUser(db, userId);
      if (user?.passwordHash) await confirmPassword(asker, password ?? '');
      const now = clock.now();
      const eraseAfter = new Date(now.getTime() + GRACE_DAYS * 86_400_000);
      const token = newToken(`sld_${userId}`);
      const alone = await db.withUser(userId, async (tx) => {
        // Whoever joins, leaves or steps down waits, so that two owners who go at once do not both count on the other.
        const places = (await store.placesOf(db, userId)).filter(({ member, deletedAt }) => member && !deletedAt);
        for (const { workspaceId } of places) await lockMembers(asSql(tx), workspaceId);
        const own = await ownAlone(userId);
        if (!(await store.markLeaving(tx, { userId, restoreHash: hashToken(token), now, eraseAfter }))) return [];
        await revokeAllOf(tx, userId, now);
        const url = `${publicUrl}/account/restore?token=${token}`;
        const workspaces = own.map((place) => place.name);
        await mail.post(tx, leavingLetter({ to: email, name, url, eraseAfter, workspaces }));
        await recordAccountEvent(tx, userId, { action: 'data.delete_request', ip, userAgent }, now);
        return own;
      });
      for (const { workspaceId } of alone) {
        await db.withWorkspaceSql({ workspaceId }, async (sql) => {
          for (const runId of await findUnended(sql, workspaceId)) {
            await cancelRun(sql, { workspaceId, runId }, allowances);
          }
          await markDeleted(sql, workspaceId, userId);
          const record = { action: 'workspace.delete', resource: 'workspace', resourceId: workspaceId };
          await recordAudit(sql, { workspaceId, userId, name, ip, userAgent, requestId }, record);
        });
        onDeleted(workspaceId);
      }
      return { eraseAfter: eraseAfter.toISOString() };
    },

    async restore({ token }, { ip, userAgent }) {
      const userId = TOKEN.exec(token)?.[1];
      const since =
        userId &&
        (await db.withUser(userId, async (tx) => {
          const asked = await store.markStaying(tx, userId, hashToken(token));
          if (!asked) return undefined;
          await recordAccountEvent(tx, userId, { action: 'data.delete_cancel', ip, userAgent }, clock.now());
          return asked;
        }));
      if (!since) {
        throw new SluiceError('token.invalid', 'This link is not good any more: it was used, or it is too late.');
      }
      // Those that were deleted with the account, and not before it.
      for (const { workspaceId, deletedAt, deletedById, role, member } of await store.placesOf(db, userId)) {
        if (!deletedAt || deletedAt < since || deletedById !== userId || role !== 'owner' || !member) continue;
        await db.withWorkspaceSql({ workspaceId }, async (sql) => {
          if ((await store.othersIn(sql, workspaceId, userId)).members > 0) return;
          if (!(await markRestored(sql, workspaceId))) return;
          const record = { action: 'workspace.restore', resource: 'workspace', resourceId: workspaceId };
          await recordAudit(sql, { workspaceId, userId }, record);
        });
      }
      return { done: true };
    },
  };
}
