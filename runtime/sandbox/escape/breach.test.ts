import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asking, type Failed } from '../sandbox.fixture.ts';
import { createSandbox } from '../sandbox.ts';
import { plantCanaries } from './canaries.fixture.ts';

/**
 * Assume that somebody broke out of the isolate: these run as plain code of the worker's process, started as any worker
 * is. Each gives what it read, or throws.
 */
const PROBES = (place: Awaited<ReturnType<typeof plantCanaries>>['place']): string[] => {
  const file = JSON.stringify(place.file);
  const mark = JSON.stringify(place.mark);
  const url = JSON.stringify(`http://127.0.0.1:${place.port}`);
  const at = `${place.port}, '127.0.0.1'`;
  return [
    `(await import('node:fs')).readFileSync(${file}, 'utf8')`,
    `await (await import('node:fs/promises')).readFile(${file}, 'utf8')`,
    `(await import('node:fs')).openSync(${file}, 'r')`,
    `await (await import('node:fs')).openAsBlob(${file}).then((b) => b.text())`,
    `(await import('node:fs')).readdirSync(${JSON.stringify(place.folder)}).join()`,
    `(await import('node:fs')).cpSync(${file}, ${mark})`,
    `(await import('node:fs')).writeFileSync(${mark}, '1')`,
    `(await import('node:fs')).symlinkSync(${file}, ${mark})`,
    `(await import('node:fs')).readFileSync('/proc/' + process.ppid + '/environ', 'latin1')`,
    `(await import('node:fs')).readFileSync('/proc/self/environ', 'latin1')`,
    `(await import('node:fs')).readFileSync('/proc/' + process.ppid + '/mem')`,
    `(await import('node:fs')).openSync('/proc/' + process.ppid + '/root' + ${file})`,
    `JSON.stringify(process.env)`,
    `process.env[${JSON.stringify(place.name)}] ?? (() => { throw new Error('none') })()`,
    `globalThis[${JSON.stringify(place.name)}] ?? (() => { throw new Error('none') })()`,
    `JSON.stringify([process.argv, process.execArgv, process.title])`,
    `JSON.stringify(process.report?.getReport?.() ?? '')`,
    `(await import('node:child_process')).execFileSync('/bin/cat', [${file}], { encoding: 'utf8' })`,
    `(await import('node:child_process')).spawnSync('/bin/cat', [${file}], { encoding: 'utf8' }).stdout`,
    `(await import('node:child_process')).fork(${file}).pid`,
    `new (await import('node:worker_threads')).Worker(${file})`,
    `(await import('node:cluster')).default.fork().id`,
    `await new Promise((ok, no) => import('node:net').then((n) => n.connect(${at}, () => ok(1)).on('error', no)).catch(no))`,
    `await new Promise((ok, no) => import('node:net').then((n) => new n.Socket().connect(${at}, () => ok(1)).on('error', no)).catch(no))`,
    `await new Promise((ok, no) => import('node:http').then((h) => h.get(${url}, () => ok(1)).on('error', no)).catch(no))`,
    `await new Promise((ok, no) => import('node:http2').then((h) => h.connect(${url}).on('connect', () => ok(1)).on('error', no)).catch(no))`,
    `await new Promise((ok, no) => import('node:tls').then((t) => t.connect(${at}, () => ok(1)).on('error', no)).catch(no))`,
    `await new Promise((ok, no) => import('node:dgram').then((d) => d.createSocket('udp4').send('x', ${at}, (e) => (e ? no(e) : ok(1)))).catch(no))`,
    `await (await import('node:dns/promises')).lookup('localhost').then((a) => a.address)`,
    `await fetch(${url}).then((r) => r.status)`,
    `await new Promise((ok, no) => { const w = new WebSocket(${JSON.stringify(`ws://127.0.0.1:${place.port}`)}); w.onopen = ok; w.onerror = no; })`,
    `process.binding('fs').internalModuleReadJSON(${file})`,
    `process._linkedBinding('fs')`,
    `process.getBuiltinModule('fs').readFileSync(${file}, 'utf8')`,
    `process.dlopen({ exports: {} }, ${file})`,
    `process.kill(process.ppid, 0)`,
    `process.kill(process.ppid, 'SIGUSR1')`,
    `(0, eval)('process.env')`,
    `new Function('return process')()`,
    `(await import('node:module')).createRequire(${file})(${file})`,
    `await import(${JSON.stringify(`file://${place.file}`)})`,
    `(await import('node:v8')).writeHeapSnapshot(${mark})`,
    `(await import('node:inspector')).open(0)`,
    `new (await import('node:sqlite')).DatabaseSync(${mark}).exec('create table a (b)')`,
    `new (await import('node:wasi')).WASI({ version: 'preview1', preopens: { '/': '/' } }) && (() => { throw new Error('no way in') })()`,
    `(await import('node:fs')).chmodSync(${file}, 0o777)`,
    `(await import('node:fs')).rmSync(${file})`,
    `(await import('node:fs')).mkdirSync(${mark})`,
    `(await import('node:fs')).truncateSync(${file})`,
    `(await import('node:module')).createRequire('/')('node:dgram').createSocket('udp4').bind(0)`,
    `new ((await import('node:module')).createRequire('/')('node:sqlite').DatabaseSync)(${mark})`,
    `({}).__proto__ ?? (() => { throw new Error('none') })()`,
  ];
};

