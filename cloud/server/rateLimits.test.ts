import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { freePort } from '../../tests/fixtures/freePort.ts';
import { createLogger } from '../platform/logger.ts';
import { createRateLimits, rateHeaders } from './rateLimits.ts';
import { openRateStore, type RateStore } from './rateStore.ts';

test('each key has its own count, and each class too', async () => {
  const limits = createRateLimits({ read: { points: 1, seconds: 60 }, write: { points: 1, seconds: 60 } });
  await limits.take('read', 'robin');
  await limits.take('write', 'robin');
  await limits.take('read', 'kim');
  await expect(limits.take('read', 'robin')).rejects.toMatchObject({
    code: 'rate.exceeded',
    details: { retryAfterSeconds: expect.any(Number), policy: 'read', limit: 1, windowSeconds: 60 },
  });
});

test('whoever may choose among the addresses of a network has one count for all of them, and other networks have theirs', async () => {
  const limits = createRateLimits({ sign_up: { points: 3, seconds: 60 } });
  const ask = (from: string) =>
    limits.take('sign_up', from).then(
      () => true,
      () => false,
    );
  const home = await Promise.all(Array.from({ length: 50 }, (_, n) => ask(`2001:db8:7:1::${(n + 1).toString(16)}`)));
  expect(home.filter(Boolean)).toHaveLength(3);
  expect(await Promise.all(['2001:db8:7:2::1', '203.0.113.5', '::ffff:203.0.113.5'].map(ask))).toEqual([
    true,
    true,
    true,
  ]);
  expect(await Promise.all(['203.0.113.5', '203.0.113.5'].map(ask))).toEqual([true, false]);
});

test('what is left is said as the standard has it', async () => {
  const limits = createRateLimits({ read: { points: 5, seconds: 60 } });
  await limits.take('read', 'robin');
  const headers = rateHeaders(await limits.take('read', 'robin'));
  expect(headers['RateLimit-Policy']).toBe('"read";q=5;w=60');
  expect(headers.RateLimit).toMatch(/^"read";r=3;t=\d+$/);
});

test('an API key has as many requests in a second as its plan says', async () => {
  const limits = createRateLimits();
  const ask = (n: number) => Promise.allSettled(Array.from({ length: n }, () => limits.takeKey('key', 10)));
  expect((await ask(10)).map(({ status }) => status)).toEqual(Array(10).fill('fulfilled'));
  await expect(limits.takeKey('key', 10)).rejects.toMatchObject({ details: { policy: 'key', limit: 10 } });
  await limits.takeKey('another', 10);
});

test('what is given back to an address may be asked again, also by whoever is far above its limit', async () => {
  const limits = createRateLimits({ address: { points: 3, seconds: 600 } });
  for (let n = 0; n < 40; n++) {
    await limits.take('address', '203.0.113.9');
    await limits.giveBack('203.0.113.9');
  }
  const left = await limits.take('address', '203.0.113.9');
  expect(left.left).toBe(2);
  for (let n = 0; n < 2; n++) await limits.take('address', '203.0.113.9');
  await expect(limits.take('address', '203.0.113.9')).rejects.toMatchObject({ code: 'rate.exceeded' });
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

const program = ['/usr/bin/redis-server', '/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server'].find(
  existsSync,
);
if (!program) console.log('Skipped: limits that processes share, because there is no Redis.');

describe.skipIf(!program)('where Redis counts (needs Redis)', () => {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  async function startRedis(port: number): Promise<ChildProcess> {
    const flags = ['--port', String(port), '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1'];
    const server = spawn(program ?? '', flags, { stdio: 'ignore' });
    undo.push(() => server.kill('SIGKILL'));
    return server;
  }

  /** Two processes' worth of limits on one Redis, and what they log. */
  async function twoProcesses(port: number) {
    const log: string[] = [];
    const logger = createLogger('debug', { write: (line: string) => void log.push(line) });
    const stores = [1, 2].map((): RateStore => openRateStore(`redis://127.0.0.1:${port}`, logger));
    for (const store of stores) undo.push(() => store.close());
    const [a, b] = stores.map((store) => createRateLimits({ read: { points: 4, seconds: 600 } }, store));
    if (!a || !b) throw new Error('There are no limits.');
    const ready = async () => {
      for (const { redis } of stores) while (redis.status !== 'ready') await sleep(20);
    };
    return { a, b, ready, log };
  }

  const accepted = async (...tries: Promise<unknown>[]) =>
    (await Promise.allSettled(tries)).filter(({ status }) => status === 'fulfilled').length;

  test('processes share one count; without Redis each counts for itself, with the same limit, and it goes on', async () => {
    const port = await freePort();
    const server = await startRedis(port);
    const { a, b, ready, log } = await twoProcesses(port);
    await ready();
    const take = (limits: typeof a, who: string) => limits.take('read', who);
    const afterEachOther = async () => {
      const who = randomUUID();
      return [
        await accepted(...Array.from({ length: 3 }, () => take(a, who))),
        await accepted(...Array.from({ length: 3 }, () => take(b, who))),
      ];
    };
    // Where a busy machine lets Redis wait, a process counts for itself for a moment.
    await expect.poll(afterEachOther).toEqual([3, 1]);

    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await gone;
    // Nobody is let through without a count, and nobody is refused for want of one.
    expect(await accepted(...Array.from({ length: 9 }, () => take(a, 'kim')))).toBe(4);
    expect(await accepted(...Array.from({ length: 9 }, () => take(b, 'kim')))).toBe(4);
    await expect.poll(() => log.join(''), { timeout: 60_000 }).toContain('each process limits requests for itself');

    await startRedis(port);
    await ready();
    await expect.poll(afterEachOther).toEqual([3, 1]);
  });

  test('a Redis that answers nothing at all holds nobody up for long', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    undo.push(() => silent.close());
    await new Promise((resolve) => silent.once('listening', resolve));
    const address = silent.address();
    const { a } = await twoProcesses(typeof address === 'object' && address ? address.port : 0);
    expect(await accepted(...Array.from({ length: 9 }, () => a.take('read', 'robin')))).toBe(4);
  });
});
