import { createHmac } from 'node:crypto';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectDevice, createBrowser, signUp } from '../demo/person.ts';
import { type CloudProcess, startCloudProcess } from '../fixtures/cloudProcess.ts';
import { call, terminal } from './sluice.ts';

const SECRET = 'a long shared secret';
const PERSON = { email: 'robin@example.com', password: 'four random words', name: 'Robin' };
const NO_DOCKER = { DOCKER_HOST: 'tcp://127.0.0.1:1' };

let cloud: CloudProcess;
let cloudDir: string;

// Where there is no Docker, and on the Postgres that it brings.
beforeAll(async () => {
  cloudDir = mkdtempSync(join(tmpdir(), 'sluice-bad-cloud-'));
  chmodSync(cloudDir, 0o755);
  cloud = await startCloudProcess({ SLUICE_DATA: cloudDir, PORT: '0', ...NO_DOCKER });
}, 300_000);
afterAll(async () => {
  await cloud?.stop();
  rmSync(cloudDir, { recursive: true, force: true });
});

const HOOKS = `steps:
  signed_k3f9:
    name: Signed
    uses: trigger.webhook
    config: { path: signed, verify: github, answer: respond, maxBytes: 1000 }
    connection: hook
  answer_r8j5: { name: Answer, uses: flow.respond, config: { status: 200, body: { fine: =true } } }
edges:
  - signed_k3f9 -> answer_r8j5
`;

test('without Docker it says so and works with processes; a hosted webhook refuses as a local one; an ended sign-in stops only what is in the cloud', {
  timeout: 300_000,
}, async () => {
  expect(cloud.log.join('\n')).toContain('No Docker engine answered within 2 s: workspaces run as processes.');

  const here = terminal({ SLUICE_URL: cloud.url, SLUICE_VAULT: 'file', CI: '1' });
  const { dir, file } = await here.project(HOOKS);
  writeFileSync(join(dir, 'connections.yaml'), 'hook: { connector: webhook }\n');
  await signUp(cloud.url, join(cloudDir, 'mail'), PERSON);
  const signIn = async () => {
    const login = here.start(['login', '--no-open']);
    const ended = new Promise<number | null>((resolve) => login.on('close', resolve));
    const address = await new Promise<string>((resolve, reject) => {
      let said = '';
      login.stdout?.on('data', (data) => {
        said += String(data);
        const found = /^http\S+$/m.exec(said)?.[0];
        if (found) resolve(found);
      });
      void ended.then(() => reject(new Error(said)));
    });
    await connectDevice(createBrowser(cloud.url), address, PERSON);
    expect(await ended).toBe(0);
  };
  expect(await here.sluice(['sync', dir])).toEqual({
    code: 1,
    out: '',
    err: 'You are not signed in.\nRun "sluice login".\n',
  });
  await signIn();
  expect(await here.sluice(['sync', dir])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Synced, revision \d+\.\n$/),
  });

  // What the connection screen does.
  const session = await fetch(`${cloud.url}/v1/auth/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: PERSON.email, password: PERSON.password }),
  });
  const { accessToken } = (await session.json()) as { accessToken: string };
  const { workspaces } = JSON.parse((await here.sluice(['whoami', '--json'])).out) as { workspaces: { id: string }[] };
  const set = await call(`${cloud.url}/v1/connections/hook`, {
    method: 'PUT',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${accessToken}`,
      'sluice-workspace': workspaces[0]?.id ?? '',
    },
    body: JSON.stringify({ connector: 'webhook', secret: { secret: SECRET }, hosts: [] }),
  });
  expect(set.status).toBeLessThan(300);
  const published = JSON.parse((await here.sluice(['publish', dir, '--json'])).out);
  expect(published).toMatchObject({ deployment: { status: 'active' } });
  const hook = String(published.deployment.hooks[0].url);
  const signed = (body: string, secret = SECRET) => ({
    method: 'POST',
    headers: { 'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` },
    body,
  });
  expect(await call(hook, signed('{}'))).toEqual({ status: 200, body: { fine: true } });
  expect(await call(hook, signed('{}', 'another secret'))).toMatchObject({
    status: 401,
    body: { code: 'hook.signature_invalid', detail: expect.stringContaining('Compare the secret') },
  });
  expect(await call(hook, signed('x'.repeat(1001)))).toMatchObject({
    status: 413,
    body: { code: 'hook.body_too_large', title: expect.stringContaining('1000 bytes'), detail: expect.any(String) },
  });
  expect(await call(`${hook.slice(0, -4)}aaaa`, signed('{}'))).toMatchObject({
    status: 404,
    body: { code: 'hook.not_found', detail: expect.any(String) },
  });
  expect(await call(hook, signed('{"a":2}'))).toMatchObject({ status: 200 });

  // Somebody signs this computer out; here nobody knows yet.
  const copy = `${here.dataDir}-copy`;
  cpSync(here.dataDir, copy, { recursive: true });
  expect(await here.sluice(['logout'], { SLUICE_DATA: copy })).toMatchObject({ code: 0 });
  for (const command of [['whoami'], ['sync', dir], ['publish', dir]]) {
    expect(await here.sluice(command)).toEqual({
      code: 1,
      out: '',
      err: 'Your sign-in has ended.\nRun "sluice login".\n',
    });
  }
  writeFileSync(file, readFileSync(file, 'utf8').replace('name: Answer', 'name: Say so'));
  expect(await here.sluice(['validate', dir])).toMatchObject({ code: 0 });
  const input = join(dir, 'input.json');
  writeFileSync(input, '{}');
  expect(await here.sluice(['run', dir, 'main', '--input', input])).toMatchObject({ code: 0 });
  await signIn();
  expect(await here.sluice(['sync', dir])).toMatchObject({ code: 0 });
  expect(readFileSync(file, 'utf8')).toContain('name: Say so');
  expect(await here.sluice(['publish', dir, '--dry-run'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('Say so'),
  });
});

