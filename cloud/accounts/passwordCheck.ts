import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { Caller } from '../server/actor.ts';
import * as store from './accountStore.ts';
import type { FailedSignIns } from './failedSignIns.ts';
import { passwordMatches } from './passwords.ts';
import { knowsAddress } from './secondFactorStore.ts';

export type PasswordCheck = {
  /**
   * @returns the id of the person
   * @throws SluiceError sign_in.failed with details `{ triesLeft }`, rate.exceeded while this address may not try this account
   */
  checkPassword(email: string, password: string, caller: Caller): Promise<string>;
  /** Asks somebody who is signed in for the password again. @throws SluiceError access.denied, rate.exceeded */
  confirmPassword(caller: Required<Pick<Caller, 'session'>> & Caller, password: string): Promise<void>;
  /** Somebody at this address has shown by a letter that the account is theirs. */
  trustAddress(email: string, ip: string): Promise<void>;
};

type PasswordCheckDeps = { db: Database; clock: Clock; logger: Logger; failed: FailedSignIns };

const KNOWN_MS = 90 * 86_400_000;
const NOBODY = '00000000-0000-0000-0000-000000000000';

export function createPasswordCheck({ db, clock, logger, failed }: PasswordCheckDeps): PasswordCheck {
  async function checkPassword(email: string, password: string, caller: Caller): Promise<string> {
    const { ip } = caller;
    const user = await store.findUserByEmail(db, email);
    // Looked up for nobody too, so that it takes as long.
    const userId = user?.id ?? NOBODY;
    const since = new Date(clock.now().getTime() - KNOWN_MS);
    const knownAddress = await db.withUser(userId, (tx) => knowsAddress(tx, userId, ip, since));
    const guess = { email, ip, knownAddress };
    return failed.inTurn(guess, async () => {
      await failed.check(guess);
      if ((await passwordMatches(user?.passwordHash, password)) && user) {
        await failed.clear(guess);
        return user.id;
      }
      throw wrong(await failed.count(guess), user?.id, caller);
    });
  }

  function wrong(triesLeft: number, userId: string | undefined, { ip, userAgent }: Caller): SluiceError {
    if (userId !== undefined) {
      const record = { action: 'auth.login_failed', outcome: 'failed' as const, ip, userAgent };
      // Beside the answer, so that the answer takes as long for an address that nobody has.
      db.withUser(userId, (tx) => store.recordAccountEvent(tx, userId, record, clock.now())).catch((error: unknown) =>
        logger.error('A failed sign-in could not be recorded.', { error: String(error) }),
      );
    }
    const advice =
      triesLeft > 0 ? `${triesLeft} ${triesLeft === 1 ? 'try' : 'tries'} left.` : 'Wait 15 minutes and try again.';
    return new SluiceError('sign_in.failed', 'E-mail and password do not match.', { advice, details: { triesLeft } });
  }

  /** Not 401, which would say that the sign-in has ended. */
  async function confirmPassword(caller: Required<Pick<Caller, 'session'>> & Caller, password: string): Promise<void> {
    try {
      await checkPassword(caller.session.email, password, caller);
    } catch (thrown) {
      const { code, advice, details } = SluiceError.from(thrown);
      if (code !== 'sign_in.failed') throw thrown;
      if (!(await store.findUser(db, caller.session.userId))?.passwordHash) {
        throw new SluiceError('access.denied', 'Your account has no password yet.', {
          advice: 'Set one by "Forgot the password?" on the sign-in page.',
        });
      }
      throw new SluiceError('access.denied', 'This is not your password.', { advice, details });
    }
  }

  return { checkPassword, confirmPassword, trustAddress: failed.trust };
}
