import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as newId } from 'uuid';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Deployment, RunSummary, Version } from '#shared/contract/cloud/common.ts';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { HttpCall } from '#shared/contract/contract.ts';
import { commitOf } from '#shared/merge/ops.ts';
import type { RunEvent } from '#shared/run/events.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { startCloud } from '../../cloud/main.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { type Person, send, startTestCloud } from '../fixtures/cloud.ts';
import { step, treeOf, workflowIdOf } from '../fixtures/control.ts';
import { freePort } from '../fixtures/freePort.ts';
import { findOwnPostgres, type OwnPostgres, startOwnPostgres } from '../fixtures/ownPostgres.ts';

const programs = findOwnPostgres();
const SECRET = 'canary-of-the-tracker-5f02';
const KEY = 'a1'.repeat(32);
const PASSWORD = 'of the owner';
const page = readFileSync(new URL('../../docs/self-hosting.md', import.meta.url), 'utf8');

/** The commands that the page tells, from the one block that has this one. */
function told(language: string, command: string): string {
  const blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```/gms)].filter(
    ([, of, text]) => of === language && text?.includes(command),
  );
  if (blocks.length !== 1) throw new Error(`${blocks.length} blocks of the page tell ${command}.`);
  return blocks[0]?.[2] ?? '';
}

function run(server: OwnPostgres, cwd: string, commands: string): void {
  execFileSync('sh', ['-e', '-c', commands], { cwd, env: { ...process.env, ...server.env }, stdio: 'pipe' });
}

/** A service that wants the token, and answers with more than a journal takes. */
async function startTracker() {
  const seen: string[] = [];
  const server = createServer((req, res) => {
    if (req.headers.authorization !== `Bearer ${SECRET}`) return void res.writeHead(401).end();
    seen.push(req.url ?? '');
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ text: 'x'.repeat(900_000) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { seen, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Signs in, fetches much, keeps something, waits for a person; then it needs all of that again. */
function refundTree(projectId: string, host: string): Tree {
  const fetchIt = (path: string) =>
    step('http.request', { method: 'GET', url: `http://${host}${path}` }, { connection: 'tracker', mode: 'each' });
  const steps = {
    start: step('trigger.manual'),
    fetch: fetchIt('/before'),
    keep: step('kv.set', { key: 'k', value: 'kept before the backup' }, { mode: 'each' }),
    ask: step('flow.approval', { message: 'Go on?' }),
    again: fetchIt('/after'),
    recall: step('kv.get', { key: 'k', as: 'kept' }, { mode: 'each' }),
    tell: step(
      'items.set',
      {
        fields: { kept: '=$json.kept', lengths: "=$('fetch').all().map(i => i.json.body.text.length)" },
        keepOthers: false,
      },
      { mode: 'each' },
    ),
  };
  const names = Object.keys(steps);
  const edges = names
    .slice(1)
    .map((name, n) => `${names[n]}.${names[n] === 'ask' ? 'approved' : 'main'}->${name}.main`);
  return treeOf(projectId, steps, { edges, connections: { tracker: { connector: 'http' } }, name: 'Refund' });
}

/** What some of them have to be asked for. */
const ASKED: Record<string, string> = {
  find: '?q=refund',
  suggest: '?q=refund',
  commits: '?since=0',
};

const MOVES = new Set(['lastSeenAt', 'lastUsedAt', 'sealedTo']);
const still = (body: unknown): unknown =>
  JSON.parse(JSON.stringify(body ?? null), (key, value) => (MOVES.has(key) ? undefined : value));

