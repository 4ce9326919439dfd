import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAgent } from '#runtime/agent/agent.ts';
import { connectOverHttp } from '#runtime/agent/httpTransport.ts';
import { createRunPorts, remoteBlobs } from '#runtime/agent/runPorts.ts';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { SluiceError } from '#shared/error.ts';
import { quietLogger } from '../fixtures/agent.ts';
import { type Person, startTestCloud, type TestCloud } from '../fixtures/cloud.ts';
import { RUNTIME_HASH } from '../fixtures/control.ts';
import { allButContainers } from '../fixtures/noContainers.ts';
import { SLUICE } from '../fixtures/sluice.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-run-actions-'));
const project = join(folder, 'release');
const boot = { workspaceId: '', containerId: newId(), bootId: newId() };
const BOOT_SECRET = 'the secret of this start';
let cloud: TestCloud;
let person: Person;
let stopAgent: () => Promise<void>;

/** A whole control plane, and a real runtime of the workspace that dials in from this process. */
beforeAll(async () => {
  cloud = await startTestCloud(
    {},
    allButContainers(async () => boot),
  );
  person = await cloud.newPerson('Robin');
  boot.workspaceId = person.workspaceId;
  const { ownerSql } = cloud.database;
  await ownerSql(
    `insert into tenant_container (workspace_id, id, ram_mb, cpu, storage_mb, updated_at) values ($1, $2, 1, 1, 1, now())`,
    [boot.workspaceId, boot.containerId],
  );
  await ownerSql(
    `insert into container_boot (workspace_id, id, container_id, boot_secret_hash) values ($1, $2, $3, 'x')`,
    [boot.workspaceId, boot.bootId, boot.containerId],
  );
  const { client, useToken } = connectOverHttp(cloud.agentUrl);
  const ports = createRunPorts({
    dataDir: join(folder, 'runtime'),
    sandbox: { run: () => Promise.reject(new SluiceError('code.failed', 'No scripts.')), close: async () => {} },
    blobs: remoteBlobs(client),
  });
  const agent = startAgent({
    client,
    onToken: useToken,
    portsFor: ports.portsFor,
    bootSecret: BOOT_SECRET,
    runtimeHash: RUNTIME_HASH,
    runsAtOnce: 2,
    log: quietLogger(),
  });
  stopAgent = async () => {
    await agent.stop(0);
    await ports.close();
  };
}, 300_000);
afterAll(async () => {
  await stopAgent?.();
  await cloud?.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Outcome = { code: number | null; out: string; err: string };

function start(args: string[]) {
  const settings = { SLUICE_URL: cloud.url, SLUICE_DATA: join(folder, 'data'), SLUICE_VAULT: 'file', CI: '1' };
  const child = spawn(process.execPath, [SLUICE, ...args], {
    cwd: folder,
    env: { ...process.env, ...settings },
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
  return { said, ended };
}
const sluice = (...args: string[]) => start(args).ended;
async function surely(...args: string[]): Promise<string> {
  const outcome = await sluice(...args);
  expect(outcome, outcome.err).toMatchObject({ code: 0 });
  return outcome.out;
}

async function signIn(): Promise<void> {
  const login = start(['login', '--no-open']);
  await expect.poll(() => login.said.err + login.said.out, { timeout: 60_000 }).toContain('/authorize?');
  const address = new URL(/http\S+\/authorize\S+/.exec(login.said.err + login.said.out)?.[0] ?? '');
  const page = await fetch(`${cloud.url}/sign-in`, {
    method: 'POST',
    headers: { origin: cloud.url, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      email: person.email,
      password: person.password,
      next: `${address.pathname}${address.search}`,
    }),
    redirect: 'manual',
  });
  await fetch(page.headers.get('location') ?? '');
  expect(await login.ended).toMatchObject({ code: 0 });
}

const workflowId = newId();
const WORKFLOW = `id: ${workflowId}
name: Release
steps:
  begin: { uses: trigger.manual }
  ask: { uses: flow.approval, config: { message: "Ship it?" } }
  halt: { uses: flow.stop, config: { message: Not today. } }
edges:
  - begin -> ask
  - ask.approved -> halt
`;

test('an approval, a retry and a tape from the command line', { timeout: 300_000 }, async () => {
  await signIn();
  await surely('new', project, '--template', 'blank');
  writeFileSync(join(project, 'workflows', 'release.yaml'), WORKFLOW);
  await surely('sync', project);
  await surely('publish', project);
  const projectId = /^id: (\S+)/m.exec(readFileSync(join(project, 'sluice.yaml'), 'utf8'))?.[1] ?? '';
  const begun = await person.call<RunSummary>('POST', `/v1/projects/${projectId}/runs`, {
    environment: 'production',
    workflowId,
  });
  const runId = begun.body.id;
  expect(begun.status, JSON.stringify(begun.body)).toBe(200);
  const reach = (id: string, status: string) =>
    expect
      .poll(async () => (await person.call<RunSummary>('GET', `/v1/runs/${id}`)).body.status, { timeout: 60_000 })
      .toBe(status);
  await reach(runId, 'waiting');

  expect((await sluice('approve', project, runId, '--step', 'halt')).err).toContain('does not wait for this');
  expect(await surely('approve', project, runId, '--step', 'ask', '--comment', 'Go')).toContain('Approved');
  await reach(runId, 'failed');
  expect(await sluice('approve', project, runId, '--step', 'ask')).toMatchObject({ code: 1 });

  const file = join(folder, 'failed.sluicetape');
  expect(await surely('tape', project, runId, '--out', file)).toContain('sluice replay');
  expect(existsSync(file)).toBe(true);
  const replay = await sluice('replay', file);
  expect(replay.out + replay.err).toContain('Not today.');

  const { results } = JSON.parse((await surely('retry', project, runId, '--json')).trim()) as {
    results: { retry: RunSummary }[];
  };
  const again = results[0]?.retry;
  expect(again).toMatchObject({ retryOf: runId });
  // The approval stands: it is taken over, and nobody is asked again.
  await reach(again?.id ?? '', 'failed');
  const unknown = await sluice('retry', project, newId());
  expect(unknown).toMatchObject({ code: 1, out: expect.stringContaining('no such run') });
});
