import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { SluiceError } from '#shared/error.ts';
import { stopChild } from '../runner/runner.ts';
import type { Places } from '../store/dataDir.ts';

const FIRST_PORT = 4400;
const PORTS_TRIED = 20;
/** The first start makes a Postgres cluster, which takes a while on a slow disk. */
const START_MS = 120_000;
/** The control plane drains for up to 30 s. */
const STOP_MS = 35_000;
const KEPT_LINES = 20;

export type ControlPlane = { url: string; child: ChildProcess; stop(): Promise<void> };

/**
 * Where the control plane's program is: beside the bundled host, in the checkout's build, or as sources. This program
 * starts it and talks to it, and is no part of it.
 *
 * @throws SluiceError host.not_supported where this installation has none
 */
export function findControlPlane(checkout: string | undefined, from = import.meta.dirname): string {
  const places = [join(from, '..', 'cloud', 'main.js')];
  if (checkout) places.push(join(checkout, 'build/out/cloud/main.js'), join(checkout, 'cloud/main.ts'));
  const found = places.find((place) => existsSync(place));
  if (found) return found;
  throw new SluiceError('host.not_supported', 'This installation does not bring a control plane.', {
    advice: 'Name one in SLUICE_URL, or run this from the repository.',
  });
}

/**
 * Starts the control plane as a process of its own and waits until it can be reached. A port that is taken is named with
 * its holder, and the next one is used, unless the port was asked for in `env.PORT`.
 *
 * @param onNotice told, in one line, what a person at the terminal should know
 * @throws SluiceError host.not_supported, port.in_use, service.unavailable with what it said last
 */
export async function startControlPlane(deps: {
  checkout: string | undefined;
  dataDir: string;
  env: Record<string, string | undefined>;
  onNotice(line: string): void;
}): Promise<ControlPlane> {
  const { env, onNotice } = deps;
  const program = findControlPlane(deps.checkout);
  const port = env.PORT ?? String(await freePort(onNotice));
  const child = spawn(process.execPath, [program], {
    env: { ...env, SLUICE_DATA: deps.dataDir, PORT: port },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      last.push(line);
      if (last.length > KEPT_LINES) last.shift();
    });
  }
  const stop = () => stopChild(child, STOP_MS);
  try {
    const url = await announced(child, last);
    return { url, child, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/**
 * The control plane that an editor is to use: the one that `SLUICE_URL` names, else one started for it. Where none starts,
 * that is said, and what is local works all the same.
 */
export async function reachControlPlane(
  { dataDir, checkout }: Pick<Places, 'dataDir' | 'checkout'>,
  env: Record<string, string | undefined>,
  onNotice: (line: string) => void,
): Promise<{ url: string; running: boolean; stop?(): Promise<void> }> {
  const named = env.SLUICE_URL;
  if (named) return { url: named, running: true };
  try {
    const plane = await startControlPlane({ checkout, dataDir, env, onNotice });
    plane.child.once('exit', (code) => {
      if (code !== 0) onNotice(`The control plane ended with exit code ${code}. What is local goes on.`);
    });
    return { url: plane.url, stop: plane.stop, running: true };
  } catch (thrown) {
    // Drawing and running here need nobody; only what is hosted waits.
    const { message, advice } = SluiceError.from(thrown);
    onNotice(
      `There is no control plane now: ${message}${advice ? ` ${advice}` : ''}\nWhat is local works all the same.`,
    );
    return { url: `http://127.0.0.1:${FIRST_PORT}`, running: false };
  }
}

/** Waits for the line `Control plane  <address>`. */
function announced(child: ChildProcess, last: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (what: string) => {
      const said = last.join('\n');
      reject(new SluiceError('service.unavailable', `${what}${said ? `. It said:\n${said}` : '.'}`));
    };
    const timer = setTimeout(() => fail(`The control plane was not ready after ${START_MS / 1000} s`), START_MS);
    const settle = () => clearTimeout(timer);
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = /^Control plane {2}(\S+)/.exec(line)?.[1];
      if (url === undefined) return;
      settle();
      resolve(url);
    });
    child.once('error', (error) => {
      settle();
      fail(`The control plane could not be started (${error.message})`);
    });
    child.once('exit', (code) => {
      settle();
      // What it wrote last may still be in the pipe.
      setImmediate(() => fail(`The control plane ended with exit code ${code}`));
    });
  });
}

async function freePort(onNotice: (line: string) => void): Promise<number> {
  for (let port = FIRST_PORT; port < FIRST_PORT + PORTS_TRIED; port++) {
    if (await isFree(port)) {
      if (port !== FIRST_PORT)
        onNotice(`Port ${FIRST_PORT} is taken by ${holderOf(FIRST_PORT)}; the control plane takes ${port}.`);
      return port;
    }
  }
  throw new SluiceError('port.in_use', `The ports ${FIRST_PORT} to ${FIRST_PORT + PORTS_TRIED - 1} are all taken.`, {
    advice: 'Name a free one in PORT.',
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** Who listens on a port of this computer, in words; the system does not always tell. */
export function holderOf(port: number): string {
  try {
    const pid = process.platform === 'linux' ? listenerOnLinux(port) : listenerByLsof(port);
    if (pid === undefined) return 'another program';
    const program = process.platform === 'linux' ? programOnLinux(pid) : 'a program';
    return `${program} (process ${pid})`;
  } catch {
    return 'another program';
  }
}

/** As it was started: what the kernel calls a process is the name of its first thread. */
function programOnLinux(pid: number): string {
  const [program = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return basename(program.split(' ')[0] ?? '') || 'another program';
}

function listenerOnLinux(port: number): number | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const sockets = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    if (!existsSync(table)) continue;
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      // 0A: it listens.
      if (fields[1]?.endsWith(`:${hex}`) && fields[3] === '0A') sockets.add(`socket:[${fields[9]}]`);
    }
  }
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        if (sockets.has(readlinkSync(`/proc/${pid}/fd/${fd}`))) return Number(pid);
      }
    } catch {
      // Somebody else's process, or one that has just ended.
    }
  }
  return undefined;
}

function listenerByLsof(port: number): number | undefined {
  const args = ['-nP', '-t', `-iTCP:${port}`, '-sTCP:LISTEN'];
  const [pid] = execFileSync('lsof', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n');
  return pid ? Number(pid) : undefined;
}
