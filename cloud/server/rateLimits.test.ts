import { expect, test } from 'vitest';
import { createRateLimits } from './rateLimits.ts';

test('each key has its own count, and each class too', async () => {
  const limits = createRateLimits({ read: { points: 1, seconds: 60 }, write: { points: 1, seconds: 60 } });
  await limits.take('read', 'robin');
  await limits.take('write', 'robin');
  await limits.take('read', 'kim');
  await expect(limits.take('read', 'robin')).rejects.toMatchObject({
    code: 'rate.exceeded',
    details: { retryAfterSeconds: expect.any(Number) },
  });
});

test('an address five times above its limit is closed for an hour', async () => {
  const limits = createRateLimits({ address: { points: 2, seconds: 60 } });
  const waits: number[] = [];
  for (let n = 0; n < 12; n++) {
    await limits
      .take('address', '203.0.113.9')
      .catch((error: { details: { retryAfterSeconds: number } }) => waits.push(error.details.retryAfterSeconds));
  }
  expect(waits).toHaveLength(10);
  expect(waits.slice(0, 8).every((seconds) => seconds <= 60)).toBe(true);
  expect(waits.slice(8).every((seconds) => seconds > 3_500)).toBe(true);
});
