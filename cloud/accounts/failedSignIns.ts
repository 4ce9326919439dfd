import { RateLimiterMemory } from 'rate-limiter-flexible';
import { SluiceError } from '#shared/error.ts';

/** Failures of one account from one address. The pair is closed, never the account: nobody can lock another person out. */
export type FailedSignIns = {
  /** @throws SluiceError rate.exceeded while the pair is closed */
  check(email: string, ip: string): Promise<void>;
  /** @returns how many tries are left */
  count(email: string, ip: string): Promise<number>;
  clear(email: string, ip: string): Promise<void>;
};

const TRIES = 5;
const CLOSED_SECONDS = 15 * 60;

export function createFailedSignIns(): FailedSignIns {
  const limiter = new RateLimiterMemory({ keyPrefix: 'failed', points: TRIES, duration: CLOSED_SECONDS });
  const key = (email: string, ip: string) => `${email}|${ip}`;
  return {
    async check(email, ip) {
      const state = await limiter.get(key(email, ip));
      if (!state || state.consumedPoints < TRIES) return;
      const retryAfterSeconds = Math.max(1, Math.ceil(state.msBeforeNext / 1_000));
      throw new SluiceError('rate.exceeded', 'Too many tries for this e-mail address from here.', {
        advice: `Wait ${Math.ceil(retryAfterSeconds / 60)} minutes and try again.`,
        details: { retryAfterSeconds },
      });
    },
    async count(email, ip) {
      // The window is as long as the closing: it starts anew with the failure that closes.
      const state = await limiter.penalty(key(email, ip));
      if (state.consumedPoints >= TRIES) await limiter.block(key(email, ip), CLOSED_SECONDS);
      return Math.max(0, TRIES - state.consumedPoints);
    },
    async clear(email, ip) {
      await limiter.delete(key(email, ip));
    },
  };
}
