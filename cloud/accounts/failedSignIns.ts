import { RateLimiterMemory } from 'rate-limiter-flexible';
import { SluiceError } from '#shared/error.ts';

/**
 * Failures of one account from one address close this pair. Whoever guesses may have many addresses, so all those that the
 * account never signed in from share one limit beside it. The account itself is never closed: nobody can lock the person out
 * where they have been before, or who sets a new password by a letter.
 */
export type FailedSignIns = {
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

export function createFailedSignIns(): FailedSignIns {
  const limiter = new RateLimiterMemory({ keyPrefix: 'failed', points: TRIES, duration: CLOSED_SECONDS });
  const strangers = new RateLimiterMemory({ keyPrefix: 'guessed', points: STRANGERS_PER_HOUR, duration: 3_600 });
  const trusted = new RateLimiterMemory({ keyPrefix: 'trusted', points: 1, duration: TRUSTED_SECONDS });
  const key = ({ email, ip }: Pick<PasswordGuess, 'email' | 'ip'>) => `${email}|${ip}`;
  const isStranger = async (guess: PasswordGuess) => !guess.knownAddress && !(await trusted.get(key(guess)));
  return {
    async check(guess) {
      const pair = await limiter.get(key(guess));
      if (pair && pair.consumedPoints >= TRIES) {
        throw closed(pair.msBeforeNext, 'Too many tries for this e-mail address from here.', '');
      }
      const all = await strangers.get(guess.email);
      if (all && all.consumedPoints >= STRANGERS_PER_HOUR && (await isStranger(guess))) {
        const advice = ', or set a new password by "Forgot the password?", or sign in from where you did before';
        throw closed(
          all.msBeforeNext,
          'Too many tries for this e-mail address from addresses it does not know.',
          advice,
        );
      }
    },
    async count(guess) {
      if (await isStranger(guess)) await strangers.penalty(guess.email);
      // The window is as long as the closing: it starts anew with the failure that closes.
      const state = await limiter.penalty(key(guess));
      if (state.consumedPoints >= TRIES) await limiter.block(key(guess), CLOSED_SECONDS);
      return Math.max(0, TRIES - state.consumedPoints);
    },
    async clear(guess) {
      await limiter.delete(key(guess));
    },
    async trust(email, ip) {
      await limiter.delete(key({ email, ip }));
      await trusted.set(key({ email, ip }), 1, TRUSTED_SECONDS);
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
