import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type pg from 'pg';
import type { z } from 'zod';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { checkOwnHost } from './hosts.ts';
import { openSocket } from './openSocket.ts';
import { postgresTypes } from './sqlPostgresTypes.ts';

export type PostgresSecret = z.infer<typeof postgres.connection>;

/** A connection to a database. `broken` once it may not be used again. */
export type PooledClient = { client: pg.Client; socket: Socket; broken: boolean; schema: string; keysReady: boolean };

/** Connections to one database at once: a small server gives a hundred to all who ask. */
const MOST_OPEN = 4;
const IDLE_MS = 10_000;
const CONNECT_MS = 10_000;

type Pool = { idle: PooledClient[]; open: number; waiting: (() => void)[]; timer?: NodeJS.Timeout };

/**
 * Connections to databases, a few for each connection record, closed when nobody has wanted one for ten seconds. The
 * record's secret is used here and goes nowhere else.
 */
export function createSqlPool({ env = process.env }: { env?: NodeJS.ProcessEnv } = {}) {
  const pools = new Map<string, Pool>();

  async function take(bound: BoundConnection, signal: AbortSignal): Promise<PooledClient> {
    const secret = secretOf(bound);
    checkOwnHost({ host: secret.host, port: secret.port, usualPort: 5432 }, bound.hosts);
    const key = keyOf(bound);
    const pool = pools.get(key) ?? { idle: [], open: 0, waiting: [] };
    pools.set(key, pool);
    for (;;) {
      if (signal.aborted) {
        // Whoever woke this one meant somebody who still waits.
        pool.waiting.shift()?.();
        throw signal.reason;
      }
      const found = pool.idle.pop();
      if (found && !found.broken) return found;
      if (found) {
        pool.open -= 1;
        continue;
      }
      if (pool.open < MOST_OPEN) break;
      await new Promise<void>((resolve) => {
        pool.waiting.push(resolve);
        const onAbort = () => {
          pool.waiting = pool.waiting.filter((other) => other !== resolve);
          resolve();
        };
        signal.addEventListener('abort', onAbort, { once: true });
      });
    }
    pool.open += 1;
    try {
      return await connect(secret, signal, env);
    } catch (thrown) {
      pool.open -= 1;
      pool.waiting.shift()?.();
      throw thrown;
    }
  }

  function give(bound: BoundConnection, taken: PooledClient): void {
    const key = keyOf(bound);
    const pool = pools.get(key);
    if (!pool || taken.broken) {
      taken.socket.destroy();
      if (pool) pool.open -= 1;
    } else {
      pool.idle.push(taken);
      clearTimeout(pool.timer);
      pool.timer = setTimeout(() => void closeIdle(key, pool), IDLE_MS);
      pool.timer.unref();
    }
    pool?.waiting.shift()?.();
  }

  async function closeIdle(key: string, pool: Pool): Promise<void> {
    const idle = pool.idle.splice(0);
    pool.open -= idle.length;
    if (pool.open === 0) pools.delete(key);
    await Promise.allSettled(idle.map(({ client }) => client.end()));
  }

  return {
    take,
    give,
    async close(): Promise<void> {
      for (const [key, pool] of pools) {
        clearTimeout(pool.timer);
        await closeIdle(key, pool);
      }
    },
  };
}

async function connect(secret: PostgresSecret, signal: AbortSignal, env: NodeJS.ProcessEnv): Promise<PooledClient> {
  const { host, port } = secret;
  return signInToPostgres(secret, await openSocket({ host, port, timeoutMs: CONNECT_MS, signal }, env), signal);
}

/** Signs in to a database over a connection that is open already. @throws what the driver throws; the socket is gone then */
export async function signInToPostgres(
  secret: PostgresSecret,
  socket: Socket,
  signal: AbortSignal,
): Promise<PooledClient> {
  const { default: postgresDriver } = await import('pg');
  const { host, port, database, user, password, tls, ca } = secret;
  // The driver opens its stream by itself; this one is open already.
  const stream = Object.assign(socket, {
    connect: () => {
      queueMicrotask(() => socket.emit('connect'));
      return socket;
    },
  });
  const client = new postgresDriver.Client({
    host,
    port,
    database,
    user,
    // As a function, so that no variable of the process and no file of its user stands in for an empty one.
    password: () => password,
    ssl: tls === 'off' ? false : { rejectUnauthorized: tls === 'verify', ...(ca ? { ca } : {}) },
    stream: () => stream,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'sluice',
    types: postgresTypes(postgresDriver.types),
  });
  const pooled: PooledClient = { client, socket, broken: false, schema: '', keysReady: false };
  client.on('error', () => {
    pooled.broken = true;
  });
  const onAbort = () => socket.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await client.connect();
    const { rows } = await client.query('SELECT current_schema() AS name');
    pooled.schema = String(rows[0]?.name ?? 'public');
    return pooled;
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function secretOf({ connector, secret }: BoundConnection): PostgresSecret {
  if (connector !== postgres.name) {
    throw new SluiceError('config.invalid', `The step's connection is one of ${connector}, not of PostgreSQL.`, {
      advice: 'Choose a PostgreSQL connection in the step.',
    });
  }
  const read = postgres.connection.safeParse(secret);
  if (read.success) return read.data;
  throw new SluiceError(
    'config.invalid',
    `The connection lacks what PostgreSQL needs: ${read.error.issues[0]?.path.join('.') ?? 'a field'}.`,
    { advice: 'Open the connection and fill it in.' },
  );
}

function keyOf({ secret, hosts }: BoundConnection): string {
  return createHash('sha256')
    .update(JSON.stringify([secret, hosts]))
    .digest('hex');
}
