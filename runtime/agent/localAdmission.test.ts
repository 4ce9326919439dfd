import { afterEach, expect, test } from 'vitest';
import type { Assignment } from '#shared/contract/agentApi.ts';
import type { Json } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import type { Settings } from '#shared/workflow/tree.ts';
import { newRun, openControl, temporaryDir } from '../../tests/fixtures/agent.ts';
import { PROJECT_ID, sketchTree } from '../../tests/fixtures/engine.ts';
import type { NewEvent } from '../engine/ports/ports.ts';
import type { NewRun } from './localControl.ts';

const HOUR = 3_600_000;
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

const started: NewEvent = {
  type: 'run.started',
  workflowId: '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01',
  execHash: 'b'.repeat(64),
  runtimeHash: 'a'.repeat(64),
  environment: 'local',
  triggerStepId: 'start',
  input: { items: [] },
  seed: 'seed',
};

/** A local control plane and a workflow with such settings; the test is its runtime. */
function controlled(settings: Partial<Settings>, more: Partial<NewRun> = {}) {
  const place = temporaryDir();
  let now = Date.parse('2026-11-20T07:00:00Z');
  const control = openControl(place.dir, { now: () => now, leaseMs: 10 * HOUR });
  opened.push({ close: () => control.close() }, { close: () => place[Symbol.dispose]() });
  const agent = control.agent(PROJECT_ID);
  const tree = sketchTree({ settings, steps: { start: { uses: 'trigger.manual' } }, edges: [] });
  const start = async (json: Record<string, Json> = {}, extra: Partial<NewRun> = {}) =>
    (await control.start(newRun(tree, { items: [{ json }], ...more, ...extra }))).runId;
  const take = async (free = 20) => (await agent.next({ free, have: [], waitMs: 0 })).runs;
  const report = ({ runId, fence }: Assignment, done: boolean, ...events: NewEvent[]) => {
    const at = '2026-11-20T07:00:00.000Z';
    return agent.report({
      ...{ runId, fence, done },
      events: events.map((event, index) => ({ ...event, runId, fence, seq: index + 1, at }) as RunEvent),
    });
  };
  const end = (run: Assignment) => report(run, true, started, { type: 'run.ended', status: 'succeeded', output: {} });
  const get = (runId: string) => control.get(runId)?.run;
  return { control, agent, start, take, report, end, get, pass: (ms: number) => (now += ms), tree };
}

async function refusals(tries: Promise<unknown>[]): Promise<string[]> {
  const outcomes = await Promise.allSettled(tries);
  return outcomes.flatMap((one) => (one.status === 'rejected' ? [(one.reason as { code: string }).code] : []));
}
const times = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n));

test('no more of a key execute at once than its concurrency; one that waits leaves its place', async () => {
  const { start, take, end, get, report } = controlled({ concurrency: 2, concurrencyKey: '=$json.customer' });
  for (let n = 0; n < 4; n++) await start({ customer: 'ada' });
  const other = await start({ customer: 'bob' });
  const claimed = [...(await take(1)), ...(await take())];
  expect(claimed.map(({ runId }) => runId)).toContain(other);
  const ada = claimed.filter(({ input }) => input[0]?.json.customer === 'ada');
  expect(ada).toHaveLength(2);
  expect(await take()).toEqual([]);
  await end(ada[0] as Assignment);
  const [third, ...none] = await take();
  expect(none).toEqual([]);
  expect(get(third?.runId ?? '')?.heldBy).toBeUndefined();
  const wait: NewEvent = { type: 'run.waiting', stepId: 'start', iteration: 0, reason: 'approval' };
  await report(third as Assignment, true, started, wait);
  expect(await take()).toHaveLength(1);
  expect(await take()).toEqual([]);
});

