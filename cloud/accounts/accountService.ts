import { v7 as uuidv7 } from 'uuid';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { Clock } from '../platform/clock.ts';
import { type Database, isTaken } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import type { Secrets } from '../platform/secrets.ts';
import { hashToken, newToken } from '../platform/tokens.ts';
import type { MountedService } from '../server/mount.ts';
import { insertWorkspace, listWorkspaces } from '../workspaces/workspaceStore.ts';
import * as store from './accountStore.ts';
import type { Attempts } from './attempts.ts';
import type { DeviceFlow } from './deviceFlow.ts';
import { beingDeletedLetter, existingLetter, verificationLetter } from './letters.ts';
import type { PasswordCheck } from './passwordCheck.ts';
import { createPasswordService } from './passwordService.ts';
import { hashPassword, passwordMatches, requireUncommon } from './passwords.ts';
import type { SecondFactor } from './secondFactor.ts';
import type { SessionService } from './sessionService.ts';

export type AccountDeps = {
  db: Database;
  clock: Clock;
  mail: Mail;
  secrets: Secrets;
  logger: Logger;
  publicUrl: string;
  attempts: Attempts;
  sessions: SessionService;
  factor: SecondFactor;
  devices: DeviceFlow;
} & PasswordCheck;

export type AccountService = MountedService<typeof cloudApi.auth> & Pick<PasswordCheck, 'checkPassword'>;

const VERIFICATION_MS = 24 * 3_600_000;
const LETTERS_PER_HOUR = 3;
const DONE = { done: true } as const;

/** Accounts. What it answers, and how much work that is, does not tell whether an address has an account. */
export function createAccountService(deps: AccountDeps): AccountService {
  const { db, clock, mail, secrets, publicUrl, sessions, factor, devices, attempts, checkPassword } = deps;

  async function newVerification(): Promise<{ row: { tokenHash: string; expiresAt: Date }; url: string }> {
    const token = newToken('slv');
    const expiresAt = new Date(clock.now().getTime() + VERIFICATION_MS);
    return { row: { tokenHash: hashToken(token), expiresAt }, url: `${publicUrl}/verify?token=${token}` };
  }

  async function tellWhoIsLeaving(email: string): Promise<void> {
    const leaving = await store.findLeaving(db, email);
    if (!leaving || (await attempts.add(['sign-up letters', leaving.id], 3_600)) > LETTERS_PER_HOUR) return;
    await mail.send(beingDeletedLetter({ to: email, name: leaving.name }));
  }

  return {
    checkPassword,
    ...createPasswordService(deps),

    async register({ email, password, name }, caller) {
      requireUncommon(password, email);
      const [passwordHash, existing] = await Promise.all([hashPassword(password), store.findUserByEmail(db, email)]);
      // Looked at for nobody too, so that it takes as long.
      const asBefore = await passwordMatches(existing?.passwordHash, password);
      const { row, url } = await newVerification();
      // Nobody's mailbox is filled by somebody else. Every link that was sent stays good.
      if (existing && (await attempts.add(['sign-up letters', existing.id], 3_600)) > LETTERS_PER_HOUR) return DONE;
      if (existing?.emailVerifiedAt) {
        await mail.send(existingLetter({ to: email, url: `${publicUrl}/sign-in` }));
        return DONE;
      }
      if (existing) {
        // Until a letter says whose the address is, nobody changes what somebody else may have begun with it.
        const chosen = asBefore ? {} : { name, passwordHash };
        await db.withUser(existing.id, (tx) =>
          store.insertVerification(tx, { userId: existing.id, ...row, ...chosen }),
        );
      } else {
        const id = uuidv7();
        const founder = { userId: id, name, ip: caller.ip, userAgent: caller.userAgent, requestId: caller.requestId };
        try {
          await insertWorkspace(db, secrets, founder, `${name}’s workspace`.slice(0, 120), async (tx) => {
            await store.insertUser(tx, { id, email, name, passwordHash });
            await store.insertVerification(tx, { userId: id, ...row });
          });
        } catch (thrown) {
          if (!isTaken(thrown)) throw thrown;
          // Two at the same moment: the other one sends the mail.
          await tellWhoIsLeaving(email);
          return DONE;
        }
        const record = { action: 'auth.register', ip: caller.ip, userAgent: caller.userAgent };
        await db.withUser(id, (tx) => store.recordAccountEvent(tx, id, record, clock.now()));
      }
      await mail.send(verificationLetter({ to: email, name, url }));
      return DONE;
    },

    async verifyEmail({ token }) {
      if (!(await store.confirmEmail(db, hashToken(token), clock.now()))) {
        throw new SluiceError(
          'token.invalid',
          'This link is not good any more: it was used, or it is older than a day.',
          {
            advice: 'Sign in if your address is confirmed already, or sign up again to get another link.',
          },
        );
      }
      return DONE;
    },

    async signIn({ email, password, code, deviceName }, caller) {
      const userId = await checkPassword(email, password, caller);
      await factor.pass(userId, code, caller);
      return sessions.signInDevice(userId, deviceName, caller);
    },

    token(input, caller) {
      if (input.grantType === 'authorization_code') return sessions.redeemCode(input, caller);
      if (input.grantType === 'device_code') return devices.redeem(input.deviceCode, caller);
      return sessions.refresh(input.refreshToken, caller);
    },

    authorizeDevice: ({ deviceName }, caller) => devices.start(deviceName, caller),

    async signOut(_input, caller) {
      await sessions.end(caller.session, caller);
      return DONE;
    },

    async whoami(_input, { session }) {
      const { userId, email, name, emailVerified } = session;
      return { user: { id: userId, email, name, emailVerified }, workspaces: await listWorkspaces(db, userId) };
    },
  };
}
