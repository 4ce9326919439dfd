import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { type Person, startTestCloud, type TestCloud } from '../fixtures/cloud.ts';
import { SLUICE } from '../fixtures/sluice.ts';

let cloud: TestCloud;
let person: Person;
const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-cloud-'));
const dataDir = join(folder, 'data');
const project = join(folder, 'greeting');

beforeAll(async () => {
  cloud = await startTestCloud({}, allCapabilities);
  person = await cloud.newPerson('Robin');
}, 300_000);
afterAll(async () => {
  await cloud?.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Outcome = { code: number | null; out: string; err: string };

function start(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [SLUICE, ...args], {
    env: { ...process.env, SLUICE_URL: cloud.url, SLUICE_DATA: dataDir, SLUICE_VAULT: 'file', CI: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (data) => {
    said.out += String(data);
  });
  child.stderr.on('data', (data) => {
    said.err += String(data);
  });
  const ended = new Promise<Outcome>((done) => child.once('close', (code) => done({ code, ...said })));
  return { ended, said, child };
}
const sluice = (args: string[], env?: Record<string, string>) => start(args, env).ended;
const json = async <T>(args: string[]): Promise<T> => {
  const outcome = await sluice([...args, '--json']);
  expect(outcome, outcome.err).toMatchObject({ code: 0 });
  return JSON.parse(outcome.out) as T;
};

/** What the person does in the browser: signs in on the page, which sends them back to this computer. */
async function inBrowser(address: string): Promise<string> {
  const next = `${new URL(address).pathname}${new URL(address).search}`;
  const page = await fetch(`${cloud.url}/sign-in`, {
    method: 'POST',
    headers: { origin: cloud.url, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ email: person.email, password: person.password, next }),
    redirect: 'manual',
  });
  return (await fetch(page.headers.get('location') ?? '')).text();
}

test('a sign-in by the browser; then the project is sent, published, rolled back and looked at', {
  timeout: 300_000,
}, async () => {
  expect(await sluice(['whoami'])).toMatchObject({ code: 1, err: 'You are not signed in.\nRun "sluice login".\n' });
  const login = start(['login', '--no-open', '--json']);
  await expect.poll(() => login.said.err, { timeout: 60_000 }).toContain('/authorize?');
  expect(await inBrowser(/http\S+/.exec(login.said.err)?.[0] ?? '')).toContain('You are signed in');
  const signedIn = await login.ended;
  expect(signedIn.code, signedIn.err).toBe(0);
  expect(await json(['whoami'])).toMatchObject({ user: { email: person.email }, workspaces: [{ role: 'owner' }] });

  expect((await sluice(['new', project, '--template', 'hello'])).code).toBe(0);
  expect(await json(['sync', project])).toMatchObject({ state: 'synced', pending: 0, workspaceId: person.workspaceId });

  const preview = await json<{ changes: unknown[]; checks: { status: string }[] }>(['publish', project, '--dry-run']);
  expect(preview).toMatchObject({ environment: 'production', nextVersion: 1, layoutOnly: false });
  expect(preview.changes).toContainEqual(
    expect.objectContaining({ kind: 'added', subject: 'workflow', authors: ['Robin'] }),
  );
  expect(preview.checks.map(({ status }) => status)).not.toContain('error');

  const first = await json<{ deployment: { id: string } }>(['publish', project, '--note', 'The first']);
  expect(first).toMatchObject({ deployment: { status: 'active', versionNumber: 1, environment: 'production' } });
  expect(await json(['publish', project])).toMatchObject({ deployment: null, version: 1 });

  const file = join(project, 'environments', 'local.yaml');
  const workflow = join(project, 'workflows', 'hello.yaml');
  const before = readFileSync(workflow, 'utf8');
  writeFileSync(workflow, before.replace(/name: (.*)\n/, 'name: $1 again\n'));
  expect(readFileSync(file, 'utf8')).not.toBe('');
  const layout = await json<{ changes: unknown[] }>(['publish', project, '--dry-run']);
  expect(layout.changes.length).toBeGreaterThan(0);
  writeFileSync(file, readFileSync(file, 'utf8').replace(/(vars:\n)/, '$1  added: "1"\n'));
  expect(await json(['publish', project])).toMatchObject({ deployment: { status: 'active', versionNumber: 2 } });

  expect(await json(['rollback', project])).toMatchObject({ deployment: { status: 'active', versionNumber: 1 } });
  expect(await json(['rollback', project, '--to', '2'])).toMatchObject({
    deployment: { status: 'active', versionNumber: 2 },
  });
  const { data } = await json<{ data: { versionNumber: number; status: string }[] }>(['deployments', project]);
  expect(data.map(({ versionNumber }) => versionNumber)).toEqual([2, 1, 2, 1]);
  expect(data.map(({ status }) => status)).toEqual(['active', 'superseded', 'superseded', 'superseded']);
  expect(await json(['runs', project, '--hosted'])).toEqual({ data: [] });
});

test('wrong use, a control plane that is away, and a computer that would forget are said plainly', {
  timeout: 300_000,
}, async () => {
  expect(await sluice(['rollback'])).toMatchObject({ code: 2 });
  const away = await sluice(['whoami'], { SLUICE_URL: 'http://127.0.0.1:9', SLUICE_DATA: join(folder, 'other') });
  expect(away).toMatchObject({ code: 1, out: '' });
  const forgetful = await sluice(['login', '--no-open'], {
    SLUICE_VAULT: 'memory',
    SLUICE_DATA: join(folder, 'other'),
  });
  expect(forgetful).toMatchObject({ code: 1, out: '' });
  expect(forgetful.err).toContain('SLUICE_VAULT_PASSPHRASE');
  const unknown = await sluice(['rollback', project, '--to', '99']);
  expect(unknown).toMatchObject({ code: 1, err: 'The project has no version 99.\nSee "sluice deployments".\n' });
});

test('after signing out the project stays, and what needs the cloud says what to do', {
  timeout: 300_000,
}, async () => {
  expect((await sluice(['logout'])).code).toBe(0);
  expect((await sluice(['validate', project])).code).toBe(0);
  expect(await sluice(['sync', project])).toMatchObject({
    code: 1,
    err: 'You are not signed in.\nRun "sluice login".\n',
  });
});
