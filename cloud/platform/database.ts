import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { SluiceError } from '#shared/error.ts';
import type { ConnectionInfo } from './embeddedPostgres.ts';
import { Prisma, PrismaClient } from './generated/client.ts';

/** Prisma inside one transaction whose workspace, or user, is set. */
export type Tx = Prisma.TransactionClient;

/** Plain SQL inside one transaction; for what must be fast. */
export type Sql = {
  query<Row extends pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ rows: Row[]; rowCount: number }>;
};

/** Whose rows a transaction sees. An actor is one. */
export type WorkspaceScope = { workspaceId: string };

/**
 * The one door to the database. Row-level security shows a transaction the rows of its workspace and no others, and the
 * role behind it can neither step around that nor change a table. Several queries belong into one transaction: opening one
 * costs about 5 ms with Prisma, 0.5 ms with plain SQL.
 */
export type Database = {
  /** One transaction in a workspace. A throw rolls it back. */
  withWorkspace<T>(scope: WorkspaceScope, fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** The same with plain SQL. */
  withWorkspaceSql<T>(scope: WorkspaceScope, fn: (sql: Sql) => Promise<T>): Promise<T>;
  /** One transaction that sees, of tenant tables, which workspaces this user belongs to, and the user's own rows elsewhere. */
  withUser<T>(userId: string, fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** One transaction that sees no tenant's rows: accounts, sessions, provider events. */
  withoutTenant<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** The same with plain SQL. */
  withoutTenantSql<T>(fn: (sql: Sql) => Promise<T>): Promise<T>;
  /** One transaction of the dispatcher, which sees the claims of every workspace and nothing else at all. */
  withClaims<T>(fn: (sql: Sql) => Promise<T>): Promise<T>;
  /** One transaction of the exporter, which changes nothing, and reads of this workspace or person what may leave. */
  withExport<T>(whose: WorkspaceScope | { userId: string }, fn: (sql: Sql) => Promise<T>): Promise<T>;
  /** Whether the database answers. */
  ping(): Promise<boolean>;
  close(): Promise<void>;
};

type Role = 'sluice_app' | 'sluice_dispatcher' | 'sluice_exporter';

export type DatabaseOptions = {
  /** Of the database; user and password are replaced by each role's. */
  connection: ConnectionInfo;
  passwordOf: (role: Role) => string;
  poolSize?: number;
  /** Told of connections that broke while nobody used them. */
  onError?: (error: Error) => void;
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const LIMITS = { timeout: 30_000, maxWait: 10_000 };

export function openDatabase({ connection, passwordOf, poolSize = 20, onError }: DatabaseOptions): Database {
  const pool = (role: Role, max: number): pg.Pool => {
    const made = new pg.Pool({
      ...connection,
      user: role,
      password: passwordOf(role),
      max,
      connectionTimeoutMillis: 10_000,
      statement_timeout: 10_000,
      idle_in_transaction_session_timeout: 30_000,
    });
    made.on('error', (error) => {
      // Connections that are cut while we close them are no news.
      if (!closing) onError?.(error);
    });
    return made;
  };
  let closing = false;
  const app = pool('sluice_app', poolSize);
  const dispatcher = pool('sluice_dispatcher', 4);
  const exporter = pool('sluice_exporter', 4);
  const prisma = new PrismaClient({ adapter: new PrismaPg(app) });

  async function withSetting<T>(
    name: 'app.workspace_id' | 'app.user_id',
    id: string,
    fn: (tx: Tx) => Promise<T>,
  ): Promise<T> {
    requireUuid(id);
    return prisma.$transaction(async (tx) => {
      await tx.$executeRaw`select set_config(${name}, ${id}, true)`;
      return fn(tx);
    }, LIMITS);
  }

  return {
    withWorkspace: ({ workspaceId }, fn) => withSetting('app.workspace_id', workspaceId, fn),

    withWorkspaceSql: ({ workspaceId }, fn) => {
      requireUuid(workspaceId);
      // In one round trip; the id was looked at above.
      return inTransaction(app, fn, `begin; select set_config('app.workspace_id', '${workspaceId}', true)`);
    },

    withUser: (userId, fn) => withSetting('app.user_id', userId, fn),
    withoutTenant: (fn) => prisma.$transaction(fn, LIMITS),
    withoutTenantSql: (fn) => inTransaction(app, fn),
    withClaims: (fn) => inTransaction(dispatcher, fn),

    withExport: (whose, fn) => {
      const [name, id] =
        'workspaceId' in whose ? ['app.workspace_id', whose.workspaceId] : ['app.user_id', whose.userId];
      requireUuid(id);
      return inTransaction(exporter, fn, `begin read only; select set_config('${name}', '${id}', true)`);
    },

    async ping() {
      try {
        await app.query('select 1');
        return true;
      } catch {
        return false;
      }
    },

    async close() {
      closing = true;
      await prisma.$disconnect();
      await Promise.all([app.end(), dispatcher.end(), exporter.end()]);
    },
  };
}

async function inTransaction<T>(pool: pg.Pool, fn: (sql: Sql) => Promise<T>, begin = 'begin'): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // While it is out of the pool nobody else listens, and an error that nobody hears ends the process.
  const breaks = (error: Error) => {
    broken = error;
  };
  client.on('error', breaks);
  try {
    await client.query(begin);
    const answer = await fn({
      async query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) {
        const { rows, rowCount } = await client.query<Row>({ text, values: [...values], name: nameOf(text) });
        return { rows, rowCount: rowCount ?? 0 };
      },
    });
    await client.query('commit');
    return answer;
  } catch (thrown) {
    // A connection that cannot even roll back is thrown away, and with it whatever it had set.
    await client.query('rollback').catch(breaks);
    throw thrown;
  } finally {
    // One that is thrown away may still say so.
    if (!broken) client.off('error', breaks);
    client.release(broken);
  }
}

/** Statements that each connection prepares once. Those that are put together anew each time would only fill it. */
const names = new Map<string, string>();
const MOST_NAMES = 1_000;

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  // What a prepared statement gives must stay the same while a newer release adds columns.
  if (known !== undefined || names.size >= MOST_NAMES || /\bselect \*/i.test(text)) return known;
  const name = `s${names.size}`;
  names.set(text, name);
  return name;
}

function requireUuid(id: string): void {
  if (!UUID.test(id)) throw new SluiceError('workspace.not_found', 'There is no such workspace.');
}

/** Whether a unique index refused a row: somebody else has that name, number or id. */
export function isTaken(thrown: unknown): boolean {
  if (thrown instanceof Prisma.PrismaClientKnownRequestError) return thrown.code === 'P2002';
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === '23505';
}

/** The same transaction as plain SQL, for code that serves both kinds. */
export function asSql(tx: Tx | Sql): Sql {
  if ('query' in tx) return tx;
  return {
    async query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) {
      const rows = await tx.$queryRawUnsafe<Row[]>(text, ...values);
      return { rows, rowCount: rows.length };
    },
  };
}
