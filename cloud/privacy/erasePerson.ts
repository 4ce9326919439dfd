import { randomUUID } from 'node:crypto';
import type { Logger } from '#shared/log.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import type { Blobs } from '../platform/blobs.ts';
import { asSql, type Database } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import { makePurgeable, markDeleted, purgeRows } from '../workspaces/lifecycleStore.ts';
import { endMembership, findMember, lockMembers } from '../workspaces/memberStore.ts';
import * as store from './erasureStore.ts';
import type { Who } from './exportStore.ts';
import { erasedLetter } from './letters.ts';

export type ErasureDeps = {
  db: Database;
  mail: Mail;
  blobs: Pick<Blobs, 'removeAll'>;
  logger: Logger;
  /** What is kept of a workspace outside of the database goes for good. */
  onPurged(workspaceId: string): Promise<void>;
};

/** An entry's facts are at most 100 KB. */
const NUMBERS_AT_ONCE = 5_000;

/** Erases whoever asked for it thirty days ago. Any number of processes may do it. @returns how many people */
export async function erasureTick(deps: ErasureDeps, owner: string = randomUUID()): Promise<number> {
  const due = await deps.db.withClaims((sql) => store.claimErasures(sql, owner));
  for (const userId of due) {
    try {
      await erasePerson(deps, userId);
      deps.logger.info('A person was erased.', { userId });
    } catch (thrown) {
      const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      deps.logger.error('A person could not be erased; it is tried again.', { userId, error });
    }
  }
  return due.length;
}

/**
 * Takes a person out of everything: workspace by workspace, then the account. What was done before a crash is done
 * already, and the rest follows with the next try, because the account itself comes last.
 */
async function erasePerson(deps: ErasureDeps, userId: string): Promise<void> {
  const { db, mail, blobs, onPurged } = deps;
  const user = await db.withoutTenant((tx) => tx.user.findUniqueOrThrow({ where: { id: userId } }));
  const who: Who = { id: userId, email: user.email, name: user.name };
  for (const place of await store.placesOf(db, userId)) {
    const { workspaceId } = place;
    // Deleted with the account; or a crash came between, and nobody has been in it since.
    const theirs = place.deletedById === userId || (place.role === 'owner' && place.member && !place.deletedAt);
    const alone =
      theirs && (await db.withWorkspaceSql(place, (sql) => store.othersIn(sql, workspaceId, userId))).members === 0;
    if (alone) {
      await db.withWorkspaceSql(place, async (sql) => {
        if (!place.deletedAt) await markDeleted(sql, workspaceId, userId);
        await makePurgeable(sql, workspaceId);
      });
      await onPurged(workspaceId);
      await blobs.removeAll(workspaceId);
      await db.withWorkspaceSql(place, (sql) => purgeRows(sql, workspaceId));
    } else await leaveWorkspace(db, workspaceId, who);
  }
  await db.withUser(userId, async (tx) => {
    const sql = asSql(tx);
    await store.eraseRows(sql, who, 'own');
    await store.eraseAccount(sql, userId);
    await mail.post(tx, erasedLetter({ to: who.email, name: who.name }));
  });
}

async function leaveWorkspace(db: Database, workspaceId: string, who: Who): Promise<void> {
  await db.withWorkspaceSql({ workspaceId }, async (sql) => {
    await lockMembers(sql, workspaceId);
    const member = await findMember(sql, workspaceId, { userId: who.id });
    if (member) await endMembership(sql, workspaceId, member.id);
    await store.eraseRows(sql, who, 'workspace');
    const entries = await store.clearAudit(sql, who);
    // The log says itself which of its entries lost their person, so that nobody else can take one out.
    for (let from = 0; from < entries.length; from += NUMBERS_AT_ONCE) {
      const metadata = { entries: entries.slice(from, from + NUMBERS_AT_ONCE) };
      await recordAudit(sql, { workspaceId }, { action: 'data.purge', resource: 'person', metadata });
    }
  });
}
