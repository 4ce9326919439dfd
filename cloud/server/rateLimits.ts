import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateClass } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { networkOf } from '../platform/network.ts';
import type { RateStore } from './rateStore.ts';

/** So many in so many seconds; above it the key stays closed for `blockSeconds`, or until the window ends. */
export type RateLimit = { points: number; seconds: number; blockSeconds?: number };

/** domain.md 10. Hooks and agents have quotas of their own, per tenant; these only keep one address from taking the server. */
export const RATE_LIMITS: Record<RateClass | 'address', RateLimit> = {
  // Each place of the web asks two to six calls: docs/decisions/0016.
  read: { points: 300, seconds: 60 },
  write: { points: 300, seconds: 60 },
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

/** These only guard the process they are in, and asking a store would cost more than what they guard. */
const ALWAYS_HERE: ReadonlySet<string> = new Set(['hook', 'agent', 'monitor', 'page']);

/** What a limit says after one more request. */
export type RateState = { policy: string; limit: number; windowSeconds: number; left: number; resetSeconds: number };

export type RateLimits = {
  /** @param who the id of a person, or an address @throws SluiceError rate.exceeded with the seconds to wait */
  take(rate: RateClass | 'address', who: string): Promise<RateState>;
  /** Takes back one request of an address, which turned out to be somebody's who has a limit of their own. */
  giveBack(address: string): Promise<void>;
  /** One more request of an API key, of so many in a second. @param key its `tenantKey` @throws SluiceError rate.exceeded */
  takeKey(key: string, perSecond: number): Promise<RateState>;
};

/**
 * Limits in this process's memory, or in a store that several processes share. Where the store fails, this process counts for
 * itself, with the same limits.
 *
 * @param overrides what an operator set differently
 */
export function createRateLimits(
  overrides: Partial<Record<RateClass | 'address', RateLimit>> = {},
  store?: RateStore,
): RateLimits {
  const limits = { ...RATE_LIMITS, ...overrides };
  const limiters = new Map<string, RateLimiterAbstract>();
  for (const [name, limit] of Object.entries(limits)) {
    limiters.set(name, limiterFor(name, limit, ALWAYS_HERE.has(name) ? undefined : store));
  }
  // An address that goes on far beyond its limit is closed for an hour.
  const flood = new RateLimiterMemory({
    keyPrefix: 'flood',
    points: limits.address.points * 5,
    duration: limits.address.seconds,
    blockDuration: 3_600,
  });

  return {
    async take(rate, who) {
      // Of addresses those are one that one person may choose from.
      const key = networkOf(who);
      const limiter = limiters.get(rate);
      if (!limiter) throw new Error(`There is no rate class ${rate}.`);
      const { points: limit, seconds: windowSeconds } = limits[rate];
      const policy = { policy: rate, limit, windowSeconds };
      if (rate === 'address') await consume(flood, key, policy);
      return consume(limiter, key, policy);
    },

    async giveBack(address) {
      const key = networkOf(address);
      await Promise.all([flood.reward(key), limiters.get('address')?.reward(key)]);
    },

    async takeKey(key, perSecond) {
      const name = `key${perSecond}`;
      let limiter = limiters.get(name);
      if (!limiter) {
        limiter = limiterFor(name, { points: perSecond, seconds: 1 }, store);
        limiters.set(name, limiter);
      }
      return consume(limiter, key, { policy: 'key', limit: perSecond, windowSeconds: 1 });
    },
  };
}

function limiterFor(
  name: string,
  { points, seconds, blockSeconds }: RateLimit,
  store: RateStore | undefined,
): RateLimiterAbstract {
  const options = { points, duration: seconds, ...(blockSeconds ? { blockDuration: blockSeconds } : {}) };
  const here = new RateLimiterMemory({ keyPrefix: name, ...options });
  if (!store) return here;
  return new RateLimiterRedis({
    ...options,
    keyPrefix: `sluice:rate:${name}`,
    storeClient: store.redis,
    rejectIfRedisNotReady: true,
    insuranceLimiter: here,
  });
}

async function consume(
  limiter: RateLimiterAbstract,
  key: string,
  policy: Pick<RateState, 'policy' | 'limit' | 'windowSeconds'>,
): Promise<RateState> {
  try {
    const { remainingPoints, msBeforeNext } = await limiter.consume(key);
    return { ...policy, left: remainingPoints, resetSeconds: Math.max(1, Math.ceil(msBeforeNext / 1_000)) };
  } catch (thrown) {
    if (!(thrown instanceof RateLimiterRes)) throw thrown;
    const retryAfterSeconds = Math.max(1, Math.ceil(thrown.msBeforeNext / 1_000));
    throw new SluiceError('rate.exceeded', 'That is more than this server answers in so short a time.', {
      advice: `Wait ${retryAfterSeconds} s and try again.`,
      details: { retryAfterSeconds, ...policy },
    });
  }
}

/** The headers of draft-ietf-httpapi-ratelimit-headers: which limit holds, and what is left of it. */
export function rateHeaders({ policy, limit, windowSeconds, left, resetSeconds }: RateState): Record<string, string> {
  return {
    'RateLimit-Policy': `"${policy}";q=${limit};w=${windowSeconds}`,
    RateLimit: `"${policy}";r=${left};t=${resetSeconds}`,
  };
}
