import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import type { Shell } from './preferences.ts';
import { startSignedOutHost } from './signedOutHost.fixture.ts';
import { createFromTemplate } from './templates.ts';

const place = () => mkdtempSync(join(tmpdir(), 'sluice-host-'));

function start(dataDir = place(), shell: Shell = { kind: 'browser', keychain: false }) {
  const { host, client } = startSignedOutHost(dataDir, { shell });
  onTestFinished(() => host.close());
  const events: HostEvent[] = [];
  host.subscribe((event) => events.push(event));
  return { host, client, events, dataDir };
}

/** The processes that execute something for this one. */
function runnersOfThisProcess(): string[] {
  if (process.platform !== 'linux') return [];
  const listed = execFileSync('ps', ['-o', 'args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  return listed.split('\n').filter((line) => line.endsWith(' runner'));
}

/** Waits for a run's end as the editor does: by events. */
async function ended(events: HostEvent[], runId: string) {
  return vi.waitFor(
    () => {
      const last = events.findLast((event) => event.type === 'run.changed' && event.run.id === runId);
      if (last?.type !== 'run.changed' || !last.run.finishedAt) throw new Error('It still runs.');
      return last.run;
    },
    { timeout: 60_000, interval: 20 },
  );
}

test('the first start makes a sample once, and its run passes items from step to step', {
  timeout: 300_000,
}, async () => {
  const { host, client, events } = start();
  const sampleId = (await host.makeSample()) ?? '';
  expect(await host.makeSample()).toBeUndefined();
  const [info] = await client.projects.list({});
  expect(info).toMatchObject({
    id: sampleId,
    name: 'Hello',
    workflowCount: 1,
    trusted: true,
    sync: { state: 'local_only' },
  });
  const { tree, problems } = await client.projects.open({ projectId: sampleId });
  expect(problems).toEqual([]);

  const [workflowId = ''] = Object.keys(tree.workflows);
  const { runId } = await client.runs.start({ projectId: sampleId, workflowId });
  expect(await ended(events, runId)).toMatchObject({ status: 'succeeded', trigger: 'manual' });
  const { events: journal } = await client.runs.get({ runId });
  const greeted = journal.find((event) => event.type === 'step.succeeded' && event.stepId === 'greet_c4r7');
  expect(greeted).toMatchObject({
    outputs: { main: { items: [{ json: { greeting: 'Hello, Sun! Your table is number 1.' } }, {}, {}, {}] } },
  });
  expect(await client.runs.list({ projectId: sampleId })).toMatchObject({ data: [{ id: runId, status: 'succeeded' }] });

  // From the last step on: what the run before recorded is taken, and says so; the code step does not run again.
  await client.documents.edit({
    projectId: sampleId,
    edits: [{ type: 'setVariable', environment: 'local', name: 'word', value: 'Welcome' }],
  });
  const fromGreet = { projectId: sampleId, workflowId, fromStepId: 'greet_c4r7', basedOn: runId };
  const part = await client.runs.start(fromGreet);
  expect(await ended(events, part.runId)).toMatchObject({ status: 'succeeded', retryOf: runId });
  const partial = (await client.runs.get({ runId: part.runId })).events;
  expect(JSON.stringify(partial)).toContain('Welcome, Mercury!');
  const sourceOf = (stepId: string) =>
    partial.find((event) => event.type === 'step.succeeded' && event.stepId === stepId)?.source;
  expect([sourceOf('guests_w8p3'), sourceOf('greet_c4r7')]).toEqual([runId, undefined]);

  // Once the code step is changed, what it gave before does not hold any more.
  const code = 'throw new Error("It ran again.")';
  await client.documents.edit({
    projectId: sampleId,
    edits: [{ type: 'setConfig', workflowId, stepId: 'guests_w8p3', path: ['code'], value: code }],
  });
  const changed = await client.runs.start(fromGreet);
  expect(await ended(events, changed.runId)).toMatchObject({ status: 'failed', error: { stepId: 'guests_w8p3' } });

  // The run that failed goes on on the newest version, once that is right again.
  await client.documents.edit({
    projectId: sampleId,
    edits: [
      {
        type: 'setConfig',
        workflowId,
        stepId: 'guests_w8p3',
        path: ['code'],
        value: 'return [{ name: "Venus", table: 1 }]',
      },
    ],
  });
  const again = await client.runs.retry({ runId: changed.runId, from: 'failed', version: 'latest' });
  expect(await ended(events, again.runId)).toMatchObject({ status: 'succeeded', retryOf: changed.runId });

  // Of many, each says for itself what became of it.
  const unknown = '0199f2c4-6a02-7c11-8b7e-00000000000a';
  const many = await client.runs.retryMany({ runIds: [changed.runId, again.runId, unknown], version: 'latest' });
  const [first] = many.results;
  expect(await ended(events, first?.retry ?? '')).toMatchObject({ status: 'succeeded', retryOf: changed.runId });
  expect(many.results.slice(1)).toMatchObject([
    { runId: again.runId, error: { code: 'request.invalid', message: expect.stringContaining('succeeded') } },
    { runId: unknown, error: { code: 'run.not_found' } },
  ]);

  // With a pin, what was recorded does not matter.
  await client.documents.setPin({
    projectId: sampleId,
    workflowId,
    stepId: 'guests_w8p3',
    items: [{ json: { name: 'Mars', table: 9 } }],
  });
  const pinned = await client.runs.start({
    projectId: sampleId,
    workflowId,
    fromStepId: 'greet_c4r7',
    stopAfterStepId: 'greet_c4r7',
  });
  expect(await ended(events, pinned.runId)).toMatchObject({ status: 'succeeded' });
  expect(JSON.stringify((await client.runs.get({ runId: pinned.runId })).events)).toContain(
    'Welcome, Mars! Your table is number 9.',
  );
});

test('a part of a workflow of which nothing is known says what to do', async () => {
  const { host, client } = start();
  const projectId = (await host.makeSample()) ?? '';
  const { tree } = await client.projects.open({ projectId });
  const [workflowId = ''] = Object.keys(tree.workflows);
  await expect(client.runs.start({ projectId, workflowId, fromStepId: 'greet_c4r7' })).rejects.toMatchObject({
    code: 'request.invalid',
    advice: expect.stringContaining('pin items'),
  });
});

test('a folder from elsewhere can be opened and edited, and runs only once it is trusted', {
  timeout: 300_000,
}, async () => {
  const { client, events } = start();
  const dir = join(place(), 'theirs');
  await createFromTemplate({ dir, name: 'Theirs', template: 'hello' }, { uuid });
  const { id: projectId, trusted } = await client.projects.openFolder({ dir });
  expect(trusted).toBe(false);
  const { tree } = await client.projects.open({ projectId });
  const [workflowId = ''] = Object.keys(tree.workflows);
  await client.documents.edit({ projectId, edits: [{ type: 'renameProject', name: 'Ours' }] });
  await expect(client.runs.start({ projectId, workflowId })).rejects.toMatchObject({ code: 'project.not_trusted' });
  expect(runnersOfThisProcess()).toEqual([]);
  expect(await client.runs.list({ projectId })).toEqual({ data: [] });

  expect(await client.projects.trust({ projectId })).toMatchObject({ trusted: true, name: 'Ours' });
  const { runId } = await client.runs.start({ projectId, workflowId });
  expect(await ended(events, runId)).toMatchObject({ status: 'succeeded' });
  if (process.platform === 'linux') expect(runnersOfThisProcess()).toHaveLength(1);
});

test('a workflow with an error does not run and says where it is', async () => {
  const { host, client } = start();
  const projectId = (await host.makeSample()) ?? '';
  const { tree } = await client.projects.open({ projectId });
  const [workflowId = ''] = Object.keys(tree.workflows);
  await client.documents.edit({
    projectId,
    edits: [{ type: 'setConfig', workflowId, stepId: 'greet_c4r7', path: ['fields', 'letters'], value: '=$json.(' }],
  });
  await expect(client.runs.start({ projectId, workflowId })).rejects.toMatchObject({
    code: 'workflow.invalid',
    message: expect.stringMatching(/^workflows\/hello\.yaml:\d+: /),
    details: { stepId: 'greet_c4r7' },
  });
});

test('every change is told to whoever listens, with what it did', async () => {
  const { host, client, events } = start();
  const projectId = (await host.makeSample()) ?? '';
  await client.documents.edit({
    projectId,
    edits: [{ type: 'setVariable', environment: 'local', name: 'word', value: 'Hi' }],
  });
  expect(events).toMatchObject([
    {
      type: 'project.changed',
      origin: 'canvas',
      revision: 1,
      ops: [{ op: 'set', path: ['environments', 'local', 'vars', 'word'], value: 'Hi' }],
    },
  ]);
});

test('after a restart everything is where it was', async () => {
  const first = start();
  const projectId = (await first.host.makeSample()) ?? '';
  await first.client.documents.edit({ projectId, edits: [{ type: 'renameProject', name: 'Renamed' }] });
  await first.client.host.setPreferences({ theme: 'dark', layout: {} });
  await first.host.close();
  const second = start(first.dataDir);
  expect(await second.client.projects.list({})).toMatchObject([{ id: projectId, name: 'Renamed', trusted: true }]);
  expect(await second.client.host.preferences({})).toMatchObject({ theme: 'dark' });
  expect((await second.client.projects.open({ projectId })).tree.project.name).toBe('Renamed');
});

test('two hosts on one project: the second is told who has it', async () => {
  const first = start();
  const projectId = (await first.host.makeSample()) ?? '';
  await first.client.projects.open({ projectId });
  const [info] = await first.client.projects.list({});
  const second = start();
  await second.client.projects.openFolder({ dir: info?.dir ?? '' });
  await expect(second.client.projects.open({ projectId })).rejects.toMatchObject({ code: 'project.locked' });
});

test('a copy of a project that is still there is refused with what to do', async () => {
  const { host, client } = start();
  const projectId = (await host.makeSample()) ?? '';
  const [info] = await client.projects.list({});
  const copy = join(place(), 'copy');
  mkdirSync(copy);
  writeFileSync(join(copy, 'sluice.yaml'), readFileSync(join(info?.dir ?? '', 'sluice.yaml')));
  await expect(client.projects.openFolder({ dir: copy })).rejects.toMatchObject({
    code: 'project.exists',
    details: { id: projectId },
  });
});

test('a secret goes in and never comes out, and nothing of it is in a file', async () => {
  const { client, dataDir } = start();
  const { id: projectId, dir } = await client.projects.create({ name: 'Triage', template: 'issue-triage' });
  await client.connections.set({
    projectId,
    name: 'tracker',
    connector: 'http',
    where: 'local',
    secret: { kind: 'bearer', token: 'very-secret-token' },
    hosts: ['tracker.example'],
  });
  const listed = await client.connections.list({ projectId });
  expect(listed).toContainEqual({
    name: 'tracker',
    connector: 'http',
    hosts: ['tracker.example'],
    local: true,
    hosted: false,
  });
  expect(listed).toContainEqual(expect.objectContaining({ name: 'github-hook', local: false }));
  for (const folder of [dataDir, dir]) {
    for (const name of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (name.isFile())
        expect(readFileSync(join(name.parentPath, name.name)).includes('very-secret-token')).toBe(false);
    }
  }
  await expect(
    client.connections.set({
      projectId,
      name: 'tracker',
      connector: 'http',
      where: 'local',
      secret: { nonsense: 1 },
      hosts: [],
    }),
  ).rejects.toMatchObject({ code: 'config.invalid' });
});

test('without a control plane the local work goes on and the rest says what is missing', async () => {
  const { host, client } = start();
  const projectId = (await host.makeSample()) ?? '';
  expect(await client.account.state({})).toMatchObject({ status: 'signed_out' });
  await expect(client.sync.now({ projectId })).rejects.toMatchObject({
    code: 'access.unauthenticated',
    advice: expect.stringContaining('sluice cloud'),
  });
});

test('only https and the control plane are opened in the system’s browser', async () => {
  const opened: string[] = [];
  const { client } = start(place(), {
    kind: 'electron',
    keychain: true,
    openExternal: async (url) => void opened.push(url),
  });
  await client.host.openExternal({ url: 'https://example.com/' });
  await client.host.openExternal({ url: 'http://127.0.0.1:4400/sign-in' });
  for (const url of ['http://example.com/', 'file:///etc/passwd', 'javascript:alert(1)', 'http://127.0.0.1:4401/']) {
    await expect(client.host.openExternal({ url })).rejects.toMatchObject({ code: 'access.denied' });
  }
  expect(opened).toEqual(['https://example.com/', 'http://127.0.0.1:4400/sign-in']);
});

test('what is not in the contract is refused', async () => {
  const { host } = start();
  await expect(host.call('projects.destroy', {})).rejects.toMatchObject({ code: 'request.not_found' });
  await expect(host.call('constructor.constructor', {})).rejects.toMatchObject({ code: 'request.not_found' });
  await expect(host.call('projects.list', { extra: 1 })).rejects.toMatchObject({ code: 'request.invalid' });
});
