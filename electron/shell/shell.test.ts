import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { callNames } from '#shared/contract/contract.ts';
import { hostApi } from '#shared/contract/hostApi.ts';

const root = resolve(import.meta.dirname, '../..');
const chromium = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, name)))
  .find((path) => existsSync(path));
if (!chromium) console.log('Skipped: the shell in a Chromium, because there is no chromium on PATH.');

const PAGE = '<!doctype html><meta charset="utf-8"><title>Editor</title><script src="/first.js"></script>';
const FIRST =
  'window.firstSaw = typeof window.sluice?.call; window.preloadGlobals = [typeof window.__ipc, typeof window.__fromMain, typeof require, typeof process]; try { new Function("return 1")(); window.made = true; } catch { window.made = false; }';

let out = '';
let dataDir = '';
let shell: ChildProcess;
let nextId = 1;
const waiting = new Map<number, (message: { value?: unknown; error?: string }) => void>();
let complaints = '';

async function ask<T = unknown>(what: string, about: object = {}): Promise<T> {
  const id = nextId++;
  const message = await new Promise<{ value?: unknown; error?: string }>((done, fail) => {
    if (!shell.connected) return fail(new Error(`The shell ended. ${complaints}`));
    waiting.set(id, done);
    shell.send({ id, what, ...about });
  });
  if (message.error !== undefined) throw new Error(message.error);
  return message.value as T;
}
const evaluate = <T = unknown>(code: string) => ask<T>('evaluate', { code });

