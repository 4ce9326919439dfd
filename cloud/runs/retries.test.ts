import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startAgent } from '#runtime/agent/agent.ts';
import { createRunPorts } from '#runtime/agent/runPorts.ts';
import { replayTape } from '#runtime/tape/replayTape.ts';
import { readTape } from '#runtime/tape/tape.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { quietLogger, temporaryDir } from '../../tests/fixtures/agent.ts';
import { type Control, createControlBench, step, treeOf, workflowIdOf } from '../../tests/fixtures/control.ts';
import { isResumeToken, resumeToken } from './resumeRun.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const OTHER = '0199f2c4-6a02-7c11-8b7e-00000000000a';
const noScripts = { run: () => Promise.reject(new SluiceError('code.failed', 'No scripts.')), close: async () => {} };

/** A receiver that fails as often as it is told to. */
async function receiver() {
  const seen: string[] = [];
  let failures = 0;
  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    const isBad = request.url === '/second' && failures-- > 0;
    response.writeHead(isBad ? 422 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ at: request.url }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const fail = (count: number) => {
    failures = count;
  };
  return { seen, url, fail };
}

/** A workspace whose version runs in a real runtime of this process. */
async function hosted(
  steps: Parameters<typeof treeOf>[1],
  edges: string[],
  change = (tree: ReturnType<typeof treeOf>) => tree,
) {
  const tenant = await control.newTenant();
  const tree = change(treeOf(tenant.projectId, steps, { edges }));
  await control.publish(tenant.actor, tree);
  const { identity } = await control.newAgent(tenant.workspaceId);
  const place = temporaryDir();
  const kept = control.blobs;
  const ports = createRunPorts({
    dataDir: place.dir,
    sandbox: noScripts,
    blobs: { put: (bytes) => kept.put(tenant.workspaceId, bytes), get: (hash) => kept.get(tenant.workspaceId, hash) },
  });
  const refuse = () => Promise.reject(new Error('Blobs go straight to the store.'));
  const agent = startAgent({
    client: {
      hello: async () => ({
        workspaceId: tenant.workspaceId,
        containerId: identity.containerId,
        token: 'token',
        expiresAt: '2030-01-01T00:00:00.000Z',
        limits: { runsAtOnce: 5, runTimeoutMs: 60_000, loopIterations: 1_000, storageBytes: 1e9 },
      }),
      next: async (input) => control.agents.next({ ...input, waitMs: 200 }, identity),
      report: async (input) => control.agents.report(input, identity),
      start: async (input) => control.agents.start(input, identity),
      putBlob: refuse,
      getBlob: refuse,
    },
    portsFor: ports.portsFor,
    bootSecret: '',
    runtimeHash: 'a'.repeat(64),
    runsAtOnce: 5,
    log: quietLogger(),
  });
  onTestFinished(async () => {
    await agent.stop(0);
    await ports.close();
    place[Symbol.dispose]();
  });
  const { actor, projectId } = tenant;
  const get = (runId: string) => control.runs.get({ runId }, actor);
  return {
    ...tenant,
    get,
    start: (items: Record<string, Json>[] = [{ n: 1 }]) =>
      control.runs.start(
        {
          projectId,
          environment: 'production',
          workflowId: workflowIdOf(projectId),
          items: items.map((json) => ({ json })),
        },
        actor,
      ),
    async reach(runId: string, status: string) {
      await expect.poll(() => get(runId)).toMatchObject({ status });
      return get(runId);
    },
    events: async (runId: string) => (await control.runs.events({ runId, after: 0 }, actor)).events,
  };
}

const post = (url: string) =>
  step('http.request', { method: 'POST', url }, { mode: 'each', retry: { count: 0, delayMs: 0, backoff: 'fixed' } });

test('a failed run is done again from its failed step: what was recorded is taken over and not sent again', async () => {
  const { seen, url, fail } = await receiver();
  const one = await hosted(
    {
      start: step('trigger.manual'),
      first: post(`${url}/first`),
      second: post(`${url}/second`),
      third: post(`${url}/third`),
    },
    ['start.main->first.main', 'first.main->second.main', 'second.main->third.main'],
  );
  fail(1);
  const run = await one.start();
  await one.reach(run.id, 'failed');
  const again = await control.runs.retry({ runId: run.id, from: 'failed', version: 'same' }, one.actor);
  expect(again).toMatchObject({ retryOf: run.id });
  await one.reach(again.id, 'succeeded');
  expect(seen).toEqual(['/first', '/second', '/second', '/third']);
  const events = await one.events(again.id);
  expect(events.filter((event) => event.source === run.id).map((event) => 'stepId' in event && event.stepId)).toContain(
    'first',
  );
  const whole = await control.runs.retry({ runId: again.id, from: 'start', version: 'latest' }, one.actor);
  await one.reach(whole.id, 'succeeded');
  expect(seen.slice(4)).toEqual(['/first', '/second', '/third']);
  const many = await control.runs.retryMany({ runIds: [run.id, OTHER], from: 'failed', version: 'same' }, one.actor);
  expect(many.results).toMatchObject([
    { runId: run.id, retry: { retryOf: run.id } },
    { runId: OTHER, error: { code: 'run.not_found' } },
  ]);
  await one.reach(many.results[0]?.retry?.id ?? '', 'succeeded');
});

