import { createHmac } from 'node:crypto';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Tx } from '../platform/database.ts';
import type { Mail } from '../platform/mail.ts';
import type { MasterKey } from '../platform/secrets.ts';
import { sameText } from '../platform/tokens.ts';
import type { Caller } from '../server/actor.ts';
import type { MountedService } from '../server/mount.ts';
import { ensure, mustBeVerified } from '../server/policy.ts';
import { findUser, recordAccountEvent } from './accountStore.ts';
import type { Attempts } from './attempts.ts';
import { createCodeGuesses, type Guess } from './codeGuesses.ts';
import { secondFactorLetter } from './letters.ts';
import * as store from './secondFactorStore.ts';
import { digitsOf, forApp, hashRecoveryCode, newRecoveryCodes, newSecret, stepOf } from './totp.ts';

export type SecondFactorDeps = {
  db: Database;
  clock: Clock;
  mail: Mail;
  logger: Logger;
  master: MasterKey;
  confirmPassword(caller: Required<Pick<Caller, 'session'>> & Caller, password: string): Promise<void>;
  attempts: Attempts;
};

export type SecondFactor = MountedService<typeof cloudApi.secondFactor> & {
  isOn(userId: string): Promise<boolean>;
  /**
   * @param code six digits or a recovery code; absent: nothing was entered yet
   * @throws SluiceError sign_in.second_factor where a code is needed and none came, sign_in.failed, rate.exceeded
   */
  pass(userId: string, code: string | undefined, caller: Caller): Promise<void>;
  /** What a page holds between the password and the code: proof of the password, for ten minutes. */
  challenge(userId: string): Promise<string>;
  /** @returns whose challenge it is @throws SluiceError sign_in.failed where it is too old, made up, or of a password before */
  openChallenge(challenge: string): Promise<string>;
};

const CHALLENGE_MS = 10 * 60_000;
const KNOWN_MS = 90 * 86_400_000;

