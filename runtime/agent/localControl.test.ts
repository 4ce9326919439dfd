import { afterEach, describe, expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { newRun, openControl, temporaryDir } from '../../tests/fixtures/agent.ts';
import { PROJECT_ID, sketchTree } from '../../tests/fixtures/engine.ts';
import type { NewEvent } from '../engine/ports/ports.ts';
import type { LocalControl, LocalControlDeps } from './localControl.ts';

const sketch = { steps: { start: { uses: 'trigger.manual' } }, edges: [] };
const LEASE = 1_000;
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

function setUp(deps: Partial<LocalControlDeps> = {}) {
  const place = temporaryDir();
  let now = Date.parse('2026-11-20T07:00:00Z');
  const open = () => {
    const control = openControl(place.dir, { now: () => now, leaseMs: LEASE, ...deps });
    opened.push({ close: () => control.close() });
    return control;
  };
  const control = open();
  opened.push({ close: () => place[Symbol.dispose]() });
  const agent = control.agent(PROJECT_ID);
  const take = async (waitMs = 0) => (await agent.next({ free: 10, have: [], waitMs })).runs;
  return { control, agent, open, take, pass: (ms: number) => (now += ms), now: () => now };
}

/** Events as a runtime would number them. */
function eventsOf({ runId, fence, from = 1 }: { runId: string; fence: number; from?: number }, ...list: NewEvent[]) {
  return list.map((event, index) => {
    const at = '2026-11-20T07:00:00.000Z';
    return { ...event, runId, fence, seq: from + index, at } as RunEvent;
  });
}
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
const ended: NewEvent = { type: 'run.ended', status: 'succeeded', output: {} };
const waiting = (until?: string): NewEvent => ({
  type: 'run.waiting',
  stepId: 'start',
  iteration: 0,
  reason: until ? 'delay' : 'needs_attention',
  ...(until ? { until } : {}),
});

test('a failure and the run that tells of it reach the disk together, once however often it is reported', async () => {
  const { control, agent, take, open } = setUp();
  const other = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
  const telling = { steps: { told: { uses: 'trigger.error' } }, edges: [] };
  const tree = sketchTree({ ...sketch, settings: { errorWorkflow: other } }, { workflows: { [other]: telling } });
  const { runId } = await control.start(newRun(tree));
  await take();
  const failed: NewEvent = { type: 'run.ended', status: 'failed', error: { code: 'step.stopped', message: 'No.' } };
  const report = { runId, fence: 1, events: eventsOf({ runId, fence: 1 }, started, failed), done: true };
  const beside = open();
  const told = () => beside.list({ projectId: PROJECT_ID, workflowId: other, limit: 10 }).data;
  // Whoever sees that it failed sees that somebody is told.
  const seen: number[] = [];
  const reported = agent.report(report);
  while (beside.status(runId) !== 'failed') await new Promise((resolve) => setImmediate(resolve));
  seen.push(told().length);
  await reported;
  await agent.report(report);
  expect([...seen, told().length]).toEqual([1, 1]);
});

describe('leases', () => {
  test('a run is handed out once, with a fence, and again with a higher one when its lease has run out', async () => {
    const { control, take, pass } = setUp();
    const { runId } = await control.start(newRun(sketch));
    expect(await take()).toMatchObject([{ runId, fence: 1, leaseMs: LEASE, events: [] }]);
    expect(await take()).toEqual([]);
    pass(LEASE);
    expect(await take()).toEqual([]);
    pass(1);
    expect(await take()).toMatchObject([{ runId, fence: 2 }]);
  });

  test('a report renews the lease; one under an old fence is refused and changes nothing', async () => {
    const { control, agent, take, pass } = setUp();
    const { runId } = await control.start(newRun(sketch));
    await take();
    pass(LEASE - 1);
    await agent.report({ runId, fence: 1, events: [] });
    pass(LEASE - 1);
    expect(await take()).toEqual([]);
    pass(LEASE);
    await take();
    const stale = agent.report({ runId, fence: 1, events: eventsOf({ runId, fence: 1 }, started) });
    await expect(stale).rejects.toMatchObject({ code: 'run.fenced' });
    expect(control.get(runId)?.events).toEqual([]);
  });

  test('what a runtime held when it died is free at once, but not what another process holds', async () => {
    const { control, take, open } = setUp();
    const other = open();
    const mine = await control.start(newRun(sketch));
    await take();
    const theirs = await other.start(newRun(sketch));
    expect((await other.agent(PROJECT_ID).next({ free: 10, have: [], waitMs: 0 })).runs).toHaveLength(1);
    control.released(PROJECT_ID);
    expect((await take()).map((run) => run.runId)).toEqual([mine.runId]);
    expect(mine.runId).not.toBe(theirs.runId);
  });

  test('the version comes along only where the runtime lacks it', async () => {
    const { control, agent, take } = setUp();
    const tree = sketchTree(sketch);
    await control.start(newRun(tree));
    const [first] = await take();
    expect(first?.tree?.project.id).toBe(PROJECT_ID);
    await control.start(newRun(tree));
    const { runs } = await agent.next({ free: 10, have: [first?.treeHash ?? ''], waitMs: 0 });
    expect(runs).toHaveLength(1);
    expect(runs[0]?.tree).toBeUndefined();
  });

  test('whoever waits for work is woken by a run that comes', async () => {
    const { control, agent } = setUp();
    const asked = agent.next({ free: 1, have: [], waitMs: 20_000 });
    const { runId } = await control.start(newRun(sketch));
    expect((await asked).runs).toMatchObject([{ runId }]);
  });

  test('closing tells whoever waits for work that there is none any more', async () => {
    const { control, agent } = setUp();
    const asked = agent.next({ free: 1, have: [], waitMs: 20_000 });
    control.close();
    opened.shift();
    expect(await asked).toEqual({ runs: [], drain: true });
  });
});

describe('reports', () => {
  test('one that comes twice is stored once, also the last', async () => {
    const { control, agent, take } = setUp();
    const { runId } = await control.start(newRun(sketch));
    await take();
    const events = eventsOf({ runId, fence: 1 }, started, ended);
    expect(await agent.report({ runId, fence: 1, events, done: true })).toEqual({ ack: 2 });
    expect(await agent.report({ runId, fence: 1, events, done: true })).toEqual({ ack: 2 });
    expect(await agent.report({ runId, fence: 1, events: [], done: true })).toEqual({ ack: 2 });
    expect(control.get(runId)?.events).toHaveLength(2);
    expect(control.get(runId)?.run.status).toBe('succeeded');
  });

  test('nothing joins a journal that has ended', async () => {
    const { control, agent, take } = setUp();
    const { runId } = await control.start(newRun(sketch));
    await take();
    await agent.report({ runId, fence: 1, events: eventsOf({ runId, fence: 1 }, started, ended) });
    const more = agent.report({ runId, fence: 1, events: eventsOf({ runId, fence: 1, from: 3 }, ended) });
    await expect(more).rejects.toMatchObject({ code: 'run.fenced' });
    await expect(agent.report({ runId, fence: 1, events: [] })).rejects.toMatchObject({ code: 'run.fenced' });
    expect(control.get(runId)?.events).toHaveLength(2);
  });

  test.each([
    ['at its beginning', 2, 3],
    ['in its middle', 1, 3],
  ])('one with a gap %s is refused with the number that is next', async (_where, first, second) => {
    const { control, agent, take } = setUp();
    const { runId } = await control.start(newRun(sketch));
    await take();
    const [one, two] = eventsOf({ runId, fence: 1 }, started, waiting());
    const events = [
      { ...one, seq: first },
      { ...two, seq: second },
    ] as RunEvent[];
    const expected = first === 1 ? 2 : 1;
    const report = agent.report({ runId, fence: 1, events });
    await expect(report).rejects.toMatchObject({ code: 'run.gap', details: { expected } });
    expect(control.get(runId)?.events).toEqual([]);
  });

  test('events of another run or another lease are refused', async () => {
    const { control, agent, take } = setUp();
    const { runId } = await control.start(newRun(sketch));
    const { runId: other } = await control.start(newRun(sketch));
    await take();
    for (const events of [eventsOf({ runId: other, fence: 1 }, started), eventsOf({ runId, fence: 7 }, started)]) {
      await expect(agent.report({ runId, fence: 1, events })).rejects.toMatchObject({ code: 'request.invalid' });
    }
  });

  test('those of one moment are stored together, and a refused one harms no other', async () => {
    const { control, agent, take } = setUp();
    const runs = await Promise.all(Array.from({ length: 50 }, () => control.start(newRun(sketch))));
    await take();
    for (let left = await take(); left.length > 0; left = await take());
    const answers = await Promise.allSettled(
      runs.map(({ runId }, index) =>
        agent.report({ runId, fence: index === 7 ? 9 : 1, events: eventsOf({ runId, fence: 1 }, started) }),
      ),
    );
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    const stored = runs.filter(({ runId }) => control.get(runId)?.events.length === 1);
    expect(stored).toHaveLength(49);
  });

  test('are told to listeners once they are on the disk', async () => {
    const { control, agent, take } = setUp();
    const told: string[] = [];
    const { runId } = await control.start(newRun(sketch));
    control.subscribe((message) => {
      told.push(message.type === 'run.changed' ? `${message.type} ${message.run.status}` : message.type);
      expect(control.get(runId)?.events.length).toBeGreaterThan(0);
    });
    await take();
    const logs = [{ runId, at: '2026-11-20T07:00:00.000Z', level: 'info' as const, message: 'hello' }];
    await agent.report({ runId, fence: 1, events: eventsOf({ runId, fence: 1 }, started, ended), logs, done: true });
    expect(told).toEqual(['run.event', 'run.event', 'run.log', 'run.changed succeeded']);
    expect(control.get(runId)?.logs).toEqual(logs);
  });
});

describe('waiting runs', () => {
  const parked = async (at?: string) => {
    const all = setUp();
    const { runId } = await all.control.start(newRun(sketch));
    await all.take();
    const events = eventsOf({ runId, fence: 1 }, started, waiting(at));
    return { ...all, runId, events };
  };

  test('are handed out when they are due, and not before', async () => {
    const { agent, runId, events, take, pass, control } = await parked('2026-11-20T08:00:00.000Z');
    await agent.report({ runId, fence: 1, events, done: true });
    expect(control.get(runId)?.run).toMatchObject({ status: 'waiting', wait: { reason: 'delay' } });
    pass(3_599_999);
    expect(await take()).toEqual([]);
    pass(1);
    expect(await take()).toMatchObject([{ runId, fence: 2, events }]);
  });

  test('are due while somebody waits for work', async () => {
    const { control, runId, events, agent } = await parkedSoon();
    await agent.report({ runId, fence: 1, events, done: true });
    const { runs } = await agent.next({ free: 1, have: [], waitMs: 10_000 });
    expect(runs).toMatchObject([{ runId }]);
    control.close();
    opened.shift();
  });

  test('go on at once when the runtime died before it handed them back', async () => {
    const { agent, runId, events, take, pass } = await parked('2026-11-20T08:00:00.000Z');
    await agent.report({ runId, fence: 1, events });
    pass(LEASE + 1);
    expect(await take()).toMatchObject([{ runId, fence: 2 }]);
  });

  test('end at once when they are cancelled', async () => {
    const { control, agent, runId, events } = await parked();
    await agent.report({ runId, fence: 1, events, done: true });
    const finished = control.finished(runId);
    control.cancel(runId);
    expect((await finished).status).toBe('cancelled');
    expect(control.get(runId)?.events.at(-1)).toMatchObject({ type: 'run.ended', status: 'cancelled', seq: 3 });
    expect(() => control.cancel(runId)).toThrow(expect.objectContaining({ code: 'run.finished' }));
  });

  test('end when they were cancelled on their way to wait, and are not handed out again and again', async () => {
    const { control, agent, runId, events, take } = await parked('2026-11-20T08:00:00.000Z');
    control.cancel(runId);
    expect(control.get(runId)?.run.status).toBe('queued');
    expect(await agent.report({ runId, fence: 1, events, done: true })).toMatchObject({ cancel: true });
    expect(control.get(runId)?.run.status).toBe('cancelled');
    expect(await take()).toEqual([]);
  });

  test('a cancelled run whose runtime died ends in place of being handed out', async () => {
    const { control, runId, take, pass } = await parked();
    control.cancel(runId);
    pass(LEASE + 1);
    expect(await take()).toEqual([]);
    expect(control.get(runId)?.run.status).toBe('cancelled');
  });

  async function parkedSoon() {
    const all = setUp({ now: Date.now });
    const { runId } = await all.control.start(newRun(sketch));
    await all.take();
    const soon = new Date(Date.now() + 60).toISOString();
    return { ...all, runId, events: eventsOf({ runId, fence: 1 }, started, waiting(soon)) };
  }
});

describe('deliveries', () => {
  test('one that comes again starts nothing', async () => {
    const { control } = setUp();
    const dedupe = { hook: 'hook', deliveryId: 'one' };
    const [first, second] = await Promise.all([
      control.start(newRun(sketch, { dedupe })),
      control.start(newRun(sketch, { dedupe })),
    ]);
    expect(second).toEqual({ runId: first.runId, repeated: true });
    expect(await control.start(newRun(sketch, { dedupe: { ...dedupe, deliveryId: 'two' } }))).toMatchObject({
      repeated: false,
    });
  });
});

describe('whoever waits for a run', () => {
  const answer: NewEvent = { type: 'run.answered', stepId: 'start', status: 201, body: { n: 1 } };

  test('gets its answer before it ends, and at once when it has been given', async () => {
    const { control, agent, take } = setUp();
    const { runId } = await control.start(newRun(sketch));
    await take();
    const answered = control.answered(runId, 20_000);
    await agent.report({ runId, fence: 1, events: eventsOf({ runId, fence: 1 }, started, answer) });
    expect(await answered).toMatchObject({ status: 201, body: { n: 1 } });
    expect(await control.answered(runId, 20_000)).toMatchObject({ status: 201 });
  });

  test('gets nothing when the run ends without an answer, when the time is up, and for a run that is not there', async () => {
    const { control, agent, take } = setUp();
    const { runId } = await control.start(newRun(sketch));
    await take();
    expect(await control.answered(runId, 10)).toBeUndefined();
    const answered = control.answered(runId, 20_000);
    await agent.report({ runId, fence: 1, events: eventsOf({ runId, fence: 1 }, started, ended) });
    expect(await answered).toBeUndefined();
    expect(await control.answered('0199f2c4-7000-7000-8000-000000000009', 20_000)).toBeUndefined();
  });

  test('hears of it also when another process executes it', async () => {
    const { control, open } = setUp();
    const other = open();
    const { runId } = await control.start(newRun(sketch));
    const answered = control.answered(runId, 20_000);
    const finished = control.finished(runId);
    const there = other.agent(PROJECT_ID);
    await there.next({ free: 1, have: [], waitMs: 0 });
    await there.report({ runId, fence: 1, events: eventsOf({ runId, fence: 1 }, started, answer, ended), done: true });
    expect(await answered).toMatchObject({ status: 201 });
    expect((await finished).status).toBe('succeeded');
  });

  test('is let go when the control plane closes', async () => {
    const { control } = setUp();
    const { runId } = await control.start(newRun(sketch));
    const waits = [control.answered(runId, 20_000), control.finished(runId)];
    control.close();
    opened.shift();
    expect(await Promise.all(waits)).toMatchObject([undefined, { status: 'queued' }]);
  });
});

describe('pruning', () => {
  const end = async ({ control, agent, take }: ReturnType<typeof setUp>, deliveryId: string) => {
    const run = newRun(sketch, { dedupe: { hook: 'hook', deliveryId } });
    const { runId } = await control.start(run);
    await take();
    await agent.report({ runId, fence: 1, events: eventsOf({ runId, fence: 1 }, started, ended), done: true });
    return runId;
  };

  test('forgets old ended runs with their journals, and keeps the newest and those at work', async () => {
    const all = setUp();
    const { control, pass, now } = all;
    const old = await end(all, 'a');
    const open = await control.start(newRun(sketch));
    pass(86_400_000);
    const fresh = await end(all, 'b');
    control.prune(now() - 1_000, 10);
    expect(control.get(old)).toBeUndefined();
    expect(control.get(fresh)?.events).toHaveLength(2);
    expect(control.get(open.runId)?.run.status).toBe('queued');
    control.prune(0, 1);
    expect(control.list({ projectId: PROJECT_ID, limit: 10 }).data.map((run) => run.id)).toContain(open.runId);
  });

  test('a version that was forgotten is kept again for the next run of it', async () => {
    const all = setUp();
    const { control, take, now } = all;
    const tree = sketchTree(sketch);
    const { runId } = await control.start(newRun(tree));
    await take();
    const events = eventsOf({ runId, fence: 1 }, started, ended);
    await all.agent.report({ runId, fence: 1, events, done: true });
    control.prune(now() + 1, 0);
    expect(control.get(runId)).toBeUndefined();
    await control.start(newRun(tree));
    expect((await take())[0]?.tree?.project.id).toBe(PROJECT_ID);
  });

  test('a delivery is known for as long as runs are kept by time, though its run is gone by number', async () => {
    const all = setUp({ now: Date.now });
    const first = await end(all, 'a');
    await end(all, 'b');
    all.control.prune(Date.now() - 60_000, 1);
    expect(all.control.get(first)).toBeUndefined();
    const again = newRun(sketch, { dedupe: { hook: 'hook', deliveryId: 'a' } });
    expect(await all.control.start(again)).toEqual({ runId: first, repeated: true });
  });
});

test('runs are listed from the newest, a page at a time', async () => {
  const { control } = setUp();
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push((await control.start(newRun(sketch))).runId);
  const list = (control: LocalControl, cursor?: string) => control.list({ projectId: PROJECT_ID, limit: 2, cursor });
  const first = list(control);
  const second = list(control, first.nextCursor);
  const third = list(control, second.nextCursor);
  expect([...first.data, ...second.data, ...third.data].map((run) => run.id)).toEqual(ids.sort().reverse());
  expect(third.nextCursor).toBeUndefined();
});

test('a run whose secrets cannot be had waits, and holds up no other', async () => {
  let locked = true;
  const { control, take } = setUp({
    connectionsOf: () => {
      if (!locked) return {};
      locked = false;
      throw new SluiceError('vault.locked', 'The vault is locked.');
    },
  });
  await control.start(newRun(sketch));
  await control.start(newRun(sketch));
  expect(await take()).toHaveLength(1);
  expect(await take()).toHaveLength(1);
});