test('the tape of a hosted run replays elsewhere, with nothing to call', async () => {
  const { url, fail, seen } = await receiver();
  const one = await hosted(
    {
      start: step('trigger.manual'),
      first: post(`${url}/first`),
      stamp: step(
        'items.set',
        { fields: { id: '=uuidv4()', at: '=$now.toISO()', env: '=$run.mode' } },
        { mode: 'each' },
      ),
      second: post(`${url}/second`),
    },
    ['start.main->first.main', 'first.main->stamp.main', 'stamp.main->second.main'],
  );
  fail(1);
  const run = await one.start([{ n: 1 }, { n: 2 }]);
  await one.reach(run.id, 'failed');
  const asked = seen.length;
  const { name, base64 } = await control.runs.tape({ runId: run.id }, one.actor);
  expect(name).toMatch(/^work-[0-9a-f]{12}\.sluicetape$/);
  const tape = readTape(Buffer.from(base64, 'base64'));
  const replay = await replayTape(tape, { sandbox: noScripts });
  expect(replay).toMatchObject({ result: 'equal', status: 'failed' });
  expect(seen).toHaveLength(asked);
  const stranger = await control.newTenant();
  await expect(async () => control.runs.tape({ runId: run.id }, stranger.actor)).rejects.toMatchObject({
    code: 'run.not_found',
  });
});

test('an approval waits, says for what, and goes on once: of two who decide, one is the first', async () => {
  const one = await hosted(
    { start: step('trigger.manual'), ask: step('flow.approval', { message: 'Ship it?' }), yes: step('flow.noOp') },
    ['start.main->ask.main', 'ask.approved->yes.main'],
  );
  const run = await one.start();
  const waiting = await one.reach(run.id, 'waiting');
  expect(waiting.wait).toMatchObject({
    reason: 'approval',
    stepId: 'ask',
    iteration: 0,
    details: { message: 'Ship it?' },
  });
  const decide = (input: Json) => control.runs.resume({ runId: run.id, stepId: 'ask', iteration: 0, input }, one.actor);
  await expect(async () => decide({ approved: 'perhaps' })).rejects.toMatchObject({ code: 'request.invalid' });
  const outcomes = await Promise.allSettled([decide({ approved: true }), decide({ approved: true })]);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'run.not_waiting' } });
  await one.reach(run.id, 'succeeded');
  expect((await one.events(run.id)).filter(({ type }) => type === 'run.resumed')).toHaveLength(1);
});

test('a run starts another beside it, once, and the failure of one is told to its error workflow, once', async () => {
  const one = await hosted(
    {
      start: step('trigger.manual'),
      beside: step('flow.runWorkflow', { workflow: OTHER, wait: false }),
      stop: step('flow.stop', { message: 'No further.' }),
      told: step('trigger.error'),
      tell: step('flow.noOp'),
    },
    ['start.main->beside.main', 'beside.main->stop.main', 'told.main->tell.main'],
    (tree) => {
      const [id, workflow] = Object.entries(tree.workflows)[0] as [string, (typeof tree.workflows)[string]];
      const other = {
        ...workflow,
        slug: 'other',
        name: 'Other',
        steps: { begin: step('trigger.workflow', {}, { name: 'begin' }) },
        edges: {},
      };
      return {
        ...tree,
        workflows: { [id]: { ...workflow, settings: { ...workflow.settings, errorWorkflow: id } }, [OTHER]: other },
      };
    },
  );
  const run = await one.start();
  await one.reach(run.id, 'failed');
  const list = async () => (await control.runs.list({ limit: 20 }, one.actor)).data;
  await expect
    .poll(async () => (await list()).map(({ trigger, status }) => `${trigger} ${status}`).sort())
    .toEqual(['error succeeded', 'manual failed', 'sub_workflow succeeded']);
});

test('the address of a reply is derived, and another run’s does not open it', () => {
  const secret = Buffer.from('a secret of the workspace');
  const token = resumeToken(secret, OTHER);
  expect(isResumeToken(secret, OTHER, token)).toBe(true);
  expect(isResumeToken(secret, OTHER.replace('a', 'b'), token)).toBe(false);
  expect(isResumeToken(Buffer.from('another'), OTHER, token)).toBe(false);
  expect(isResumeToken(secret, OTHER, `${token}x`)).toBe(false);
});
