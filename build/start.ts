import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildAll } from './build.ts';
import { out, root } from './paths.ts';

/**
 * `npm start`: builds what changed, starts the control plane on its embedded defaults, then the desktop: Electron where
 * its binary is, else the same host in a browser tab. Stays in the foreground until Ctrl-C.
 */
await buildAll();
const args = process.argv.slice(2);
const children: ChildProcess[] = [];
let ending = false;

const cloud = startProgram(join(out, 'cloud', 'main.js'), []);
const cloudUrl = await addressOf(cloud);
if (cloudUrl) process.stdout.write(`Control plane  ${cloudUrl}\n`);
const env: Record<string, string> = cloudUrl ? { SLUICE_URL: cloudUrl } : {};
const electron = electronBinary();
if (!electron)
  process.stdout.write('Electron is not installed on this machine, so the editor opens in a browser tab.\n');
const desktop = electron
  ? startElectron(electron, env)
  : startProgram(join(out, 'host', 'browser.js'), args, env, true);
desktop.on('exit', (code) => end(code ?? 1));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(0));

function startProgram(
  program: string,
  programArgs: string[],
  more: Record<string, string> = {},
  shown = false,
): ChildProcess {
  const child = spawn(process.execPath, [program, ...programArgs], {
    cwd: root,
    stdio: ['ignore', shown ? 'inherit' : 'pipe', 'inherit'],
    env: { ...process.env, ...more },
  });
  children.push(child);
  return child;
}

function startElectron(binary: string, more: Record<string, string>): ChildProcess {
  const child = spawn(binary, [join(out, 'shell', 'main.js')], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...more },
  });
  children.push(child);
  return child;
}

/** The first line a control plane prints is its address; it ends before that only when it cannot start. */
function addressOf(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      resolve(undefined);
      if (!ending) end(code ?? 1);
    });
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const address = /https?:\/\/\S+/.exec(line)?.[0];
      if (address) resolve(address);
    });
  });
}

/** The binary of the `electron` package, where it was fetched; asking the package itself would fetch it. */
function electronBinary(): string | undefined {
  if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY && process.platform === 'linux') return undefined;
  const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
  const names = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' } as Record<string, string>;
  const binary = join(folder, 'dist', names[process.platform] ?? 'electron');
  return existsSync(binary) ? binary : undefined;
}

/** Ends what was started, the newest first, each with time to finish what it holds. */
function end(code: number): void {
  if (ending) return;
  ending = true;
  const left = children.filter((child) => child.exitCode === null && child.signalCode === null).reverse();
  const gone = left.map((child) => new Promise<void>((resolve) => child.once('exit', () => resolve())));
  for (const child of left) child.kill('SIGTERM');
  void Promise.all(gone).then(() => process.exit(code));
}