test('a queued run says what holds it; a full group does not keep others from their turn', async () => {
  const { start, take, get, control } = controlled({ concurrency: 1, concurrencyKey: '=$json.customer' });
  const runs = [await start({ customer: 'ada' }), await start({ customer: 'ada' }), await start({ customer: 'ada' })];
  const bob = await start({ customer: 'bob' });
  expect((await take(2)).map(({ runId }) => runId)).toEqual([runs[0]]);
  expect((await take(2)).map(({ runId }) => runId)).toEqual([bob]);
  expect(get(runs[1] ?? '')).toMatchObject({ status: 'queued', heldBy: 'concurrency' });
  expect(control.list({ projectId: PROJECT_ID, limit: 50 }).data.map(({ heldBy }) => heldBy)).toEqual([
    undefined,
    'concurrency',
    'concurrency',
    undefined,
  ]);
});

test('whoever waits for work is woken when a place becomes free', async () => {
  const { start, take, end, agent } = controlled({ concurrency: 1 });
  await start();
  const second = await start();
  const [first] = await take();
  const asked = agent.next({ free: 5, have: [], waitMs: 20_000 });
  await end(first as Assignment);
  expect((await asked).runs.map(({ runId }) => runId)).toEqual([second]);
});

test('of what waits the greatest priority begins first', async () => {
  const { start, take, end } = controlled({ priority: '=$json.rank', concurrency: 1 });
  for (const rank of [0, 50, -10, 100]) await start({ rank });
  const order: unknown[] = [];
  for (let n = 0; n < 4; n++) {
    const [run] = await take();
    order.push(run?.input[0]?.json.rank);
    if (run) await end(run);
  }
  expect(order).toEqual([100, 50, 0, -10]);
  await expect(start({ rank: 101 })).rejects.toMatchObject({ code: 'expression.failed' });
});

test('of many that come at once a rate takes as many as it says, each key for itself, and room comes back', async () => {
  const { start, pass, control } = controlled({ rate: { count: 3, perMs: HOUR, key: '=$json.customer' } });
  const refused = await refusals(times(12, () => start({ customer: 'ada' })));
  expect(refused).toEqual(times(9, () => 'run.rate_exceeded'));
  await expect(start({ customer: 'ada' })).rejects.toMatchObject({
    status: 429,
    details: { limit: 3, retryAfterSeconds: 3_600 },
  });
  await start({ customer: 'bob' });
  expect(control.list({ projectId: PROJECT_ID, limit: 50 }).data).toHaveLength(4);
  pass(HOUR);
  await start({ customer: 'ada' });
});

test('what is above a throttle begins later, in the order it came', async () => {
  const { start, take, pass, get } = controlled({ throttle: { count: 2, perMs: HOUR } });
  const runs: string[] = [];
  for (let n = 0; n < 5; n++) runs.push(await start({ n }));
  expect(runs.map((id) => get(id)?.heldBy)).toEqual([undefined, undefined, 'throttle', 'throttle', 'throttle']);
  const taken = async () => (await take()).map(({ input }) => input[0]?.json.n);
  expect(await taken()).toEqual([0, 1]);
  expect(await taken()).toEqual([]);
  pass(HOUR);
  expect(await taken()).toEqual([2, 3]);
  pass(HOUR);
  expect(await taken()).toEqual([4]);
});

test('of what comes in a burst the last begins, once nothing more has come, or at the latest after a while', async () => {
  const { start, take, pass, get } = controlled({ debounce: { waitMs: HOUR, maxMs: 1.5 * HOUR } });
  const [first] = await Promise.all(times(4, (n) => start({ n })));
  expect(get(first ?? '')).toMatchObject({ status: 'cancelled', error: { code: 'run.superseded' } });
  expect(await take()).toEqual([]);
  pass(HOUR - 60_000);
  const last = await start({ n: 5 });
  expect(get(last)).toMatchObject({ status: 'queued', heldBy: 'debounce' });
  // Not another hour: the first came so long ago.
  pass(HOUR / 2 + 60_000);
  expect((await take()).map(({ runId }) => runId)).toEqual([last]);
  expect(get(await start({ n: 6 }))).toMatchObject({ heldBy: 'debounce' });
});

