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

let cloud: TestCloud;
let person: Person;
const folders: string[] = [];

beforeAll(async () => {
  cloud = await startTestCloud({}, allCapabilities);
  person = await cloud.newPerson('Robin');
}, 120_000);
afterAll(async () => {
  await cloud?.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A desktop with a sign-in of its own. */
async function desktop() {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-desk-'));
  folders.push(dataDir);
  const { email, password } = person;
  const tokens = await send<{ refreshToken: string }>(cloud.url, 'POST', '/v1/auth/sign-in', { email, password });
  const vault = memoryStore();
  await vault.set('account', cloudKey(cloud.url), tokens.body.refreshToken);
  const services = connectCloud({ cloudUrl: cloud.url, dataDir, vault, version: '0.1.0', settleMs: 20 });
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
    timeout: 10_000,
  });
  const tree = async (projectId: string) => (await client.projects.open({ projectId })).tree;
  return { client, events, dataDir, tree };
}

test('two desktops and the real control plane: edits arrive by the feed, and a deployment is followed', {
  timeout: 120_000,
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
    { timeout: 30_000, interval: 100 },
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
