import { SluiceError } from '#shared/error.ts';
import { networkOf } from '../platform/network.ts';
import type { AttemptName, Attempts } from './attempts.ts';

/**
 * Wrong codes of a second factor. Who guesses has the password already, and may have many addresses, so there is one limit
 * for all addresses that the person never signed in from. It closes neither the addresses they know nor recovery codes,
 * which are too long to guess: nobody can lock the person out.
 */
export type CodeGuesses = {
  /** Codes of one person are looked at one after the other, so that many at once are no more than may be tried. */
  inTurn<T>(guess: Guess, work: () => Promise<T>): Promise<T>;
  /** @throws SluiceError rate.exceeded while no more codes are taken */
  check(guess: Guess): Promise<void>;
  /** @returns how many tries are left from this address */
  count(guess: Guess): Promise<number>;
  clear(guess: Guess): Promise<void>;
};

export type Guess = { userId: string; ip: string; kind: 'time' | 'recovery'; knownAddress: boolean };

const TRIES = 5;
const CLOSED_SECONDS = 15 * 60;
const STRANGERS_PER_HOUR = 20;

export function createCodeGuesses(attempts: Attempts): CodeGuesses {
  const here = ({ userId, ip, kind }: Guess): AttemptName => ['code', userId, networkOf(ip), kind];
  const strangers = ({ userId }: Guess): AttemptName => ['code of a stranger', userId];
  const isStranger = ({ kind, knownAddress }: Guess) => kind === 'time' && !knownAddress;
  return {
    inTurn: (guess, work) => attempts.inTurn(isStranger(guess) ? strangers(guess) : here(guess), work),
    async check(guess) {
      const [mine, all] = await attempts.of(here(guess), strangers(guess));
      if (mine && mine.tries >= TRIES) throw closed(mine.leftMs, 'Too many wrong codes from here.');
      if (isStranger(guess) && all && all.tries >= STRANGERS_PER_HOUR)
        throw closed(all.leftMs, 'Too many wrong codes from addresses that this account does not know.');
    },
    async count(guess) {
      if (isStranger(guess)) await attempts.add(strangers(guess), 3_600);
      const tries = await attempts.add(here(guess), CLOSED_SECONDS);
      if (tries >= TRIES) await attempts.set(here(guess), tries, CLOSED_SECONDS);
      return Math.max(0, TRIES - tries);
    },
    clear: (guess) => attempts.forget(here(guess)),
  };
}

function closed(waitMs: number, message: string): SluiceError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1_000));
  const minutes = Math.ceil(retryAfterSeconds / 60);
  return new SluiceError('rate.exceeded', message, {
    advice: `Use a recovery code, or wait ${minutes} minutes and try again.`,
    details: { retryAfterSeconds },
  });
}
