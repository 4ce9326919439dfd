import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Assignment } from '#shared/contract/agentApi.ts';
import type { Json } from '#shared/json.ts';
import { DEFAULT_SETTINGS, type Settings } from '#shared/workflow/tree.ts';
import {
  type Control,
  createControlBench,
  eventsOf,
  step,
  treeOf,
  workflowIdOf,
} from '../../tests/fixtures/control.ts';
import { resumeDue } from '../worker/reconcile.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const HOUR = 3_600_000;

/** A published workflow with such settings; the test is its runtime. */
async function published(settings: Partial<Settings>) {
  const tenant = await control.newTenant('business');
  const { actor, projectId, workspaceId } = tenant;
  const tree = treeOf(projectId, { start: step('trigger.manual'), heard: step('trigger.event', { name: 'order' }) });
  const workflow = tree.workflows[workflowIdOf(projectId)];
  if (workflow) workflow.settings = { ...DEFAULT_SETTINGS, ...settings };
  expect(await control.publish(actor, tree)).toMatchObject({ status: 'active' });
  const agent = await control.newAgent(workspaceId);
  const start = (json: Record<string, Json> = {}) =>
    control.runs.start(
      { projectId, environment: 'production', workflowId: workflowIdOf(projectId), items: [{ json }] },
      actor,
    );
  const get = (runId: string) => control.runs.get({ runId }, actor);
  const end = (run: Assignment) =>
    agent.report(run, eventsOf(run, { type: 'run.started' }, { type: 'run.ended' }), true);
  /** As if so much time had gone by for everything that is held or remembered. */
  async function pass(ms: number) {
    await control.ownerSql(
      `update run_gate set at = at - $2 * interval '1 ms', expires_at = expires_at - $2 * interval '1 ms' where workspace_id = $1`,
      [workspaceId, ms],
    );
    await control.ownerSql(
      `update run_claim set due_at = due_at - $2 * interval '1 ms', held_since = held_since - $2 * interval '1 ms' where workspace_id = $1`,
      [workspaceId, ms],
    );
    await resumeDue({ database: control.db, wake: () => undefined });
  }
  const reserved = async () => {
    const [row] = await control.ownerSql<{ reserved: string }>(
      `select reserved from usage_counter where workspace_id = $1 and meter = 'workflow.runs'`,
      [workspaceId],
    );
    return Number(row?.reserved);
  };
  return { ...tenant, agent, start, get, end, pass, reserved };
}

function refusals(outcomes: PromiseSettledResult<unknown>[]) {
  return outcomes.flatMap((one) => (one.status === 'rejected' ? [(one.reason as { code: string }).code] : []));
}

test('no more of a key execute at once than its concurrency, whoever claims at the same time', async () => {
  const { start, agent, end, get, actor } = await published({ concurrency: 2, concurrencyKey: '=$json.customer' });
  for (let n = 0; n < 4; n++) await start({ customer: 'ada' });
  const other = await start({ customer: 'bob' });
  const claimed = (await Promise.all([agent.next(), agent.next(), agent.next()])).flatMap(({ runs }) => runs);
  const ada = claimed.filter(({ input }) => input[0]?.json.customer === 'ada');
  expect(claimed.map(({ runId }) => runId)).toContain(other.id);
  expect(ada).toHaveLength(2);
  expect((await agent.next()).runs).toEqual([]);
  const waiting = (await control.runs.list({ limit: 10, status: 'queued' }, actor)).data;
  expect(waiting.map(({ heldBy }) => heldBy)).toContain('concurrency');
  await end(ada[0] as Assignment);
  const next = (await agent.next()).runs;
  expect(next).toHaveLength(1);
  expect((await get(next[0]?.runId ?? '')).heldBy).toBeUndefined();
});

test('of what waits the greatest priority begins first', async () => {
  const { start, agent } = await published({ priority: '=$json.rank', concurrency: 1 });
  for (const rank of [0, 50, -10, 100]) await start({ rank });
  const order: Json[] = [];
  for (let n = 0; n < 4; n++) {
    const [run] = (await agent.next()).runs;
    order.push(run?.input[0]?.json.rank ?? null);
    if (run) await agent.report(run, eventsOf(run, { type: 'run.started' }, { type: 'run.ended' }), true);
  }
  expect(order).toEqual([100, 50, 0, -10]);
  await expect(start({ rank: 101 })).rejects.toMatchObject({ code: 'expression.failed' });
});

test('of many that come at once a rate takes as many as it says, each key for itself, and room comes back', async () => {
  const { start, pass, reserved } = await published({ rate: { count: 3, perMs: HOUR, key: '=$json.customer' } });
  const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => start({ customer: 'ada' })));
  expect(refusals(outcomes)).toEqual(Array.from({ length: 9 }, () => 'run.rate_exceeded'));
  await expect(start({ customer: 'ada' })).rejects.toMatchObject({
    details: { limit: 3, retryAfterSeconds: expect.closeTo(3_600, -3) },
  });
  await start({ customer: 'bob' });
  expect(await reserved()).toBe(4);
  await pass(HOUR);
  await start({ customer: 'ada' });
});

test('what is above a throttle begins later, in the order it came', async () => {
  const { start, agent, pass, get } = await published({ throttle: { count: 2, perMs: HOUR } });
  const runs = [];
  for (let n = 0; n < 5; n++) runs.push(await start({ n }));
  expect(runs.map(({ heldBy }) => heldBy)).toEqual([undefined, undefined, 'throttle', 'throttle', 'throttle']);
  const taken = async () => (await agent.next()).runs.map(({ input }) => input[0]?.json.n);
  expect(await taken()).toEqual([0, 1]);
  await pass(HOUR);
  expect(await taken()).toEqual([2, 3]);
  expect((await get(runs[4]?.id ?? '')).heldBy).toBe('throttle');
  await pass(HOUR);
  expect(await taken()).toEqual([4]);
});