/** What each call that reads answers to somebody, but for what moves by itself, and for tapes, whose reading is an entry of the audit log. */
async function lookAround(url: string, person: Person, ids: Record<string, string>) {
  const answers: Record<string, unknown> = {};
  for (const [group, calls] of Object.entries(cloudApi)) {
    for (const [name, call] of Object.entries(calls as Record<string, HttpCall>)) {
      const [method, path = ''] = call.route.split(' ');
      if (
        method !== 'GET' ||
        call.access === 'public' ||
        call.access === 'token' ||
        group === 'containers' ||
        name === 'tape'
      )
        continue;
      const filled = path.replaceAll(/:(\w+)/g, (_, id: string) => ids[id] ?? id);
      const { status, body } = await send(url, 'GET', `${filled}${ASKED[name] ?? ''}`, undefined, {
        authorization: `Bearer ${person.accessToken}`,
        'sluice-workspace': person.workspaceId,
      });
      answers[`${group}.${name}`] = { status, body: still(body) };
    }
  }
  return answers;
}

test.skipIf(!programs)(
  'a backup taken as the documentation tells, while runs wait, is a whole control plane again elsewhere (needs a Postgres with its programs)',
  async () => {
    const place = mkdtempSync(join(tmpdir(), 'sluice-restore-'));
    onTestFinished(() => rmSync(place, { recursive: true, force: true, maxRetries: 5 }));
    const servers = await Promise.all([startOwnPostgres(programs ?? ''), startOwnPostgres(programs ?? '')]);
    const [first, second] = servers;
    onTestFinished(async () => {
      for (const server of servers) await server.stop();
    });
    const addressOf = ({ host, port }: OwnPostgres) =>
      `postgres://sluice_owner:${encodeURIComponent(PASSWORD)}@${host}:${port}/sluice`;
    const tracker = await startTracker();
    const settings = {
      SLUICE_MASTER_KEY: KEY,
      PORT: String(await freePort()),
      EGRESS_ALLOW_PRIVATE: tracker.host,
    };

    // A control plane as it is set up, with two people who work.
    for (const line of told('sql', 'CREATE ROLE sluice_owner').replace("'…'", `'${PASSWORD}'`).split(';\n'))
      if (line.trim()) execFileSync('psql', ['--quiet', '--command', line], { env: { ...process.env, ...first.env } });
    const before = await startTestCloud({ ...settings, DATABASE_URL: addressOf(first) }, allCapabilities);
    let stopped = false;
    const stopBefore = async () => {
      if (!stopped) await before.stop();
      stopped = true;
    };
    onTestFinished(stopBefore);
    const robin = await before.newPerson('Robin');
    const kim = await before.newPerson('Kim');
    const works = await Promise.all([robin, kim].map((person) => setUpWork(person, tracker.host)));
    expect(tracker.seen.sort()).toEqual(['/before', '/before', '/before', '/before']);
    // The chains of the audit log are signed a while after something stands in them.
    for (const person of [robin, kim])
      await vi.waitFor(
        async () =>
          expect((await person.call('GET', '/v1/audit/verify')).body).toMatchObject({ sealedTo: expect.any(Number) }),
        { timeout: 120_000, interval: 500 },
      );
    const known = await Promise.all([robin, kim].map((person, n) => lookAround(before.url, person, works[n] ?? {})));
    for (const answers of known) {
      expect(Object.keys(answers).length).toBeGreaterThan(30);
      const failed = Object.entries(answers).filter(([, answer]) => (answer as { status: number }).status !== 200);
      expect(failed).toEqual([]);
      expect(answers['audit.verify']).toMatchObject({ body: { intact: true } });
    }

    // The backup, while it works; what comes later is not in it.
    run(first, place, told('sh', 'pg_dump '));
    await robin.call('POST', '/v1/projects', { id: newId(), name: 'Later' });
    const data = join(place, 'data');
    cpSync(before.dataDir, data, { recursive: true });
    expect(readdirSync(join(data, 'blobs'))).not.toEqual([]);
    await stopBefore();

    run(second, place, told('sh', 'pg_restore '));
    const restored = { ...settings, DATABASE_URL: addressOf(second), SLUICE_DATA: data, CONTAINER_DRIVER: 'process' };
    // With another key it does not start, and spoils nothing for the right one.
    await expect(
      startCloud({ ...restored, SLUICE_MASTER_KEY: 'b2'.repeat(32), LOG_LEVEL: 'error' }),
    ).rejects.toMatchObject({
      code: 'config.invalid',
      message: 'This database was set up with another master key.',
    });
    const after = await startCloud({ ...restored, LOG_LEVEL: 'error' });
    onTestFinished(after.stop);
    expect(after.url).toBe(before.url);

    for (const [n, person] of [robin, kim].entries()) {
      const ids = works[n] ?? {};
      const answers = await lookAround(after.url, person, ids);
      for (const [name, answer] of Object.entries(known[n] ?? {}))
        expect({ [name]: answers[name] }).toEqual({ [name]: answer });

      // The run that waited goes on: what it had fetched, what was kept and its secret are there.
      expect(
        await person.call('POST', `/v1/runs/${ids.runId}/resume`, { stepId: 'ask', input: { approved: true } }),
      ).toMatchObject({
        status: 200,
      });
      await ended(person, ids.runId ?? '', 'succeeded');
      const { events } = (await person.call<{ events: RunEvent[] }>('GET', `/v1/runs/${ids.runId}/events`)).body;
      const told = events.findLast((event) => event.type === 'step.succeeded' && event.stepId === 'tell');
      expect(told).toMatchObject({
        outputs: { main: { items: [{ json: { kept: 'kept before the backup', lengths: [900_000, 900_000] } }, {}] } },
      });
      expect((await person.call('GET', `/v1/runs/${ids.runId}/tape`)).status).toBe(200);
      expect((await person.call('GET', '/v1/audit/verify')).body).toMatchObject({ intact: true });
    }
    expect(tracker.seen.filter((path) => path === '/after')).toHaveLength(4);
    expect(tracker.seen.filter((path) => path === '/before')).toHaveLength(4);
  },
);

