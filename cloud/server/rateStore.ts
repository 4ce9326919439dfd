import { Redis } from 'ioredis';
import type { Logger } from '#shared/log.ts';

/** Where several processes count together. */
export type RateStore = { redis: Redis; close(): Promise<void> };

const COMMAND_MS = 500;
const WORD_EVERY_MS = 60_000;

/**
 * Redis for rate limits. It need not be there yet, nor stay there: nothing waits for it, and whoever counts goes on without it.
 */
export function openRateStore(redisUrl: string, logger: Logger): RateStore {
  const redis = new Redis(redisUrl, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_MS,
    connectTimeout: 2_000,
    retryStrategy: (times) => Math.min(200 * times, 5_000),
  });
  let toldAt = 0;
  redis.on('error', (error) => {
    if (Date.now() - toldAt < WORD_EVERY_MS) return;
    toldAt = Date.now();
    logger.warn('Redis does not answer: each process limits requests for itself.', { error: error.message });
  });
  return {
    redis,
    async close() {
      redis.disconnect();
    },
  };
}
