import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../tests/fixtures/freePort.ts';
import { createTestDatabase, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { createRunQueue, type Ring, type RunQueue, type RunQueueOptions } from './queue.ts';

const redisServer = ['/usr/bin/redis-server', '/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server'].find(
  (path) => existsSync(path),
);

/** One that runs for tests already; else we start one. */
const givenRedis = process.env.REDIS_TEST_URL;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const problems: string[] = [];
const onError = (error: Error) => void problems.push(error.message);
const onPostgres = (): RunQueueOptions => ({
  name: `q${uuidv7()}`,
  owner: database.owner,
  connection: database.as('sluice_queue'),
  onError,
});

/** What every backend has to do. */
function contract(open: () => Promise<RunQueue>): void {
  test('a doorbell arrives with the run and workspace it names', async () => {
    const queue = await open();
    try {
      const ring = { runId: uuidv7(), workspaceId: uuidv7() };
      const heard = new Promise<Ring>((done) => void queue.work(async (rung) => done(rung)));
      await queue.ring(ring.runId, ring.workspaceId);
      expect(await heard).toEqual(ring);
    } finally {
      await queue.close();
    }
  });

  test('the smaller priority is served first, whatever came first', async () => {
    const queue = await open();
    try {
      for (const priority of [5, 1, 3]) await queue.ring(`p${priority}`, 'w', { priority });
      const heard: string[] = [];
      await new Promise<void>((done) => {
        void queue.work(
          async ({ runId }) => {
            heard.push(runId);
            if (heard.length === 3) done();
          },
          { concurrency: 1 },
        );
      });
      expect(heard).toEqual(['p1', 'p3', 'p5']);
    } finally {
      await queue.close();
    }
  });

  test('a delayed doorbell waits while others pass', async () => {
    const queue = await open();
    try {
      const heard: Record<string, number> = {};
      await queue.work(async ({ runId }) => {
        heard[runId] = Date.now();
      });
      await queue.ring('much later', 'w', { delayMs: 3_600_000 });
      const start = Date.now();
      await queue.ring('later', 'w', { delayMs: 400 });
      await queue.ring('now', 'w');
      // In which order these two, a machine that stops for half a second decides.
      await expect.poll(() => Object.keys(heard).sort()).toEqual(['later', 'now']);
      expect((heard.later ?? 0) - start).toBeGreaterThanOrEqual(400);
    } finally {
      await queue.close();
    }
  });

  test('a handler that throws is rung again', async () => {
    const queue = await open();
    try {
      let tries = 0;
      await new Promise<void>((done) => {
        void queue.work(async () => {
          tries++;
          if (tries === 1) throw new Error('not this time');
          done();
        });
        void queue.ring('r', 'w');
      });
      expect(tries).toBe(2);
    } finally {
      await queue.close();
    }
  });

  test('closing waits for the handler at work', async () => {
    const queue = await open();
    let finished = false;
    const started = new Promise<void>((done) => {
      void queue.work(async () => {
        done();
        await sleep(200);
        finished = true;
      });
    });
    await queue.ring('r', 'w');
    await started;
    await queue.close();
    expect(finished).toBe(true);
  });
}

describe('on Postgres', () => {
  contract(() => createRunQueue(onPostgres()));

  test('the queue’s role sees its own tables and no others', async () => {
    const queue = await createRunQueue(onPostgres());
    await queue.close();
    const readable = await database.ownerSql<{ relname: string }>(
      `select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and has_table_privilege('sluice_queue', oid, 'select')`,
    );
    expect(readable).toEqual([]);
  });

  test('nothing is left connected after closing', async () => {
    const queue = await createRunQueue(onPostgres());
    await queue.work(async () => undefined);
    await queue.close();
    const left = () =>
      database.ownerSql(
        `select pid, query from pg_stat_activity where usename = 'sluice_queue' and datname = current_database()`,
      );
    // The server notices a moment later that somebody has hung up.
    await expect.poll(left).toEqual([]);
    expect(problems).toEqual([]);
  });
});

describe.skipIf(!redisServer && !givenRedis)('on Redis (needs Redis)', () => {
  let server: ReturnType<typeof spawn> | undefined;
  let url: string;
  beforeAll(async () => {
    url = givenRedis ?? `redis://127.0.0.1:${await freePort()}`;
    const flags = [
      '--port',
      new URL(url).port,
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--maxmemory-policy',
      'noeviction',
    ];
    if (!givenRedis) server = spawn(redisServer ?? '', flags, { stdio: 'ignore' });
    const client = new Redis(url, { retryStrategy: () => 50 });
    client.on('error', () => undefined);
    await client.ping();
    client.disconnect();
  });
  afterAll(async () => {
    if (!server) return;
    const gone = new Promise((done) => server?.once('exit', done));
    server.kill('SIGTERM');
    await gone;
  });

  contract(() => createRunQueue({ name: `q${uuidv7()}`, redisUrl: url, onError }));

  test('a Redis that may throw work away is refused', async () => {
    const client = new Redis(url);
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(createRunQueue({ redisUrl: url })).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining('allkeys-lru'),
    });
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    client.disconnect();
  });
});

test('an owner who is no superuser can start again after the first doorbell has rung', async () => {
  const name = `plain_${uuidv7().replaceAll('-', '')}`;
  const admin = { ...database.owner, database: 'postgres' };
  const asAdmin = async (text: string) => {
    const client = new pg.Client(admin);
    await client.connect();
    await client.query(text).finally(() => client.end());
  };
  await asAdmin(`create role ${name} login password 'plain'`);
  await asAdmin(`create database ${name} owner ${name}`);
  try {
    const own = { database: name };
    const options = {
      ...{ name: `q${uuidv7()}`, onError },
      owner: { ...database.owner, ...own, user: name, password: 'plain' },
      connection: { ...database.as('sluice_queue'), ...own },
    };
    const open = async () => {
      const queue = await createRunQueue(options);
      try {
        const runId = uuidv7();
        const heard = new Promise<Ring>((done) => void queue.work(async (rung) => done(rung)));
        await queue.ring(runId, 'w');
        expect(await heard).toEqual({ runId, workspaceId: 'w' });
      } finally {
        await queue.close();
      }
    };
    await open();
    await open();
  } finally {
    await asAdmin(`drop database ${name} with (force)`);
    await asAdmin(`drop role ${name}`);
  }
});

test('a Redis that does not answer is named in the error', async () => {
  await expect(createRunQueue({ redisUrl: `redis://127.0.0.1:${await freePort()}` })).rejects.toMatchObject({
    code: 'config.invalid',
  });
});
