import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { cloudKey } from '../../electron/account/cloudKey.ts';
import { memoryStore } from '../../electron/vault/secretStore.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../fixtures/cloud.ts';
import { openLine } from '../fixtures/line.ts';
import { startSyncHost } from '../fixtures/syncDesktop.ts';

let cloud: TestCloud;
let person: Person;
const folders: string[] = [];

beforeAll(async () => {
  cloud = await startTestCloud({}, allCapabilities);
  person = await cloud.newPerson('Robin');
  // One person with many desktops.
  await cloud.database.ownerSql("update workspace set plan = 'enterprise' where id = $1", [person.workspaceId]);
}, 300_000);
afterAll(async () => {
  await cloud?.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-desk-'));
  folders.push(dir);
  return dir;
}

/** A desktop with a sign-in of its own. @param dataDir an earlier one's, as after a restart */
async function desktop(url = cloud.url, dataDir = newFolder()) {
  const { email, password } = person;
  const tokens = await send<{ refreshToken: string }>(cloud.url, 'POST', '/v1/auth/sign-in', { email, password });
  const vault = memoryStore();
  await vault.set('account', cloudKey(url), tokens.body.refreshToken);
  const { host, client } = startSyncHost({ cloudUrl: url, dataDir, vault, settleMs: 20, retryMs: 100 });
  let open = true;
  const close = async () => {
    if (open) await host.close();
    open = false;
  };
  onTestFinished(close);
  const events: HostEvent[] = [];
  host.subscribe((event) => events.push(event));
  await vi.waitFor(async () => expect(await client.account.state({})).toMatchObject({ status: 'signed_in' }), {
    timeout: 60_000,
  });
  const tree = async (projectId: string) => (await client.projects.open({ projectId })).tree;
  return { client, events, dataDir, tree, close };
}

test('two desktops and the real control plane: edits arrive by the feed, and a deployment is followed', {
  timeout: 300_000,
}, async () => {
  const one = await desktop();
  const { id, dir } = await one.client.projects.create({ name: 'Greeting', template: 'hello' });
  await one.client.projects.open({ projectId: id });
  expect(await one.client.sync.bind({ projectId: id, workspaceId: person.workspaceId })).toMatchObject({
    state: 'synced',
  });

  const two = await desktop();
  const copy = join(two.dataDir, 'copy');
  cpSync(dir, copy, { recursive: true, filter: (path) => !path.includes('.sluice') });
  await two.client.projects.openFolder({ dir: copy });
  await two.client.projects.open({ projectId: id });
  await two.client.sync.bind({ projectId: id, workspaceId: person.workspaceId });

  // What hosted runs sign in with, the workspace tries from where they are, and not this computer.
  const entered = { projectId: id, where: 'hosted' as const, hosts: [new URL(cloud.url).host] };
  const secret = { kind: 'bearer', token: 'a token' };
  const fromThere = { ...entered, connector: 'http', secret, url: cloud.url };
  expect(await one.client.connections.test(fromThere)).toMatchObject({
    ok: false,
    message: expect.stringContaining('cannot be reached from here'),
  });
  expect(await one.client.connections.test({ ...fromThere, where: 'local' })).toMatchObject({ ok: true });
  const hook = { ...entered, connector: 'webhook', secret: { secret: 'long enough to be one' } };
  expect(await one.client.connections.test(hook)).toMatchObject({ ok: true });

  const edit = (on: typeof one, name: string) =>
    on.client.documents.edit({
      projectId: id,
      edits: [{ type: 'setVariable', environment: 'local', name, value: 'x' }],
    });
  for (let n = 0; n < 5; n++) await Promise.all([edit(one, `one${n}`), edit(two, `two${n}`)]);
  await vi.waitFor(
    async () => {
      const { body: head } = await person.call<{ hash: string }>('GET', `/v1/projects/${id}/head`);
      const [here, there] = [await one.tree(id), await two.tree(id)];
      expect(
        Object.keys(here.environments.local?.vars ?? {}).filter((name) => /^(one|two)\d$/.test(name)),
      ).toHaveLength(10);
      expect([merkleHash(here), merkleHash(there)]).toEqual([head.hash, head.hash]);
    },
    { timeout: 60_000, interval: 100 },
  );

  const deployment = await one.client.publish.start({ projectId: id, environment: 'production' });
  const statuses = (on: typeof one) =>
    on.events.flatMap((event) =>
      event.type === 'deployment.changed' && event.deployment.id === deployment.id ? event.deployment.status : [],
    );
  // The second desktop asked for nothing: only the feed can have told it.
  await vi.waitFor(() => expect([statuses(one).at(-1), statuses(two).at(-1)]).toEqual(['active', 'active']), {
    timeout: 60_000,
  });

  const [workflowId = ''] = Object.keys((await one.tree(id)).workflows);
  const { body: run } = await person.call<{ id: string }>('POST', `/v1/projects/${id}/runs`, {
    environment: 'production',
    workflowId,
  });
  await one.client.hosted.run({ projectId: id, runId: run.id });
  await vi.waitFor(
    () => {
      const seen = one.events.flatMap((event) =>
        event.type === 'run.event' && event.where === 'hosted' ? event.event : [],
      );
      expect(seen.at(-1)).toMatchObject({ runId: run.id, type: 'run.ended', status: 'succeeded' });
    },
    { timeout: 60_000, interval: 50 },
  );
  expect((await one.client.hosted.runs({ projectId: id })).data).toMatchObject([{ id: run.id, status: 'succeeded' }]);
});

test('two desktops edit one workflow offline: nothing is lost, the one clash is shown on both, and answered on one', {
  timeout: 300_000,
}, async () => {
  const line = await openLine(cloud.url);
  onTestFinished(line.close);
  const one = await desktop(line.url);
  const { id, dir } = await one.client.projects.create({ name: 'Offline', template: 'hello' });
  await one.client.projects.open({ projectId: id });
  await one.client.sync.bind({ projectId: id, workspaceId: person.workspaceId });
  const two = await desktop(line.url);
  const copy = join(two.dataDir, 'copy');
  cpSync(dir, copy, { recursive: true, filter: (path) => !path.includes('.sluice') });
  await two.client.projects.openFolder({ dir: copy });
  await two.client.projects.open({ projectId: id });
  await two.client.sync.bind({ projectId: id, workspaceId: person.workspaceId });
  const [workflowId = ''] = Object.keys((await one.tree(id)).workflows);
  const wait = { timeout: 60_000, interval: 50 };

  line.cut();
  const edit = (on: typeof one, word: string) =>
    on.client.documents.edit({
      projectId: id,
      edits: [
        { type: 'renameStep', workflowId, stepId: 'greet_c4r7', name: `Greet ${word}` },
        { type: 'addStep', workflowId, stepId: `step_${word}`, uses: 'items.set', name: word, position: [0, 0] },
        { type: 'setVariable', environment: 'local', name: word, value: word },
      ],
    });
  await Promise.all([edit(one, 'here'), edit(two, 'there')]);
  for (const { client } of [one, two]) {
    await vi.waitFor(async () => expect(await client.account.state({})).toMatchObject({ status: 'unreachable' }), wait);
  }
  line.mend();

  const open = (on: typeof one) => on.client.conflicts.list({ projectId: id });
  await vi.waitFor(async () => {
    for (const on of [one, two]) {
      expect(await open(on)).toMatchObject([{ kind: 'value', where: 'cloud', status: 'open' }]);
      const tree = await on.tree(id);
      expect(Object.keys(tree.workflows[workflowId]?.steps ?? {})).toEqual(
        expect.arrayContaining(['step_here', 'step_there']),
      );
      expect(tree.environments.local?.vars).toMatchObject({ here: 'here', there: 'there' });
    }
    expect(merkleHash(await one.tree(id))).toBe(merkleHash(await two.tree(id)));
  }, wait);
  const [[entry], [same]] = [await open(one), await open(two)];
  expect(same?.id).toBe(entry?.id);
  expect([entry?.theirs, entry?.ours].sort()).toEqual(['Greet here', 'Greet there']);
  const head = await person.call<{ revision: number }>('GET', `/v1/projects/${id}/head`);
  const expectedRevision = head.body.revision;
  const refused = await person.call<{ code: string }>('POST', `/v1/projects/${id}/versions`, { expectedRevision });
  expect(refused.body.code).toBe('project.conflicts_open');

  await two.client.conflicts.resolve({ projectId: id, conflictId: entry?.id ?? '', choice: 'ours' });
  const name = (tree: Awaited<ReturnType<typeof one.tree>>) => tree.workflows[workflowId]?.steps.greet_c4r7?.name;
  await vi.waitFor(async () => {
    for (const on of [one, two]) {
      expect(await open(on)).toEqual([]);
      expect(name(await on.tree(id))).toBe(entry?.ours);
      const [now] = (await on.client.projects.list({})).filter((project) => project.id === id);
      expect(now?.sync).toMatchObject({ state: 'synced' });
    }
  }, wait);
  const resolved = await one.client.conflicts.list({ projectId: id, status: 'resolved' });
  expect(resolved).toMatchObject([{ id: entry?.id, resolution: 'ours', resolvedBy: 'Robin' }]);
  const { data } = await one.client.history.list({ projectId: id });
  expect(data[0]).toMatchObject({ where: 'cloud', origin: 'merge', authorName: 'Robin' });
  const { body: taken } = await person.call<{ id: string }>('POST', `/v1/projects/${id}/versions`, {
    expectedRevision: data[0]?.revision,
  });
  expect(taken.id).toBeDefined();

  await one.client.presence.tell({ projectId: id, workflowId, selection: ['greet_c4r7'], cursor: [3, 4] });
  await vi.waitFor(() => {
    const seen = two.events.findLast((event) => event.type === 'presence.changed');
    expect(seen).toMatchObject({
      projectId: id,
      people: [{ name: 'Robin', selection: ['greet_c4r7'], cursor: [3, 4] }],
    });
  }, wait);
});

test('a desktop whose sign-in is ended elsewhere hears so by itself, sends and receives nothing more, works on, and loses nothing', {
  timeout: 300_000,
}, async () => {
  const wait = { timeout: 60_000, interval: 50 };
  const sessions = async () => (await person.call<{ id: string }[]>('GET', '/v1/sessions')).body.map(({ id }) => id);
  const before = await sessions();
  const one = await desktop();
  const [sessionId, ...more] = (await sessions()).filter((id) => !before.includes(id));
  expect(more).toEqual([]);
  const { id, dir } = await one.client.projects.create({ name: 'Revoked', template: 'hello' });
  await one.client.projects.open({ projectId: id });
  await one.client.sync.bind({ projectId: id, workspaceId: person.workspaceId });
  const two = await desktop();
  await two.client.sync.clone({ workspaceId: person.workspaceId, projectId: id });
  const edit = (on: typeof one, name: string) =>
    on.client.documents.edit({
      projectId: id,
      edits: [{ type: 'setVariable', environment: 'local', name, value: 'x' }],
    });
  const vars = async (on: typeof one) => Object.keys((await on.tree(id)).environments.local?.vars ?? {});
  const inCloud = async () => (await person.call<{ hash: string; tree: Tree }>('GET', `/v1/projects/${id}/head`)).body;
  const varsInCloud = async () => Object.keys((await inCloud()).tree.environments.local?.vars ?? {});
  const stateOn = async (on: typeof one) =>
    (await on.client.projects.list({})).find((project) => project.id === id)?.sync;
  await edit(one, 'early');
  await vi.waitFor(async () => expect(await vars(two)).toContain('early'), wait);
  await edit(two, 'back');
  await vi.waitFor(async () => expect(await vars(one)).toContain('back'), wait);
  await vi.waitFor(async () => expect(await stateOn(one)).toMatchObject({ state: 'synced' }), wait);

  expect((await person.call('DELETE', `/v1/sessions/${sessionId}`)).status).toBe(200);
  // Nobody asks for anything here: it is told.
  const told = () =>
    one.events.findIndex((event) => event.type === 'project.sync' && event.sync.state === 'needs_sign_in');
  await vi.waitFor(() => expect(told()).toBeGreaterThan(-1), wait);
  expect(await one.client.account.state({})).toMatchObject({ status: 'expired' });

  await edit(one, 'mine');
  await edit(two, 'theirs');
  await vi.waitFor(async () => expect(await varsInCloud()).toContain('theirs'), wait);
  await vi.waitFor(async () => expect(await stateOn(two)).toMatchObject({ state: 'synced' }), wait);
  await expect(one.client.sync.now({ projectId: id })).rejects.toMatchObject({ code: 'session.expired' });
  await expect(one.client.publish.start({ projectId: id, environment: 'production' })).rejects.toMatchObject({
    code: 'session.expired',
  });
  await vi.waitFor(() => expect(readFileSync(join(dir, 'environments', 'local.yaml'), 'utf8')).toContain('mine'), wait);
  const [workflowId = ''] = Object.keys((await one.tree(id)).workflows);
  const { runId } = await one.client.runs.start({ projectId: id, workflowId });
  await vi.waitFor(
    async () => expect((await one.client.runs.get({ runId })).run).toMatchObject({ status: 'succeeded' }),
    wait,
  );
  expect(await stateOn(one)).toMatchObject({ state: 'needs_sign_in', pending: 1 });
  expect([await vars(one), await varsInCloud()]).toEqual([
    expect.not.arrayContaining(['theirs']),
    expect.not.arrayContaining(['mine']),
  ]);
  const since = one.events.slice(told());
  expect(since.filter((event) => event.type === 'project.changed' && event.origin === 'sync')).toEqual([]);
  expect(since.some((event) => event.type === 'project.changed' && event.origin === 'canvas')).toBe(true);

  // The next sign-in takes all of it up again.
  await one.close();
  const again = await desktop(cloud.url, one.dataDir);
  await again.client.projects.open({ projectId: id });
  await vi.waitFor(async () => {
    const head = await inCloud();
    expect([merkleHash(await again.tree(id)), merkleHash(await two.tree(id))]).toEqual([head.hash, head.hash]);
    expect(Object.keys(head.tree.environments.local?.vars ?? {})).toEqual(
      expect.arrayContaining(['early', 'back', 'mine', 'theirs']),
    );
  }, wait);
  await vi.waitFor(async () => expect(await stateOn(again)).toMatchObject({ state: 'synced', pending: 0 }), wait);
});
