import { RateLimiterMemory } from 'rate-limiter-flexible';
import { SluiceError } from '#shared/error.ts';

/**
 * Wrong codes of a second factor. Who guesses has the password already, and may have many addresses, so there is one limit
 * for all addresses that the person never signed in from. It closes neither the addresses they know nor recovery codes,
 * which are too long to guess: nobody can lock the person out.
 */
export type CodeGuesses = {
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

export function createCodeGuesses(): CodeGuesses {
  const perAddress = new RateLimiterMemory({ keyPrefix: 'code', points: TRIES, duration: CLOSED_SECONDS });
  const strangers = new RateLimiterMemory({ keyPrefix: 'strangers', points: STRANGERS_PER_HOUR, duration: 3_600 });
  const key = ({ userId, ip, kind }: Guess) => `${userId}|${ip}|${kind}`;
  const isStranger = ({ kind, knownAddress }: Guess) => kind === 'time' && !knownAddress;
  return {
    async check(guess) {
      const here = await perAddress.get(key(guess));
      if (here && here.consumedPoints >= TRIES) throw closed(here.msBeforeNext, 'Too many wrong codes from here.');
      if (!isStranger(guess)) return;
      const all = await strangers.get(guess.userId);
      if (all && all.consumedPoints >= STRANGERS_PER_HOUR)
        throw closed(all.msBeforeNext, 'Too many wrong codes from addresses that this account does not know.');
    },
    async count(guess) {
      if (isStranger(guess)) await strangers.penalty(guess.userId);
      const state = await perAddress.penalty(key(guess));
      if (state.consumedPoints >= TRIES) await perAddress.block(key(guess), CLOSED_SECONDS);
      return Math.max(0, TRIES - state.consumedPoints);
    },
    async clear(guess) {
      await perAddress.delete(key(guess));
    },
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
