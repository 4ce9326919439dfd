import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { type Client, createClient } from '#shared/contract/contract.ts';
import { type HostApi, type HostEvent, hostApi } from '#shared/contract/hostApi.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { cloudKey } from '../../electron/account/cloudKey.ts';
import { memorySecrets } from '../../electron/host/localSecrets.ts';
import { startHost } from '../../electron/host/startHost.ts';
import { connectCloud } from '../../electron/sync/connectCloud.ts';
import { memoryStore } from '../../electron/vault/secretStore.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../fixtures/cloud.ts';
import { openLine } from '../fixtures/line.ts';

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

/** A desktop with a sign-in of its own. */
async function desktop(url = cloud.url) {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-desk-'));
  folders.push(dataDir);
  const { email, password } = person;
  const tokens = await send<{ refreshToken: string }>(cloud.url, 'POST', '/v1/auth/sign-in', { email, password });
  const vault = memoryStore();
  await vault.set('account', cloudKey(url), tokens.body.refreshToken);
  const services = connectCloud({ cloudUrl: url, dataDir, vault, version: '0.1.0', settleMs: 20, retryMs: 100 });
  const host = startHost({
    places: { dataDir, projectsDir: join(dataDir, 'projects'), checkout: undefined },
    cloud: services,
    secrets: memorySecrets(),
    shell: { kind: 'browser', keychain: false },
    program: 'The test',
    version: '0.1.0',
  });
  onTestFinished(() => host.close());
  const client: Client<HostApi> = createClient(hostApi, host.call);
  const events: HostEvent[] = [];
  host.subscribe((event) => events.push(event));
  await vi.waitFor(async () => expect(await client.account.state({})).toMatchObject({ status: 'signed_in' }), {
    timeout: 60_000,
  });
  const tree = async (projectId: string) => (await client.projects.open({ projectId })).tree;
  return { client, events, dataDir, tree };
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
