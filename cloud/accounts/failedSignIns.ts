import { SluiceError } from '#shared/error.ts';
import { networkOf } from '../platform/network.ts';
import type { AttemptName, Attempts } from './attempts.ts';

/**
 * Failures of one account from one address close this pair. Whoever guesses may have many addresses, so all those that the
 * account never signed in from share one limit beside it. The account itself is never closed: nobody can lock the person out
 * where they have been before, or who sets a new password by a letter.
 */
export type FailedSignIns = {
  /** Guesses that share a count are looked at one after the other, so that many at once are no more than may be tried. */
  inTurn<T>(guess: PasswordGuess, work: () => Promise<T>): Promise<T>;
  /** @throws SluiceError rate.exceeded while no tries are taken from this address */
  check(guess: PasswordGuess): Promise<void>;
  /** @returns how many tries are left */
  count(guess: PasswordGuess): Promise<number>;
  clear(guess: PasswordGuess): Promise<void>;
  /** Somebody at this address showed otherwise that the account is theirs: it is known for a day. */
  trust(email: string, ip: string): Promise<void>;
};

/** `knownAddress`: the account has signed in from there before; false where there is no such account. */
export type PasswordGuess = { email: string; ip: string; knownAddress: boolean };

const TRIES = 5;
const CLOSED_SECONDS = 15 * 60;
const STRANGERS_PER_HOUR = 20;
const TRUSTED_SECONDS = 24 * 3_600;

export function createFailedSignIns(attempts: Attempts): FailedSignIns {
  const pair = ({ email, ip }: Pick<PasswordGuess, 'email' | 'ip'>): AttemptName => ['password', email, networkOf(ip)];
  const strangers = ({ email }: PasswordGuess): AttemptName => ['password of a stranger', email];
  const trusted = ({ email, ip }: Pick<PasswordGuess, 'email' | 'ip'>): AttemptName => [
    'trusted',
    email,
    networkOf(ip),
  ];
  return {
    inTurn: (guess, work) => attempts.inTurn(guess.knownAddress ? pair(guess) : strangers(guess), work),
    async check(guess) {
      const [here, all, known] = await attempts.of(pair(guess), strangers(guess), trusted(guess));
      if (here && here.tries >= TRIES) {
        throw closed(here.leftMs, 'Too many tries for this e-mail address from here.', '');
      }
      if (all && all.tries >= STRANGERS_PER_HOUR && !guess.knownAddress && !known) {
        const advice = ', or set a new password by "Forgot the password?", or sign in from where you did before';
        throw closed(all.leftMs, 'Too many tries for this e-mail address from addresses it does not know.', advice);
      }
    },
    async count(guess) {
      const [known] = await attempts.of(trusted(guess));
      if (!guess.knownAddress && !known) await attempts.add(strangers(guess), 3_600);
      const tries = await attempts.add(pair(guess), CLOSED_SECONDS);
      // The window is as long as the closing: it starts anew with the failure that closes.
      if (tries >= TRIES) await attempts.set(pair(guess), tries, CLOSED_SECONDS);
      return Math.max(0, TRIES - tries);
    },
    clear: (guess) => attempts.forget(pair(guess)),
    async trust(email, ip) {
      await attempts.forget(pair({ email, ip }));
      await attempts.set(trusted({ email, ip }), 1, TRUSTED_SECONDS);
    },
  };
}

function closed(waitMs: number, message: string, otherwise: string): SluiceError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new SluiceError('rate.exceeded', message, {
    advice: `Wait ${Math.ceil(retryAfterSeconds / 60)} minutes and try again${otherwise}.`,
    details: { retryAfterSeconds },
  });
}
