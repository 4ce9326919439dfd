import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import { hashToken, newToken } from '../platform/tokens.ts';
import type { Caller } from '../server/actor.ts';
import type { MountedService } from '../server/mount.ts';
import * as store from './accountStore.ts';
import type { Attempts } from './attempts.ts';
import { beingDeletedLetter, passwordChangedLetter, resetLetter } from './letters.ts';
import type { PasswordCheck } from './passwordCheck.ts';
import { hashPassword, requireUncommon } from './passwords.ts';
import { revokeAllOf } from './sessionStore.ts';

export type PasswordDeps = {
  db: Database;
  clock: Clock;
  mail: Mail;
  logger: Logger;
  publicUrl: string;
  attempts: Attempts;
} & Pick<PasswordCheck, 'confirmPassword' | 'trustAddress'>;

type PasswordCalls = 'forgotPassword' | 'resetPassword' | 'changePassword';

const RESET_MS = 24 * 3_600_000;
const LETTERS_PER_HOUR = 3;
const DONE = { done: true } as const;

/** Passwords that are forgotten or replaced. */
export function createPasswordService(deps: PasswordDeps): Pick<MountedService<typeof cloudApi.auth>, PasswordCalls> {
  const { db, clock, mail, logger, publicUrl, attempts, confirmPassword, trustAddress } = deps;

  async function sendLink(email: string, { ip, userAgent }: Caller): Promise<void> {
    const user = await store.findUserByEmail(db, email);
    if (!user) return tellWhoIsLeaving(email);
    // Nobody's mailbox is filled by somebody else. Every link that was sent stays good, so this keeps nobody out.
    if ((await attempts.add(['letters', user.id], 3_600)) > LETTERS_PER_HOUR) return;
    const token = newToken('slp');
    const expiresAt = new Date(clock.now().getTime() + RESET_MS);
    await db.withUser(user.id, async (tx) => {
      const row = { userId: user.id, tokenHash: hashToken(token), expiresAt, kind: 'password_reset' as const };
      await store.insertVerification(tx, row);
      await store.recordAccountEvent(tx, user.id, { action: 'auth.password_forgot', ip, userAgent }, clock.now());
    });
    await mail.send(resetLetter({ to: user.email, name: user.name, url: `${publicUrl}/reset?token=${token}` }));
  }

  async function tellWhoIsLeaving(email: string): Promise<void> {
    const leaving = await store.findLeaving(db, email);
    if (!leaving || (await attempts.add(['letters', leaving.id], 3_600)) > LETTERS_PER_HOUR) return;
    await mail.send(beingDeletedLetter({ to: email, name: leaving.name }));
  }

  function tell(user: { email: string; name: string }): void {
    const url = `${publicUrl}/forgot`;
    mail
      .send(passwordChangedLetter({ to: user.email, name: user.name, url }))
      .catch((error: unknown) => logger.error('The news of a new password was not sent.', { error: String(error) }));
  }

  return {
    forgotPassword({ email }, caller) {
      // Beside the answer, so that the answer takes as long for an address that nobody has.
      sendLink(email, caller).catch((error: unknown) =>
        logger.error('A link for a new password was not sent.', { error: String(error) }),
      );
      return DONE;
    },

    async resetPassword({ token, password }, { ip, userAgent }) {
      const now = clock.now();
      const owner = await db.withoutTenant((tx) => store.findTokenOwner(tx, hashToken(token), now));
      if (!owner) throw notGood();
      // Before the token is used up, so that another password can be tried with it.
      requireUncommon(password, owner.email);
      const passwordHash = await hashPassword(password);
      const userId = owner.id;
      const user = await db.withUser(userId, async (tx) => {
        if (!(await store.useToken(tx, 'password_reset', hashToken(token), now))) return undefined;
        await store.markConfirmed(tx, userId, now);
        await revokeAllOf(tx, userId, now);
        await store.recordAccountEvent(tx, userId, { action: 'auth.password_reset', ip, userAgent }, now);
        return store.replacePassword(tx, userId, passwordHash, now);
      });
      if (!user) throw notGood();
      await trustAddress(user.email, ip);
      tell(user);
      return DONE;
    },

    async changePassword({ currentPassword, newPassword }, caller) {
      const { session, ip, userAgent } = caller;
      requireUncommon(newPassword, session.email);
      await confirmPassword(caller, currentPassword);
      const passwordHash = await hashPassword(newPassword);
      const user = await db.withUser(session.userId, async (tx) => {
        await revokeAllOf(tx, session.userId, clock.now(), session.family);
        const record = { action: 'auth.password_change', ip, userAgent };
        await store.recordAccountEvent(tx, session.userId, record, clock.now());
        return store.replacePassword(tx, session.userId, passwordHash, clock.now());
      });
      tell(user);
      return DONE;
    },
  };
}

function notGood(): SluiceError {
  return new SluiceError('token.invalid', 'This link is not good any more: it was used, or it is older than a day.', {
    advice: 'Ask for another link.',
  });
}
