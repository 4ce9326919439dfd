import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { out } from '../../build/paths.ts';
import { startCluster } from '../../tests/fixtures/cluster.ts';
import { createTestDatabase, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { startRedis } from './redis.ts';
import type { Held } from './watch.ts';

/** The control plane as it is built, in a process of its own, on a Postgres and a Redis of its own. */
export type ControlPlane = {
  url: string;
  pid: number;
  database: TestDatabase;
  /** What keeps the rate limits and rings the queue. */
  limitsIn: 'Redis' | 'memory';
  /** The last lines of its log. */
  log(): readonly string[];
  /** How long it says that requests of a route took since the last call, in milliseconds. */
  durations(route: string): number[];
  /** What its process holds. */
  held(): Promise<Held>;
  /** What it ended with, where nobody stopped it. */
  died(): number | string | undefined;
  stop(): Promise<void>;
};

const program = join(out, 'cloud', 'main.js');
const watch = fileURLToPath(new URL('./watch.ts', import.meta.url));
const ANNOUNCED = /^Control plane\s+(https?:\/\/\S+)/;
const LAST_LINES = 15;
const MOST_LINES = 20_000;

/**
 * Starts it with the limits that it comes with, except for sign-ups and where `env` says so.
 *
 * @param scratch a folder of its own on the disk
 */
export async function startControlPlane(scratch: string, env: Record<string, string> = {}): Promise<ControlPlane> {
  mkdirSync(join(scratch, 'db'), { recursive: true });
  const { cluster, stop: stopCluster } = await startCluster(join(scratch, 'db'), []);
  const redis = await startRedis(scratch);
  const database = await createTestDatabase({ cluster });
  const settings = {
    SLUICE_DATA: join(scratch, 'data'),
    DATABASE_URL: database.url,
    SLUICE_MASTER_KEY: database.masterKey,
    PORT: '0',
    CONTAINER_DRIVER: 'process',
    ...(redis ? { REDIS_URL: redis.url } : {}),
    ...env,
  };
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, ['--expose-gc', '--import', watch, program], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { PATH, HOME, NODE_ENV: 'production', ...settings },
  });
  let lines: string[] = [];
  let stopping = false;
  const stop = async () => {
    stopping = true;
    await ended(child);
    await database.close();
    await redis?.stop();
    await stopCluster();
  };
  try {
    const url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => lines.push(line));
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        lines.push(line);
        if (lines.length > MOST_LINES) lines = lines.slice(-MOST_LINES / 2);
        const found = ANNOUNCED.exec(line)?.[1];
        if (found) resolve(found);
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`It ended with ${code}:\n${lines.slice(-LAST_LINES).join('\n')}`)));
    });
    return {
      url,
      pid: child.pid as number,
      database,
      limitsIn: redis ? 'Redis' : 'memory',
      log: () => lines,
      durations(route) {
        const said = lines.filter((line) => line.includes(`"${route}"`));
        lines = [];
        return said.map((line) => (JSON.parse(line) as { durationMs: number }).durationMs);
      },
      held: () =>
        new Promise((resolve) => {
          child.once('message', (held) => resolve(held as Held));
          child.send('look');
        }),
      died: () => (stopping ? undefined : (child.exitCode ?? child.signalCode ?? undefined)),
      stop,
    };
  } catch (cause) {
    await stop();
    throw new Error('The control plane did not start.', { cause });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}