/** Main and preload are bundled as the installed app has them; the host is the real one, from its sources. */
beforeAll(async () => {
  if (!chromium) return;
  mkdirSync(join(root, 'build/out'), { recursive: true });
  out = mkdtempSync(join(root, 'build/out/shell-test-'));
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-shell-'));
  const common: BuildOptions = {
    bundle: true,
    platform: 'node',
    target: 'node24',
    external: ['electron'],
    logLevel: 'error',
  };
  // Some packages in the bundle are CommonJS and ask for Node's own modules.
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" };
  await build({
    ...common,
    banner,
    entryPoints: [join(root, 'electron/shell/main.ts')],
    format: 'esm',
    outfile: join(out, 'shell/main.js'),
  });
  await build({
    ...common,
    entryPoints: [join(root, 'electron/shell/preload.ts')],
    format: 'cjs',
    outfile: join(out, 'shell/preload.cjs'),
  });
  for (const dir of ['renderer', 'host']) mkdirSync(join(out, dir));
  writeFileSync(join(out, 'package.json'), '{"type":"module"}');
  writeFileSync(join(out, 'renderer/index.html'), PAGE);
  writeFileSync(join(out, 'renderer/first.js'), FIRST);
  writeFileSync(join(out, 'secret.json'), '{"planted":true}');
  writeFileSync(join(out, 'host/host.js'), `import ${JSON.stringify(join(root, 'electron/host/main.ts'))};\n`);
  const register = join(root, 'tests/fixtures/electronStandin/register.mjs');
  shell = spawn(process.execPath, ['--import', register, join(out, 'shell/main.js')], {
    env: {
      ...process.env,
      STANDIN_CHROMIUM: chromium,
      STANDIN_KEYCHAIN: '1',
      SLUICE_DATA: dataDir,
      // Nobody listens there, so nobody is signed in.
      SLUICE_URL: 'http://127.0.0.1:9',
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  shell.stderr?.on('data', (data) => {
    complaints += String(data);
  });
  shell.on('message', (message: { id?: number; value?: unknown; error?: string }) => {
    if (message.id !== undefined) waiting.get(message.id)?.(message);
  });
  await vi.waitFor(
    async () => {
      expect((await ask<{ what: string }[]>('log')).some(({ what }) => what === 'show')).toBe(true);
    },
    { timeout: 60_000, interval: 100 },
  );
}, 300_000);

afterAll(async () => {
  if (shell?.exitCode === null) {
    shell.kill('SIGKILL');
    await new Promise((done) => shell.once('exit', done));
  }
  for (const dir of [out, dataDir]) if (dir) rmSync(dir, { recursive: true, force: true });
});

const inChromium = test.skipIf(!chromium);

inChromium(
  'the first script of the page has the bridge, frozen, and nothing of the preload script (needs Chromium)',
  async () => {
    expect(await evaluate('window.firstSaw')).toBe('function');
    expect(await evaluate('window.preloadGlobals')).toEqual(['undefined', 'undefined', 'undefined', 'undefined']);
    expect(await evaluate('Object.keys(window.sluice).sort()')).toEqual(['call', 'subscribe']);
    expect(
      await evaluate(
        'Object.isFrozen(window.sluice) && (() => { try { "use strict"; window.sluice = 1; } catch {} return typeof window.sluice.call; })()',
      ),
    ).toBe('function');
  },
);

inChromium('a call goes to the host and back, and an error arrives as data (needs Chromium)', async () => {
  expect(await evaluate(`window.sluice.call('host.describe', {})`)).toMatchObject({
    ok: true,
    output: {
      shell: 'electron',
      can: { chooseFolder: true, keychain: true, openExternal: true },
      cloudUrl: 'http://127.0.0.1:9',
    },
  });
  expect(
    await evaluate(`window.sluice.call('projects.open', { projectId: '0199f2c0-0000-7000-8000-000000000009' })`),
  ).toMatchObject({
    ok: false,
    error: { code: 'project.not_found', detail: 'Open the folder that it is in.' },
  });
  expect(await evaluate(`window.sluice.call('projects.open', { projectId: 5 })`)).toMatchObject({
    ok: false,
    error: { code: 'request.invalid' },
  });
});

inChromium('what the host tells reaches the page until it no longer listens (needs Chromium)', async () => {
  const told = await evaluate(`(async () => {
    const told = [];
    const stop = window.sluice.subscribe((event) => told.push(event.type));
    const { output: made } = await window.sluice.call('projects.create', { name: 'Told' });
    const { output: state } = await window.sluice.call('projects.open', { projectId: made.id });
    const workflowId = crypto.randomUUID();
    const edits = [{ type: 'addWorkflow', workflowId, name: 'One' }];
    await window.sluice.call('documents.edit', { projectId: made.id, edits });
    while (!told.includes('project.changed')) await new Promise((done) => setTimeout(done, 10));
    stop();
    const before = told.length;
    await window.sluice.call('documents.edit', { projectId: made.id, edits: [{ type: 'renameWorkflow', workflowId, name: 'Two' }] });
    await new Promise((done) => setTimeout(done, 50));
    return { revision: state.revision, quiet: told.length === before };
  })()`);
  expect(told).toEqual({ revision: 0, quiet: true });
});

inChromium('there is one channel for each call of the contract and no other (needs Chromium)', async () => {
  expect((await ask<string[]>('channels')).sort()).toEqual(callNames(hostApi).sort());
  await expect(evaluate(`window.sluice.call('shell.execute', 'ls')`)).rejects.toThrow(
    "No handler registered for 'shell.execute'",
  );
});

inChromium('another frame, one that is gone, and one of another origin are refused (needs Chromium)', async () => {
  for (const frame of [{ url: 'app://sluice/' }, { url: 'https://elsewhere.example/' }, null]) {
    expect(await ask('invokeFrom', { frame, channel: 'host.describe', args: [{}] })).toMatchObject({
      value: { ok: false, error: { code: 'access.denied' } },
    });
  }
});

inChromium('a request that is too big is refused before it reaches the host (needs Chromium)', async () => {
  expect(await evaluate(`window.sluice.call('documents.setScript', { text: 'x'.repeat(33 * 1048576) })`)).toMatchObject(
    {
      ok: false,
      error: { code: 'request.too_large' },
    },
  );
});

inChromium(
  'the page stays where it is: no navigation, no window, no frame, nothing from elsewhere (needs Chromium)',
  async () => {
    await evaluate(`location.href = 'https://elsewhere.example/'`);
    await vi.waitFor(
      async () => {
        const log = await ask<{ what: string; prevented?: boolean }[]>('log');
        expect(log.filter(({ what }) => what === 'navigation')).toMatchObject([
          { url: 'https://elsewhere.example/', prevented: true },
        ]);
      },
      { timeout: 60_000 },
    );
    expect(await ask('url')).toBe('app://sluice/');
    await evaluate(`void window.open('https://elsewhere.example/')`);
    await vi.waitFor(async () => expect(await ask('log')).toContainEqual({ what: 'window.open', action: 'deny' }), {
      timeout: 60_000,
    });
    const tried = await evaluate(`(async () => {
    const failed = (work) => work.then(() => false, () => true);
    const inline = document.createElement('script');
    inline.textContent = 'window.inlineRan = true';
    document.head.append(inline);
    return { fetch: await failed(fetch('https://elsewhere.example/')), inline: window.inlineRan === undefined, made: window.made };
  })()`);
    expect(tried).toEqual({ fetch: true, inline: true, made: false });
  },
);

inChromium('only files of the built editor are served (needs Chromium)', async () => {
  const statuses = await evaluate(
    `Promise.all(['/', '/first.js', '/../secret.json', '/%2e%2e/secret.json', '/..%2fsecret.json', '/nothing.js', '/index.html%00.png'].map(async (path) => (await fetch(path)).status))`,
  );
  expect(statuses).toEqual([200, 200, 404, 404, 404, 404, 404]);
  const policy = await evaluate<string>(`fetch('/').then((answer) => answer.headers.get('content-security-policy'))`);
  expect(policy).toContain("default-src 'none'; script-src 'self';");
});

inChromium('windows are made hardened, and one that is not is refused (needs Chromium)', async () => {
  expect(await ask('app')).toMatchObject({
    name: 'Sluice',
    sandboxed: true,
    privileged: [{ scheme: 'app', privileges: { standard: true, secure: true } }],
    preferences: {
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webSecurity: true,
      webviewTag: false,
    },
  });
  await expect(ask('makeWindow', { webPreferences: { sandbox: false, nodeIntegration: true } })).rejects.toThrow(
    'Insecure webPreferences',
  );
});

inChromium('permissions and devices are denied, but for writing to the clipboard (needs Chromium)', async () => {
  const names = [
    'media',
    'geolocation',
    'notifications',
    'midi',
    'openExternal',
    'hid',
    'fullscreen',
    'clipboard-read',
  ];
  for (const [, request, check, device] of await ask<[string, boolean, boolean, boolean][]>('permissions', { names })) {
    expect([request, check, device]).toEqual([false, false, false]);
  }
  expect(await ask('permissions', { names: ['clipboard-sanitized-write'] })).toEqual([
    ['clipboard-sanitized-write', true, true, false],
  ]);
});

inChromium('the shell lends its dialog, its browser and its encryption to the host (needs Chromium)', async () => {
  await ask('folder', { folder: '/somewhere/chosen' });
  expect(await evaluate(`window.sluice.call('host.chooseFolder', {})`)).toEqual({
    ok: true,
    output: { dir: '/somewhere/chosen' },
  });
  await evaluate(`window.sluice.call('host.openExternal', { url: 'https://example.com/docs' })`);
  expect(await ask('log')).toContainEqual({ what: 'openExternal', url: 'https://example.com/docs' });
  expect(await evaluate(`window.sluice.call('host.openExternal', { url: 'file:///etc/passwd' })`)).toMatchObject({
    ok: false,
  });
  expect(await evaluate(`window.sluice.call('account.state', {})`)).toMatchObject({
    output: { vault: 'keychain', status: 'signed_out' },
  });
  // The data key is on the disk only as the system's encryption sealed it.
  expect(readdirSync(join(dataDir, 'vault'))).toContain('key.sealed');
  expect(Buffer.from(readFileSync(join(dataDir, 'vault/key.sealed'), 'utf8'), 'base64').length).toBeGreaterThan(60);
});

inChromium('a second start shows the window of the first and ends (needs Chromium)', async () => {
  const register = join(root, 'tests/fixtures/electronStandin/register.mjs');
  const env = { ...process.env, STANDIN_SECOND: '1', SLUICE_DATA: dataDir };
  const second = spawnSync(process.execPath, ['--import', register, join(out, 'shell/main.js')], {
    env,
    timeout: 60_000,
  });
  expect(second.status).toBe(0);
  await ask('secondInstance');
  expect(await ask('log')).toContainEqual({ what: 'focus' });
});

inChromium('closing the window ends the app after the host has let go of its projects (needs Chromium)', async () => {
  const ended = new Promise((done) => shell.once('exit', done));
  await ask('closeWindow').catch(() => undefined);
  expect(await ended).toBe(0);
  expect(existsSync(join(dataDir, 'window.json'))).toBe(true);
  expect(complaints).toBe('');
});
