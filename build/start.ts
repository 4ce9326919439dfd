import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { buildAll } from './build.ts';
import { out, root } from './paths.ts';

/**
 * `npm start`: builds what changed and opens the desktop, which starts a control plane on its embedded defaults unless
 * `SLUICE_URL` names one. Electron where its binary is and there is a display; else the same host in a browser tab. Stays
 * in the foreground until Ctrl-C.
 */
await buildAll();
const electron = electronBinary();
if (!electron) process.stderr.write('Electron is not installed here: the editor opens in a browser tab.\n');
const [program, ...args] = electron
  ? [electron, join(out, 'shell', 'main.js')]
  : [process.execPath, join(out, 'host', 'browser.js')];
const child = spawn(program, [...args, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));

/** The binary of the `electron` package, where it was fetched. Asking the package itself would fetch it. */
function electronBinary(): string | undefined {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (process.platform === 'linux' && !DISPLAY && !WAYLAND_DISPLAY) return undefined;
  const names: Record<string, string> = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' };
  const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
  const binary = join(folder, 'dist', names[process.platform] ?? 'electron');
  return existsSync(binary) ? binary : undefined;
}
