import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commitOf } from '#shared/merge/ops.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Person, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { step, treeOf, workflowIdOf } from '../../tests/fixtures/control.ts';
import { allCapabilities } from '../server/capabilities.ts';
import { installationOf } from './containers.ts';
import { findEngine } from './docker/engine.ts';

// The built runtime package in each kind of container: `npm run build` comes first.
const engine = await findEngine(2_000);

for (const kind of ['process', 'docker'] as const) {
  describe.skipIf(kind === 'docker' && !engine)(
    `a workflow that is published to a ${kind} container${kind === 'docker' ? ' (needs a Docker engine)' : ''}`,
    () => {
      let cloud: TestCloud;
      let owner: Person;
      let projectId: string;
      const received: { path: string; body: string }[] = [];
      const receiver = http.createServer((request, response) => {
        let body = '';
        request.on('data', (chunk) => {
          body += chunk;
        });
        request.on('end', () => {
          received.push({ path: request.url ?? '', body });
          response.setHeader('content-type', 'application/json');
          response.end('{"ok":true}');
        });
      });
      let port: number;

      beforeAll(async () => {
        await new Promise<void>((resolve) => {
          receiver.listen(0, '127.0.0.1', () => resolve());
        });
        ({ port } = receiver.address() as AddressInfo);
        cloud = await startTestCloud(
          { CONTAINER_DRIVER: kind, EGRESS_ALLOW_PRIVATE: `127.0.0.1:${port}` },
          allCapabilities,
        );
        owner = await cloud.newPerson();
        projectId = uuidv7();
      });

      afterAll(async () => {
        await cloud?.stop();
        receiver.close();
        if (kind === 'docker') await removeVolumes();
      });

      test('it runs its code in the sandbox, and its request leaves through the proxy', async () => {
        await publish(
          treeOf(
            projectId,
            {
              start: step('trigger.manual'),
              code: step('code.javascript', { code: 'return [{ json: { sum: items[0].json.a + items[0].json.b } }];' }),
              post: step('http.request', {
                method: 'POST',
                url: `http://127.0.0.1:${port}/sum`,
                body: { sum: '=$json.sum' },
                idempotencyHeader: 'Idempotency-Key',
              }),
            },
            { edges: ['start.main->code.main', 'code.main->post.main'] },
          ),
        );
        expect((await owner.call('GET', '/v1/container')).body).toMatchObject({ status: 'running', driver: kind });
        const run = await start({ a: 2, b: 3 });
        expect(await ended(run)).toMatchObject({ status: 'succeeded' });
        expect(received).toContainEqual({ path: '/sum', body: '{"sum":5}' });
      });

      test('what is not listed is refused by the proxy, and the refusal is in the log', async () => {
        await publish(
          treeOf(
            projectId,
            {
              start: step('trigger.manual'),
              get: step(
                'http.request',
                { url: 'http://169.254.169.254/latest/meta-data' },
                { retry: { count: 0, delayMs: 0, backoff: 'fixed' } },
              ),
            },
            { edges: ['start.main->get.main'] },
          ),
        );
        expect(await ended(await start({}))).toMatchObject({ status: 'failed' });
        await expect
          .poll(
            () => cloud.log.filter((line) => line.includes('may not reach') && line.includes('169.254.169.254')).length,
          )
          .toBeGreaterThan(0);
      });

      test('every run that was accepted was counted, and each step once', async () => {
        const { meters } = (
          await owner.call<{ meters: { meter: string; period: string; used: number; reserved: number }[] }>(
            'GET',
            '/v1/usage',
          )
        ).body;
        const of = (meter: string) => meters.find((one) => one.meter === meter && one.period === 'month');
        expect(of('workflow.runs')).toMatchObject({ used: 2, reserved: 0 });
        expect(of('workflow.steps')?.used).toBe(3); // a trigger is no step run
      });

      async function publish(tree: Tree): Promise<void> {
        const made = await owner.call('POST', '/v1/projects', { id: projectId, name: tree.project.name });
        expect([200, 409]).toContain(made.status);
        const head = (await owner.call<{ revision: number; tree: Tree }>('GET', `/v1/projects/${projectId}/head`)).body;
        const about = {
          commitId: uuidv7(),
          deviceId: uuidv7(),
          baseRevision: head.revision,
          origin: 'canvas' as const,
        };
        const { revision } = await ok<{ revision: number }>('POST', `/v1/projects/${projectId}/commits`, {
          commit: commitOf(head.tree, tree, about),
        });
        const version = await ok<{ id: string }>('POST', `/v1/projects/${projectId}/versions`, {
          expectedRevision: revision,
        });
        const [environment] = await ok<{ id: string }[]>('GET', `/v1/projects/${projectId}/environments`);
        const deployment = await ok<{ id: string }>('POST', `/v1/projects/${projectId}/deployments`, {
          environmentId: environment?.id,
          versionId: version.id,
        });
        const state = () =>
          ok<{ status: string; error?: string }>('GET', `/v1/projects/${projectId}/deployments/${deployment.id}`);
        await expect
          .poll(async () => ['active', 'failed'].includes((await state()).status), { timeout: 120_000 })
          .toBe(true);
        expect(await state()).toMatchObject({ status: 'active' });
      }

      async function start(json: object): Promise<string> {
        const input = { environment: 'production', workflowId: workflowIdOf(projectId), items: [{ json }] };
        return (await ok<{ id: string }>('POST', `/v1/projects/${projectId}/runs`, input)).id;
      }

      async function ended(runId: string): Promise<unknown> {
        const state = () => ok<{ status: string }>('GET', `/v1/runs/${runId}`);
        await expect
          .poll(async () => (await state()).status, { timeout: 120_000 })
          .toMatch(/succeeded|failed|cancelled|timed_out/);
        return state();
      }

      async function ok<T>(method: string, path: string, body?: unknown): Promise<T> {
        const answer = await owner.call<T>(method, path, body);
        expect(answer, `${method} ${path} ${JSON.stringify(answer.body)}`).toMatchObject({ status: 200 });
        return answer.body;
      }

      async function removeVolumes(): Promise<void> {
        const filters = JSON.stringify({ label: [`sluice.installation=${installationOf(cloud.dataDir)}`] });
        expect(await engine?.listContainers({ all: true, filters })).toEqual([]);
        expect(await engine?.listNetworks({ filters })).toEqual([]);
        const kept = (await engine?.listVolumes({ filters }))?.Volumes ?? [];
        expect(kept).toHaveLength(1); // the workspace's data outlive everything
        for (const { Name } of kept) await engine?.getVolume(Name).remove();
      }
    },
  );
}
