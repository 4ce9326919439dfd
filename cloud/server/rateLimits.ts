import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateClass } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';

/** So many in so many seconds; above it the key stays closed for `blockSeconds`, or until the window ends. */
export type RateLimit = { points: number; seconds: number; blockSeconds?: number };

/** domain.md 10. Hooks and agents have quotas of their own, per tenant; these only keep one address from taking the server. */
export const RATE_LIMITS: Record<RateClass | 'address', RateLimit> = {
  read: { points: 100, seconds: 60 },
  write: { points: 100, seconds: 60 },
  // Also renewals. Guessing is held back by account and address (failedSignIns.ts).
  sign_in: { points: 20, seconds: 60 },
  sign_up: { points: 3, seconds: 60 * 60 },
  reset: { points: 3, seconds: 60 * 60 },
  stream: { points: 60, seconds: 60 },
  hook: { points: 120_000, seconds: 60 },
  agent: { points: 60_000, seconds: 60 },
  monitor: { points: 600, seconds: 60 },
  // The editor in a browser asks for every key that is pressed in a field.
  page: { points: 1_200, seconds: 60 },
  address: { points: 1_000, seconds: 60 },
};

export type RateLimits = {
  /** @throws SluiceError rate.exceeded with the seconds to wait */
  take(rate: RateClass | 'address', key: string): Promise<void>;
};

/** Limits in this process's memory. @param overrides what an operator set differently */
export function createRateLimits(overrides: Partial<Record<RateClass | 'address', RateLimit>> = {}): RateLimits {
  const limits = { ...RATE_LIMITS, ...overrides };
  const limiters = new Map<string, RateLimiterMemory>();
  for (const [name, { points, seconds, blockSeconds }] of Object.entries(limits)) {
    limiters.set(
      name,
      new RateLimiterMemory({
        keyPrefix: name,
        points,
        duration: seconds,
        ...(blockSeconds ? { blockDuration: blockSeconds } : {}),
      }),
    );
  }
  // An address that goes on far beyond its limit is closed for an hour.
  const flood = new RateLimiterMemory({
    keyPrefix: 'flood',
    points: limits.address.points * 5,
    duration: limits.address.seconds,
    blockDuration: 3_600,
  });

  return {
    async take(rate, key) {
      const limiter = limiters.get(rate);
      if (!limiter) throw new Error(`There is no rate class ${rate}.`);
      try {
        if (rate === 'address') await flood.consume(key);
        await limiter.consume(key);
      } catch (thrown) {
        if (!(thrown instanceof RateLimiterRes)) throw thrown;
        const retryAfterSeconds = Math.max(1, Math.ceil(thrown.msBeforeNext / 1_000));
        throw new SluiceError('rate.exceeded', 'That is more than this server answers in so short a time.', {
          advice: `Wait ${retryAfterSeconds} s and try again.`,
          details: { retryAfterSeconds },
        });
      }
    },
  };
}
