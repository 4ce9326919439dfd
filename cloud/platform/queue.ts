import { createPostgresBackend, createRedisBackend, runMigrations, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { SluiceError } from '#shared/error.ts';
import type { ConnectionInfo } from './embeddedPostgres.ts';
import { tenantKey } from './tenantKey.ts';

/** A doorbell: which run to look at, and nothing of it. Losing one, or getting it twice or late, is harmless. */
export type Ring = { runId: string; workspaceId: string };

export type RunQueue = {
  /** @param options.priority 1 is served first. @param options.delayMs not before that */
  ring(runId: string, workspaceId: string, options?: { priority?: number; delayMs?: number }): Promise<void>;
  /** Calls the handler for each doorbell until the queue closes. A throw rings again, three times at most. */
  work(handler: (ring: Ring) => Promise<void>, options?: { concurrency?: number }): Promise<void>;
  /** Takes no more doorbells and waits for the handlers at work. */
  stopWork(): Promise<void>;
  close(): Promise<void>;
};

export type RunQueueOptions = {
  /** Kept apart from others on the same server. */
  name?: string;
  onError?: (error: Error) => void;
} & (
  | { redisUrl: string }
  | {
      /** As the owner, who makes the tables. */
      owner: ConnectionInfo;
      /** As the role that only sees them. */
      connection: ConnectionInfo;
    }
);

const SCHEMA = 'bullmq';
const JOB = { attempts: 3, backoff: { type: 'exponential', delay: 500 }, removeOnComplete: true, removeOnFail: true };

/**
 * BullMQ over Postgres, or over Redis where there is one.
 *
 * @throws SluiceError config.invalid where Redis may throw doorbells away to save memory
 */
export async function createRunQueue(options: RunQueueOptions): Promise<RunQueue> {
  const { name = 'runs' } = options;
  const state = { closing: false };
  // Connections that are cut while we close them are no news.
  const onError = (error: Error) => {
    if (!state.closing) options.onError?.(error);
  };
  if ('redisUrl' in options) {
    await requireNoEviction(options.redisUrl);
    const url = new URL(options.redisUrl);
    const connection = {
      host: url.hostname,
      port: Number(url.port || 6379),
      username: url.username ? decodeURIComponent(url.username) : undefined,
      password: url.password ? decodeURIComponent(url.password) : undefined,
      db: Number(url.pathname.slice(1) || 0),
      ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
      maxRetriesPerRequest: null,
    };
    const { Queue, Worker } = withBackend(createRedisBackend);
    const queue = new Queue<Ring>(name, { connection, defaultJobOptions: JOB });
    queue.on('error', onError);
    return wrap(
      queue,
      (handle, concurrency) => new Worker<Ring>(name, handle, { connection, concurrency }),
      onError,
      state,
    );
  }

  // Before any worker: one without its tables spins until its memory is gone (platform-facts.md 3).
  await prepareTables(options.owner);
  const pool = new pg.Pool({ ...options.connection, max: 6, options: `-c search_path=${SCHEMA}`, keepAlive: true });
  pool.on('error', onError);
  const { Queue, Worker } = withBackend(createPostgresBackend);
  const queue = new Queue<Ring>(name, { connection: pool, defaultJobOptions: JOB });
  queue.on('error', onError);
  return wrap(
    queue,
    (handle, concurrency) => new Worker<Ring>(name, handle, { connection: pool, concurrency }),
    onError,
    state,
    () => pool.end(),
  );
}

type AnyQueue = { add(name: string, data: Ring, options: object): Promise<unknown>; close(): Promise<void> };
type AnyWorker = {
  on(event: 'error', listener: (error: Error) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
};

function wrap(
  queue: AnyQueue,
  makeWorker: (handle: (job: { data: Ring }) => Promise<void>, concurrency: number) => AnyWorker,
  onError: (error: Error) => void,
  state: { closing: boolean },
  release: () => Promise<void> = async () => undefined,
): RunQueue {
  let workers: AnyWorker[] = [];
  const stopWork = async () => {
    const closing = workers;
    workers = [];
    await Promise.all(closing.map((worker) => worker.close()));
  };
  return {
    async ring(runId, workspaceId, { priority = 0, delayMs = 0 } = {}) {
      await queue.add(tenantKey(workspaceId, runId), { runId, workspaceId }, { priority, delay: delayMs });
    },
    async work(handler, { concurrency = 5 } = {}) {
      const worker = makeWorker(({ data: { runId, workspaceId } }) => handler({ runId, workspaceId }), concurrency);
      worker.on('error', onError);
      workers.push(worker);
      await worker.waitUntilReady();
    },
    stopWork,
    async close() {
      await stopWork();
      state.closing = true;
      await queue.close();
      await release();
    },
  };
}

async function prepareTables(owner: ConnectionInfo): Promise<void> {
  const client = new pg.Client(owner);
  await client.connect();
  try {
    await runMigrations(client, SCHEMA);
    // It makes a sequence per queue when the first job comes, so its role may make things, in this schema alone.
    await client.query(`grant usage, create on schema ${SCHEMA} to sluice_queue`);
    await client.query(`grant select, insert, update, delete on all tables in schema ${SCHEMA} to sluice_queue`);
    // Those that it made are its own already, and an owner who is no superuser may not give what is somebody else's.
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, sequencename) as name from pg_sequences
        where schemaname = $1 and sequenceowner = current_user`,
      [SCHEMA],
    );
    for (const { name } of rows) await client.query(`grant usage on sequence ${name} to sluice_queue`);
  } finally {
    await client.end();
  }
}

async function requireNoEviction(redisUrl: string): Promise<void> {
  const client = new Redis(redisUrl, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
  client.on('error', () => undefined);
  let policy: string | undefined;
  try {
    await client.connect();
    policy = /maxmemory_policy:(\S+)/.exec(await client.info('memory'))?.[1];
  } catch (cause) {
    throw new SluiceError('config.invalid', 'The Redis of REDIS_URL does not answer.', {
      advice: 'Start it, correct REDIS_URL, or leave it out to keep the queue in Postgres.',
      cause,
    });
  } finally {
    client.disconnect();
  }
  if (policy !== 'noeviction') {
    throw new SluiceError(
      'config.invalid',
      `Redis has the maxmemory-policy ${policy ?? 'unknown'}, which may throw queued work away.`,
      {
        advice: 'Set maxmemory-policy to noeviction, or leave REDIS_URL out to keep the queue in Postgres.',
      },
    );
  }
}