test('a burst passes a throttle once', async () => {
  const { start, get } = controlled({ debounce: { waitMs: 1_000 }, throttle: { count: 1, perMs: HOUR } });
  for (let n = 0; n < 4; n++) await start({ n });
  const last = await start({ n: 5 });
  expect(get(last)).toMatchObject({ heldBy: 'debounce' });
});

test('one at a time: a second is refused, and of many at once one is taken', async () => {
  const { start, take, end } = controlled({ singleton: { mode: 'skip', key: '=$json.customer' } });
  expect(await refusals(times(8, () => start({ customer: 'ada' })))).toEqual(times(7, () => 'run.singleton'));
  await start({ customer: 'bob' });
  const runs = await take();
  expect(runs).toHaveLength(2);
  await expect(start({ customer: 'ada' })).rejects.toMatchObject({ code: 'run.singleton', status: 409 });
  for (const run of runs) await end(run);
  await start({ customer: 'ada' });
});

test('one at a time: the newest ends the one before and begins when that has let go', async () => {
  const { start, take, get, report, agent } = controlled({ singleton: { mode: 'cancel' } });
  const first = await start();
  const second = await start();
  expect(get(first)).toMatchObject({ status: 'cancelled' });
  const [held] = await take();
  expect(held?.runId).toBe(second);
  await report(held as Assignment, false, started);
  const third = await start();
  expect(get(third)).toMatchObject({ status: 'queued', heldBy: 'singleton' });
  const fourth = await start();
  expect(get(third)).toMatchObject({ status: 'cancelled' });
  expect(await take()).toEqual([]);
  expect(await report(held as Assignment, false)).toMatchObject({ cancel: true });
  const asked = agent.next({ free: 5, have: [], waitMs: 20_000 });
  await report(held as Assignment, true, started, { type: 'run.ended', status: 'cancelled', output: {} });
  expect((await asked).runs.map(({ runId }) => runId)).toEqual([fourth]);
});

test('a key that came before starts nothing new within its window, however many send it at once', async () => {
  const { start, pass, control } = controlled({ idempotency: { key: '=$json.order', windowMs: HOUR } });
  const runs = await Promise.all(times(8, () => start({ order: 7 })));
  expect(new Set(runs).size).toBe(1);
  expect(await start({ order: 8 })).not.toBe(runs[0]);
  expect(control.list({ projectId: PROJECT_ID, limit: 50 }).data).toHaveLength(2);
  expect(await start()).not.toBe(await start());
  pass(HOUR);
  expect(await start({ order: 7 })).not.toBe(runs[0]);
});

test('a run of a part of a workflow, and one that is done again, are not refused', async () => {
  const { start, take, end, control, tree } = controlled({ rate: { count: 1, perMs: HOUR } });
  const first = await start();
  await expect(start()).rejects.toMatchObject({ code: 'run.rate_exceeded' });
  await start({}, { partial: { until: 'start' } as never });
  const runs = await take();
  for (const run of runs) await end(run);
  const again = await control.retry({ runId: first, from: 'start', latest: { tree, vars: {} } });
  expect(control.get(again.runId)?.run).toMatchObject({ status: 'queued', retryOf: first });
});

test('of 10,000 waiting runs none is forgotten, and none is handed out before its time', {
  timeout: 300_000,
}, async () => {
  const { start, take, pass } = controlled({ priority: '=0' });
  const atMs = Date.parse('2026-11-20T08:00:00Z');
  const ids = await Promise.all(times(10_000, () => start({}, { atMs })));
  expect(await take()).toEqual([]);
  pass(HOUR);
  const seen = new Set<string>();
  for (let runs = await take(500); runs.length > 0; runs = await take(500))
    for (const { runId } of runs) seen.add(runId);
  expect(seen).toEqual(new Set(ids));
});