const sandboxFolder = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'breach-'));
let canaries: Awaited<ReturnType<typeof plantCanaries>>;
beforeAll(async () => {
  canaries = await plantCanaries();
});
afterAll(async () => {
  await canaries.remove();
  rmSync(folder, { recursive: true });
});

/** A program that runs every probe and tells what each gave; \`tell\` is code that is given the list \`told\`. */
function program(name: string, list: string[], begin: string, tell: string, patience = 1_500): string {
  const probes = list.map((probe) => `async () => ${probe}`);
  const text = `${begin}
const probes = [${probes.join(',\n')}];
process.on('uncaughtException', () => {});
async function probeAll() {
  const told = [];
  for (const probe of probes) {
    const late = new Promise((_, no) => setTimeout(no, ${patience}, new Error('late')));
    try { told.push('gave ' + String(await Promise.race([probe(), late]))); } catch (error) { told.push('refused: ' + error.message); }
  }
  ${tell}
}
`;
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const MAY_BE_GIVEN = /^gave (?:undefined|\{\}|\[.*\]|".*"|\{"header".*)$/s;

test('the same probes reach each canary from a process that nothing holds', async () => {
  const harmless = PROBES(canaries.place).filter((probe) =>
    /readFileSync\("|process\.env\[|writeFileSync|n\.connect/.test(probe),
  );
  const file = program(
    'free.mjs',
    harmless,
    'setTimeout(() => void probeAll());',
    'process.send(told); setTimeout(() => process.exit(0), 100);',
    30_000,
  );
  const child = fork(file, { stdio: 'ignore', execArgv: [] });
  const told = await new Promise<string[]>((resolve) =>
    child.once('message', (message) => resolve(message as string[])),
  );
  expect(told).toHaveLength(harmless.length);
  // Its connection may come here after its message.
  await expect
    .poll(() => canaries.reached(told))
    .toEqual(['a secret was read', 'the network was reached', 'a file was written']);
  canaries.reset();
});

test('code that runs in the worker outside the isolate reaches nothing', { timeout: 300_000 }, async () => {
  writeFileSync(canaries.place.file, canaries.place.secret);
  // Somebody may hold what was loaded before the doors were shut: half of the time the probes do. What no part of a
  // worker loads is not among it.
  const names = [
    ...new Set(
      PROBES(canaries.place).flatMap((probe) =>
        Array.from(probe.matchAll(/import\('(node:(?!sqlite|dns|dgram|cluster)[^']+)'\)/g), ([, name = '']) => name),
      ),
    ),
  ];
  const kept = names.map((name, index) => `import * as m${index} from '${name}';`).join('\n');
  const table = `const kept = { ${names.map((name, index) => `'${name}': m${index}`).join(', ')} };`;
  const begin = `${kept}
${table}
import { closeProcess } from ${JSON.stringify(join(sandboxFolder, 'closeProcess.ts'))};
const say = (text) => { const size = Buffer.alloc(4); size.writeUInt32BE(Buffer.byteLength(text)); process.stdout.write(size); process.stdout.write(text); };
process.stdin.once('data', () => void probeAll());
closeProcess();
say('{}\\n');`;
  const tell = `say(JSON.stringify({ id: 1, logs: told.map((message) => ({ level: 'info', message: message.slice(0, 9000) })) }) + '\\n[1]');`;
  const all = PROBES(canaries.place);
  const entries = {
    fresh: program('fresh.mjs', all, begin, tell),
    kept: program(
      'kept.mjs',
      all.map((probe) =>
        probe.replace(/import\(('node:(?!sqlite|dns|dgram|cluster)[^']+')\)/g, 'Promise.resolve(kept[$1].default)'),
      ),
      begin,
      tell,
    ),
  };
  const tries = [
    ['javascript', entries.fresh],
    ['javascript', entries.kept],
    ['python', entries.kept],
  ] as const;
  for (const [language, entry] of tries) {
    const sandbox = createSandbox({ entry, readable: [folder, sandboxFolder], workers: 1 });
    const { run } = asking(sandbox, {
      mode: 'once',
      language,
      limits: { wallMs: 60_000, cpuMs: 60_000, memoryMb: 64, outputBytes: 1e6, logLines: 100 },
    });
    const given = await run('return 1').catch((error: Failed) => expect.fail(error.message));
    const told = given.logs.map(({ message }) => message);
    expect(told).toHaveLength(PROBES(canaries.place).length);
    expect(canaries.reached(told)).toEqual([]);
    expect(told.filter((one) => one.startsWith('gave') && !MAY_BE_GIVEN.test(one))).toEqual([]);
    await sandbox.close();
    canaries.reset();
  }
});
