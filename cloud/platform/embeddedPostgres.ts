import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { SluiceError } from '#shared/error.ts';
import { checkReachable, postgresBinaries, postgresUser, type RunAs } from './postgresBinaries.ts';

const run = promisify(execFile);

/** How to reach a database: always single fields, because some of our tools mistake a connection string (platform-facts.md 2). */
export type ConnectionInfo = {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** Absent: the line is not encrypted. */
  ssl?: { rejectUnauthorized: boolean; ca?: string };
};

export type EmbeddedPostgres = {
  /** Of the owner, to the database `sluice`. */
  connection: ConnectionInfo;
  /** Ends sessions that are left, writes everything to disk and waits for the process to be gone. */
  stop(): Promise<void>;
};

export type EmbeddedPostgresOptions = {
  /** Everything of this cluster is below it: `postgres/`, and its log in `logs/`. */
  dataDir: string;
  ownerPassword: string;
  /** More settings, each `name=value`. */
  settings?: string[];
};

const OWNER = 'sluice_owner';
const DATABASE = 'sluice';

/**
 * Starts a Postgres of our own on a free loopback port, making the cluster at the first start. A cluster that a killed
 * control plane left running is stopped and recovered; one that a living control plane uses is left alone.
 *
 * @throws SluiceError config.invalid with advice, where the folder or the user does not allow it; store.failed where Postgres does not come up
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, ownerPassword, settings = [] } = options;
  const binaries = postgresBinaries();
  const user = await postgresUser();
  const folder = join(dataDir, 'postgres');
  const logFile = join(dataDir, 'logs', 'postgres.log');
  // Not with the mode of the folder itself: the user of Postgres has to pass through the folders above.
  mkdirSync(join(dataDir, 'logs'), { recursive: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  checkReachable(folder, user, 'the data folder');
  checkReachable(binaries.postgres, user, 'the Postgres program');
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);

  const release = takeFolder(dataDir);
  try {
    await stopOrphan(folder);
    if (!existsSync(join(folder, 'PG_VERSION'))) await initialise(binaries.initdb, folder, ownerPassword, user);

    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const connection = { host: '127.0.0.1', port, user: OWNER, password: ownerPassword, database: 'postgres' };
      const log = openSync(logFile, 'a');
      const flags = [
        `port=${port}`,
        'listen_addresses=127.0.0.1',
        'unix_socket_directories=',
        'max_connections=200',
        ...settings,
      ];
      // In a process group of its own: Ctrl-C in a terminal must not reach the database before the control plane has drained.
      const child = spawn(binaries.postgres, ['-D', folder, ...flags.flatMap((flag) => ['-c', flag])], {
        ...user,
        detached: true,
        stdio: ['ignore', log, log],
      });
      closeSync(log);
      const gone = new Promise<void>((done) => child.once('close', () => done()));
      const state = { exited: false };
      void gone.then(() => {
        state.exited = true;
      });
      child.once('error', () => {
        state.exited = true;
      });
      if (await answers(connection, state)) {
        await ensureDatabase(connection);
        child.unref();
        const stop = async () => {
          child.ref();
          if (!state.exited) child.kill('SIGINT');
          await gone;
          release();
        };
        return { connection: { ...connection, database: DATABASE }, stop };
      }
      if (!state.exited) child.kill('SIGQUIT');
      await gone;
      // Another process may have taken the port between our look and its start.
      if (attempt === 3) {
        throw new SluiceError('store.failed', `Postgres did not start: ${tail(logFile)}`, {
          advice: `Look at ${logFile}. If the data is not needed any more, move ${folder} away and start again.`,
        });
      }
    }
  } catch (thrown) {
    release();
    throw thrown;
  }
}

/** One control plane per data folder. A mark whose process is gone is taken over. */
function takeFolder(dataDir: string): () => void {
  const mark = join(dataDir, 'postgres.owner');
  const [pid, since] = existsSync(mark) ? readFileSync(mark, 'utf8').split(' ') : [];
  if (pid && Number(pid) !== process.pid && startOf(Number(pid)) !== undefined && startOf(Number(pid)) === since) {
    throw new SluiceError('config.invalid', `Another control plane (process ${pid}) uses the data folder ${dataDir}.`, {
      advice: 'Stop that one first, or set SLUICE_DATA to another folder.',
    });
  }
  writeFileSync(mark, `${process.pid} ${startOf(process.pid) ?? ''}`);
  return () => rmSync(mark, { force: true });
}

/** When a process started, so that a recycled number is not taken for it; undefined: it does not live. */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** Stops a Postgres that outlived its control plane, and clears the mark of one that did not. */
async function stopOrphan(folder: string): Promise<void> {
  const file = join(folder, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (Number.isInteger(pid) && pid > 1 && (await isPostgresOf(pid, folder))) {
    process.kill(pid, 'SIGINT');
    for (let waited = 0; startOf(pid) !== undefined; waited += 50) {
      if (waited === 10_000) process.kill(pid, 'SIGQUIT');
      if (waited > 20_000) throw new SluiceError('store.failed', `An earlier Postgres (process ${pid}) does not stop.`);
      await sleep(50);
    }
  }
  rmSync(file, { force: true });
}

async function isPostgresOf(pid: number, folder: string): Promise<boolean> {
  if (startOf(pid) === undefined) return false;
  if (process.platform === 'win32') return true;
  try {
    const { stdout } = await run('ps', ['-o', 'args=', '-p', String(pid)], {
      env: { ...process.env, COLUMNS: '4096' },
    });
    return stdout.includes('postgres') && stdout.includes(folder);
  } catch {
    return false;
  }
}

async function initialise(initdb: string, folder: string, password: string, user: RunAs): Promise<void> {
  const passwordFile = join(tmpdir(), `sluice-${randomBytes(8).toString('hex')}`);
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user.uid !== undefined && user.gid !== undefined) chownSync(passwordFile, user.uid, user.gid);
  try {
    await run(
      initdb,
      [
        `--pgdata=${folder}`,
        `--username=${OWNER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
      ],
      { ...user, cwd: folder },
    );
  } catch (cause) {
    const reason = (cause as { stderr?: string }).stderr?.trim() || (cause as Error).message;
    throw new SluiceError('store.failed', `The database folder ${folder} could not be made: ${reason}`, {
      advice: 'Make sure that the folder is empty and that its disk has room, then start again.',
      cause,
    });
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

async function answers(connection: ConnectionInfo, state: { exited: boolean }): Promise<boolean> {
  // Recovery after a crash may take a while; a start that failed ends the process and this loop with it.
  for (let tries = 0; tries < 1_200 && !state.exited; tries++) {
    const client = new pg.Client({ ...connection, connectionTimeoutMillis: 1_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return true;
    } catch (thrown) {
      if ((thrown as { code?: string }).code === '28P01') {
        throw new SluiceError('config.invalid', 'The database was made with another master key.', {
          advice: 'Put the key file or SLUICE_MASTER_KEY back that this data folder was made with.',
        });
      }
      await sleep(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  return false;
}

async function ensureDatabase(connection: ConnectionInfo): Promise<void> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (!rowCount) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? done(address.port) : fail(new Error('no port'))));
    });
  });
}

function tail(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-3).join(' | ') : 'it wrote no log';
}