/** A project with a version in production, a connection, and a run of it that waits. */
async function setUpWork(person: Person, host: string): Promise<Record<string, string>> {
  const projectId = newId();
  const workflowId = workflowIdOf(projectId);
  const done = async <T>(method: string, path: string, body: object) => {
    const answer = await person.call<T>(method, path, body);
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    return answer.body;
  };
  await done('PUT', '/v1/connections/tracker', {
    ...{ connector: 'http', hosts: [host] },
    secret: { kind: 'bearer', token: SECRET },
  });
  await done('POST', '/v1/projects', { id: projectId, name: 'Refunds' });
  const { tree } = (await person.call<{ tree: Tree }>('GET', `/v1/projects/${projectId}/head`)).body;
  const about = { commitId: newId(), deviceId: newId(), baseRevision: 0, origin: 'import' as const };
  await done('POST', `/v1/projects/${projectId}/commits`, {
    commit: commitOf(tree, refundTree(projectId, host), about),
  });
  const version = await done<Version>('POST', `/v1/projects/${projectId}/versions`, { expectedRevision: 1 });
  const [environment] = (await person.call<{ id: string }[]>('GET', `/v1/projects/${projectId}/environments`)).body;
  const { id: deploymentId } = await done<Deployment>('POST', `/v1/projects/${projectId}/deployments`, {
    ...{ versionId: version.id, environmentId: environment?.id },
  });
  await vi.waitFor(
    async () =>
      expect((await person.call('GET', `/v1/projects/${projectId}/deployments/${deploymentId}`)).body).toMatchObject({
        status: 'active',
      }),
    { timeout: 120_000, interval: 100 },
  );
  const { id: runId } = await done<RunSummary>('POST', `/v1/projects/${projectId}/runs`, {
    ...{ environment: 'production', workflowId, items: [{ json: { n: 1 } }, { json: { n: 2 } }] },
  });
  await ended(person, runId, 'waiting');
  return { projectId, workflowId, versionId: version.id, deploymentId, runId, revision: '1' };
}

async function ended(person: Person, runId: string, status: string): Promise<void> {
  await vi.waitFor(async () => expect((await person.call('GET', `/v1/runs/${runId}`)).body).toMatchObject({ status }), {
    timeout: 120_000,
    interval: 100,
  });
}
