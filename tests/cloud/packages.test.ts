import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { createClient } from '#shared/contract/contract.ts';
import { hostApi } from '#shared/contract/hostApi.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { cloudKey } from '../../electron/account/cloudKey.ts';
import { memorySecrets } from '../../electron/host/localSecrets.ts';
import { startHost } from '../../electron/host/startHost.ts';
import { install, scoreProject } from '../../electron/packages/project.fixture.ts';
import { connectCloud } from '../../electron/sync/connectCloud.ts';
import { memoryStore } from '../../electron/vault/secretStore.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../fixtures/cloud.ts';

let cloud: TestCloud;
let person: Person;
beforeAll(async () => {
  cloud = await startTestCloud({}, allCapabilities);
  person = await cloud.newPerson('Robin');
  // One person with many desktops.
  await cloud.database.ownerSql("update workspace set plan = 'enterprise' where id = $1", [person.workspaceId]);
}, 300_000);
afterAll(() => cloud?.stop());

async function desktop() {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-packages-'));
  const { email, password } = person;
  const tokens = await send<{ refreshToken: string }>(cloud.url, 'POST', '/v1/auth/sign-in', { email, password });
  const vault = memoryStore();
  await vault.set('account', cloudKey(cloud.url), tokens.body.refreshToken);
  const host = startHost({
    places: { dataDir, projectsDir: join(dataDir, 'projects'), checkout: undefined },
    cloud: connectCloud({ cloudUrl: cloud.url, dataDir, vault, version: '0.1.0', settleMs: 20 }),
    secrets: memorySecrets(),
    shell: { kind: 'browser', keychain: false },
    program: 'The test',
    version: '0.1.0',
  });
  onTestFinished(() => host.close());
  const client = createClient(hostApi, host.call);
  await vi.waitFor(async () => expect(await client.account.state({})).toMatchObject({ status: 'signed_in' }), {
    timeout: 60_000,
  });
  return client;
}

test('publishing packs and freezes what scripts import, and the hosted run executes those bytes', {
  timeout: 300_000,
}, async () => {
  const { dir, packages } = scoreProject();
  const client = await desktop();
  const { id: projectId } = await client.projects.openFolder({ dir });
  const { tree } = await client.projects.open({ projectId });
  await client.sync.bind({ projectId, workspaceId: person.workspaceId });

  const place = { projectId, environment: 'production' };
  const { checks } = await client.publish.preview(place);
  expect(checks).toContainEqual({
    title: 'The packages of the scripts cannot be packed',
    status: 'error',
    detail: expect.stringContaining('scripts/score.ts imports tiny'),
    advice: expect.stringContaining('npm install --ignore-scripts tiny'),
  });
  await expect(client.publish.start(place)).rejects.toMatchObject({ code: 'package.not_installed' });

  install(dir, packages);
  const preview = await client.publish.preview(place);
  expect(preview.checks.map(({ status }) => status)).not.toContain('error');
  expect(preview.changes).toContainEqual(expect.objectContaining({ kind: 'added', title: 'packages/npm.js' }));
  const deployment = await client.publish.start(place);
  const packed = readFileSync(join(dir, 'scripts/packages/npm.js'), 'utf8');
  const { body: frozen } = await person.call<{ scripts: Record<string, string> }>(
    'GET',
    `/v1/projects/${projectId}/versions/${deployment.versionId}/tree`,
  );
  expect(frozen.scripts['packages/npm.js']).toBe(packed);
  rmSync(join(dir, 'scripts/node_modules'), { recursive: true });

  await vi.waitFor(
    async () =>
      expect((await client.publish.deployments({ projectId, limit: 1 })).data).toMatchObject([{ status: 'active' }]),
    { timeout: 60_000, interval: 200 },
  );
  const [workflowId = ''] = Object.keys(tree.workflows);
  const asked = { environment: 'production', workflowId, items: [{ json: { n: 21 } }] };
  const { body: run } = await person.call<{ id: string }>('POST', `/v1/projects/${projectId}/runs`, asked);
  await vi.waitFor(
    async () => {
      const { run: seen, events } = await client.hosted.run({ projectId, runId: run.id });
      expect(seen).toMatchObject({ status: 'succeeded' });
      expect(JSON.stringify(events)).toContain('"said":"tiny says 42"');
    },
    { timeout: 60_000, interval: 200 },
  );
});