export function createSecondFactor(deps: SecondFactorDeps): SecondFactor {
  const { db, clock, mail, logger, master, confirmPassword } = deps;
  const guesses = createCodeGuesses(deps.attempts);
  const aad = (userId: string) => `${userId}/second_factor`;
  const open = (userId: string, sealed: Uint8Array) => master.unwrap(sealed, aad(userId));

  async function isOn(userId: string): Promise<boolean> {
    const factor = await db.withUser(userId, (tx) => store.findFactor(tx, userId));
    return factor?.confirmedAt != null;
  }

  /** Takes a code, once. */
  async function take(tx: Tx, userId: string, code: string): Promise<boolean> {
    const digits = digitsOf(code);
    if (digits === undefined) return store.takeRecoveryCode(tx, userId, hashRecoveryCode(code), clock.now());
    const factor = await store.findFactor(tx, userId);
    const step = factor && stepOf(open(userId, factor.secretSealed), digits, clock.now());
    return step !== undefined && step !== null && store.takeStep(tx, userId, step);
  }

  async function pass(userId: string, code: string | undefined, caller: Caller): Promise<void> {
    const since = new Date(clock.now().getTime() - KNOWN_MS);
    const { on, knownAddress } = await db.withUser(userId, async (tx) => ({
      on: (await store.findFactor(tx, userId))?.confirmedAt != null,
      knownAddress: await store.knowsAddress(tx, userId, caller.ip, since),
    }));
    if (!on) return;
    if (code === undefined || code.trim() === '') {
      throw new SluiceError('sign_in.second_factor', 'This account also asks for a code.', {
        advice: 'Enter the code that your authenticator app shows, or a recovery code.',
      });
    }
    const kind = digitsOf(code) === undefined ? 'recovery' : 'time';
    const guess: Guess = { userId, ip: caller.ip, kind, knownAddress };
    await guesses.inTurn(guess, () => tryCode(guess, code, caller));
  }

  async function tryCode(guess: Guess, code: string, { ip, userAgent }: Caller): Promise<void> {
    const { userId, kind } = guess;
    await guesses.check(guess);
    const passed = await db.withUser(userId, async (tx) => {
      const right = await take(tx, userId, code);
      if (right && kind === 'time') return true;
      const action = right ? 'auth.recovery_code_used' : 'auth.second_factor_failed';
      const outcome = right ? ('ok' as const) : ('failed' as const);
      await recordAccountEvent(tx, userId, { action, outcome, ip, userAgent }, clock.now());
      return right;
    });
    if (passed) {
      await guesses.clear(guess);
      if (kind === 'recovery') await tell(userId, 'A recovery code was used to sign in. It works no second time.');
      return;
    }
    const triesLeft = await guesses.count(guess);
    const advice =
      triesLeft > 0
        ? `${triesLeft} ${triesLeft === 1 ? 'try' : 'tries'} left. A code is good for half a minute, and once.`
        : 'Use a recovery code, or wait 15 minutes and try again.';
    throw new SluiceError('sign_in.failed', 'This code is not right.', { advice, details: { triesLeft } });
  }

  /** The same of somebody who is signed in. Not 401, which would say that the sign-in has ended. */
  async function confirmCode(caller: Required<Pick<Caller, 'session'>> & Caller, code: string): Promise<void> {
    if (!(await isOn(caller.session.userId))) {
      throw new SluiceError('request.invalid', 'The second factor is off.', { advice: 'Set it up first.' });
    }
    try {
      await pass(caller.session.userId, code, caller);
    } catch (thrown) {
      const { code: name, message, advice, details } = SluiceError.from(thrown);
      if (!name.startsWith('sign_in.')) throw thrown;
      throw new SluiceError('access.denied', message, { advice, details });
    }
  }

  async function tell(userId: string, what: string): Promise<void> {
    const user = await findUser(db, userId);
    if (!user) return;
    mail
      .send(secondFactorLetter({ to: user.email, name: user.name, what }))
      .catch((error: unknown) => logger.error('News of a second factor was not sent.', { error: String(error) }));
  }

  async function macOf(userId: string, until: number): Promise<string> {
    const user = await findUser(db, userId);
    return createHmac('sha256', master.derive('second factor challenge'))
      .update(JSON.stringify([userId, until, user?.passwordHash ?? null]))
      .digest('base64url');
  }

  async function giveCodes(tx: Tx, userId: string): Promise<{ recoveryCodes: string[] }> {
    const recoveryCodes = newRecoveryCodes();
    await store.replaceCodes(tx, userId, recoveryCodes.map(hashRecoveryCode));
    return { recoveryCodes };
  }

  return {
    isOn,
    pass,

    async challenge(userId) {
      const until = clock.now().getTime() + CHALLENGE_MS;
      return `${userId}.${until}.${await macOf(userId, until)}`;
    },

    async openChallenge(challenge) {
      const [userId = '', until = '', mac = ''] = challenge.split('.');
      const good = /^[0-9a-f-]{36}$/.test(userId) && Number(until) > clock.now().getTime();
      if (good && sameText(mac, await macOf(userId, Number(until)))) return userId;
      throw new SluiceError('sign_in.failed', 'This took too long, or your password was changed meanwhile.', {
        advice: 'Sign in again.',
      });
    },

    status: (_input, { session: { userId } }) =>
      db.withUser(userId, async (tx) => ({
        on: (await store.findFactor(tx, userId))?.confirmedAt != null,
        recoveryCodesLeft: await store.countCodes(tx, userId),
      })),

    async enrol({ password }, caller) {
      const { userId, email } = caller.session;
      // Else somebody who signed up with another's address would keep its owner out by it.
      ensure(mustBeVerified(caller.session));
      await confirmPassword(caller, password);
      const secret = newSecret();
      await db.withUser(userId, async (tx) => {
        if ((await store.findFactor(tx, userId))?.confirmedAt) throw onAlready();
        await store.putFactor(tx, userId, master.wrap(secret, aad(userId)));
      });
      return forApp(secret, email);
    },

    async confirm({ code }, { session: { userId }, ip, userAgent }) {
      const codes = await db.withUser(userId, async (tx) => {
        const factor = await store.findFactor(tx, userId);
        if (factor?.confirmedAt) throw onAlready();
        const digits = digitsOf(code);
        if (!factor || digits === undefined || !(await take(tx, userId, digits))) {
          throw new SluiceError('access.denied', 'This is not the code that the app should show now.', {
            advice: 'Look whether the clock of the device with the app is right, and enter the code that it shows now.',
          });
        }
        if (!(await store.confirmFactor(tx, userId, clock.now()))) throw onAlready();
        const record = { action: 'auth.second_factor_on', ip, userAgent };
        await recordAccountEvent(tx, userId, record, clock.now());
        return giveCodes(tx, userId);
      });
      await tell(userId, 'Signing in to your account asks for a code of your authenticator app from now on.');
      return codes;
    },

    async renewCodes({ password, code }, caller) {
      const { userId } = caller.session;
      await confirmPassword(caller, password);
      await confirmCode(caller, code);
      const { ip, userAgent } = caller;
      const codes = await db.withUser(userId, async (tx) => {
        await recordAccountEvent(tx, userId, { action: 'auth.recovery_codes_renewed', ip, userAgent }, clock.now());
        return giveCodes(tx, userId);
      });
      await tell(userId, 'New recovery codes were made, and the ones before work no more.');
      return codes;
    },

    async disable({ password, code }, caller) {
      const { session, ip, userAgent } = caller;
      await confirmPassword(caller, password);
      await confirmCode(caller, code);
      await db.withUser(session.userId, async (tx) => {
        await store.removeFactor(tx, session.userId);
        const record = { action: 'auth.second_factor_off', ip, userAgent };
        await recordAccountEvent(tx, session.userId, record, clock.now());
      });
      await tell(session.userId, 'The second factor of your account was turned off: the password alone signs in.');
      return { done: true };
    },
  };
}

function onAlready(): SluiceError {
  return new SluiceError('request.invalid', 'The second factor is on already.', {
    advice: 'Turn it off first to set up another app.',
  });
}