test('of what comes in a burst the last begins, once nothing more has come, or at the latest after a while', async () => {
  const { start, agent, pass, get, reserved } = await published({ debounce: { waitMs: HOUR, maxMs: 1.5 * HOUR } });
  const first = await start({ n: 1 });
  const outcomes = await Promise.allSettled([2, 3, 4].map((n) => start({ n })));
  expect(refusals(outcomes)).toEqual([]);
  expect(await get(first.id)).toMatchObject({ status: 'cancelled', error: { code: 'run.superseded' } });
  expect(await reserved()).toBe(1);
  expect((await agent.next()).runs).toEqual([]);
  await pass(HOUR - 60_000);
  const last = await start({ n: 5 });
  expect(last).toMatchObject({ status: 'queued', heldBy: 'debounce' });
  // Not another hour: the first came so long ago.
  await pass(HOUR / 2 + 120_000);
  expect((await agent.next()).runs.map(({ runId }) => runId)).toEqual([last.id]);
  expect(await start({ n: 6 })).toMatchObject({ heldBy: 'debounce' });
  expect(await get(last.id)).toMatchObject({ status: 'queued' });
});

test('one at a time: a second is refused, and of many at once one is taken', async () => {
  const { start, agent, end } = await published({ singleton: { mode: 'skip', key: '=$json.customer' } });
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => start({ customer: 'ada' })));
  expect(refusals(outcomes)).toEqual(Array.from({ length: 7 }, () => 'run.singleton'));
  await start({ customer: 'bob' });
  const { runs } = await agent.next();
  expect(runs).toHaveLength(2);
  await expect(start({ customer: 'ada' })).rejects.toMatchObject({ code: 'run.singleton' });
  for (const run of runs) await end(run);
  await start({ customer: 'ada' });
});

test('one at a time: the newest ends the one before and begins when that has let go', async () => {
  const { start, agent, get } = await published({ singleton: { mode: 'cancel' } });
  const first = await start();
  const second = await start();
  expect(await get(first.id)).toMatchObject({ status: 'cancelled' });
  const [held] = (await agent.next()).runs;
  expect(held?.runId).toBe(second.id);
  if (!held) return;
  await agent.report(held, eventsOf(held, { type: 'run.started' }));
  const third = await start();
  expect(third).toMatchObject({ status: 'queued', heldBy: 'singleton' });
  const fourth = await start();
  expect(await get(third.id)).toMatchObject({ status: 'cancelled' });
  expect((await agent.next()).runs).toEqual([]);
  expect(await agent.report(held, [])).toMatchObject({ cancel: true });
  const ended = eventsOf(held, { type: 'run.ended', status: 'cancelled', seq: 2 });
  await agent.report(held, ended, true);
  expect((await agent.next()).runs.map(({ runId }) => runId)).toEqual([fourth.id]);
});

test('a key that came before starts nothing new within its window, however many send it at once', async () => {
  const { start, pass, reserved } = await published({ idempotency: { key: '=$json.order', windowMs: HOUR } });
  const runs = await Promise.all(Array.from({ length: 8 }, () => start({ order: 7 })));
  expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
  expect((await start({ order: 8 })).id).not.toBe(runs[0]?.id);
  expect(await reserved()).toBe(2);
  await pass(HOUR);
  expect((await start({ order: 7 })).id).not.toBe(runs[0]?.id);
});

test('an event that every workflow refuses may be sent again; a run that is done again is not refused', async () => {
  const { projectId, actor, agent, end, pass } = await published({ rate: { count: 1, perMs: HOUR } });
  const publish = (id: string) =>
    control.events.publish({ projectId, environment: 'production', name: 'order', id, data: {} }, actor);
  const { runIds } = await publish('1');
  expect(runIds).toHaveLength(1);
  await expect(publish('2')).rejects.toMatchObject({ code: 'run.rate_exceeded' });
  const [run] = (await agent.next()).runs;
  if (run) await end(run);
  const again = await control.runs.retry({ runId: runIds[0] ?? '', from: 'start', version: 'same' }, actor);
  expect(again).toMatchObject({ status: 'queued', retryOf: runIds[0] });
  await pass(HOUR);
  expect(await publish('2')).toMatchObject({ repeated: false, runIds: [expect.any(String)] });
});

test('gates of one workspace are nobody else’s, and say nothing of the keys they came from', async () => {
  const one = await published({ idempotency: { key: '=$json.secret', windowMs: HOUR } });
  const two = await control.newTenant();
  await one.start({ secret: 'canary-5521' });
  const gates = (workspaceId: string) =>
    control.db.withWorkspaceSql({ workspaceId }, (sql) => sql.query<{ gate: string }>('select * from run_gate'));
  expect((await gates(two.workspaceId)).rows).toEqual([]);
  const own = (await gates(one.workspaceId)).rows;
  expect(own).toHaveLength(1);
  expect(JSON.stringify(own)).not.toContain('canary');
});

test('what is of no use any more is forgotten as new runs come', async () => {
  const { start, pass, workspaceId } = await published({ idempotency: { key: '=$json.n', windowMs: HOUR } });
  for (let n = 0; n < 15; n++) await start({ n });
  await pass(2 * HOUR);
  await start({ n: 100 });
  const rows = await control.ownerSql<{ n: number }>(
    'select count(*)::int as n from run_gate where workspace_id = $1',
    [workspaceId],
  );
  expect(rows).toEqual([{ n: 1 }]);
});
