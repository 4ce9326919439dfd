// The way in to every command on a machine that has nothing but Node and npm. Plain JavaScript for Node 20.19 and newer:
// it installs what package-lock.json names, once, and hands over to Node 24, which the repository brings with it.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.sluice-installed');
/** Command → the program that Node 24 runs. */
const PROGRAMS = {
  start: 'build/start.ts',
  demo: 'tests/demo/main.ts',
  test: 'build/test.ts',
  bench: 'bench/main.ts',
  sluice: 'build/sluice.ts',
};

const [command = '', ...args] = process.argv.slice(2);
const program = PROGRAMS[command];
if (!program) fail(`There is no command ${command || '(none)'}. There are: ${Object.keys(PROGRAMS).join(', ')}.`, 2);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Sluice needs Node 20.19 or newer to install itself; this is ${process.versions.node}. Get it from nodejs.org.`);
}

if (readStamp() !== wantedStamp()) install();
const node = findNode24();
const child = spawn(node, [join(root, program), ...args], {
  cwd: command === 'sluice' ? (process.env.INIT_CWD ?? process.cwd()) : root,
  stdio: 'inherit',
  env: { ...process.env, PATH: [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter) },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));

function install() {
  const started = Date.now();
  const note = (text) => process.stderr.write(text);
  note('Installing packages (once, about a minute) …\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(npm, ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (result.status !== 0) {
    rmSync(stamp, { force: true });
    fail('The packages could not be installed. Check the network and the lines above, then run the command again.');
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wantedStamp());
  note(`Installed in ${Math.round((Date.now() - started) / 1000)} s.\n`);
}

function readStamp() {
  return existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined;
}

/** What is installed depends on the lock file and the machine, and on nothing else. */
function wantedStamp() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  return createHash('sha256').update(lock).update(`${process.platform} ${process.arch}`).digest('hex');
}

function findNode24() {
  const own = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(own)) return own;
  if (major >= 24) return process.execPath;
  return fail(
    `Sluice runs on Node 24. The package "node" has none for ${process.platform} ${process.arch}; install Node 24 from nodejs.org and run the command again.`,
  );
}

function fail(message, code = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}