test('a control plane that cannot start stops, and says which setting, program or folder is in the way', {
  timeout: 300_000,
}, async () => {
  const { sluice } = terminal();
  const dataDir = mkdtempSync(join(cloudDir, 'data-'));
  chmodSync(dataDir, 0o755);
  const start = (more: Record<string, string>) => sluice(['cloud', '--port', '0'], { SLUICE_DATA: dataDir, ...more });
  const [absent, wrongKind, driver, twice] = await Promise.all([
    start({ DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/mine' }),
    start({ DATABASE_URL: 'mysql://me:hunter2@127.0.0.1:1/mine' }),
    start({ CONTAINER_DRIVER: 'podman' }),
    start({ SLUICE_DATA: cloudDir }),
  ]);
  expect(absent).toEqual({
    code: 1,
    out: '',
    err: 'The Postgres of DATABASE_URL at 127.0.0.1:1 does not answer (ECONNREFUSED).\nStart it, correct DATABASE_URL, or leave it out to use the built-in Postgres.\n',
  });
  expect(wrongKind.err).toContain('DATABASE_URL: it is not an address of the right kind.');
  expect(wrongKind.err).not.toContain('hunter2');
  expect(driver.err).toContain('CONTAINER_DRIVER: it must be one of "auto", "docker", "process".');
  expect(twice.err).toMatch(/^Another control plane \(process \d+\) uses the data folder .*\nStop that one first/);

  const docker = await start({ CONTAINER_DRIVER: 'docker', ...NO_DOCKER });
  expect(docker.err).toMatch(
    /CONTAINER_DRIVER is docker, and no Docker engine answers\.\nStart the engine, .*CONTAINER_DRIVER=process\.\n$/,
  );
  for (const one of [wrongKind, driver, twice, docker]) expect(one.code).toBe(1);
  expect((await fetch(`${cloud.url}/readyz`)).status).toBe(200);
});
