import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { RunEvent } from '#shared/run/events.ts';
import { newRun, openControl, temporaryDir } from '../../tests/fixtures/agent.ts';
import { PROJECT_ID } from '../../tests/fixtures/engine.ts';
import type { NewEvent } from '../engine/ports/ports.ts';
import type { LocalControl, NewRun } from './localControl.ts';

const sketch = { steps: { start: { uses: 'trigger.manual' } }, edges: [] };
const LEASE = 1_000;
const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

/** A control plane with a runtime that waits, and another process beside it that sees only what is on the disk. */
function setUp() {
  const place = temporaryDir();
  let now = Date.parse('2026-11-20T07:00:00Z');
  const open = () => {
    const control = openControl(place.dir, { now: () => now, leaseMs: LEASE });
    opened.push({ close: () => control.close() });
    return control;
  };
  const control = open();
  const other = open();
  opened.push({ close: () => place[Symbol.dispose]() });
  const agent = control.agent(PROJECT_ID);
  const ask = (free = 10) => agent.next({ free, have: [], waitMs: 60_000 });
  /** Starts a run while a runtime waits, and gives what that gets. */
  const handOver = async (accept: NewRun['accept'], more: Partial<NewRun> = {}) => {
    const asked = ask();
    const { runId } = await control.start(newRun(sketch, { accept, ...more }));
    const { runs } = await asked;
    return { runId, run: runs[0] };
  };
  const take = (from: LocalControl = control) => from.agent(PROJECT_ID).next({ free: 10, have: [], waitMs: 0 });
  return { dir: place.dir, open, control, other, agent, ask, take, handOver, pass: (ms: number) => (now += ms) };
}

function eventsOf(runId: string, fence: number, from: number, ...list: NewEvent[]) {
  const at = '2026-11-20T07:00:00.000Z';
  return list.map((event, index) => ({ ...event, runId, fence, seq: from + index, at }) as RunEvent);
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
const answer: NewEvent = { type: 'run.answered', stepId: 'start', status: 201, body: { n: 1 } };
const ended: NewEvent = { type: 'run.ended', status: 'succeeded', output: {} };

test('a run that comes while a runtime waits is stored as that one’s, so that no other takes it', async () => {
  const { other, take, handOver, pass } = setUp();
  const { runId, run } = await handOver('stored');
  expect(run).toMatchObject({ runId, fence: 1, events: [] });
  expect(other.get(runId)?.run.status).toBe('queued');
  expect((await take(other)).runs).toEqual([]);
  pass(LEASE + 1);
  expect((await take(other)).runs).toMatchObject([{ runId, fence: 2 }]);
});

test('more runs than a runtime waits for are in the store for the next who asks', async () => {
  const { control, ask, take } = setUp();
  const asked = ask(1);
  for (let n = 0; n < 3; n++) await control.start(newRun(sketch));
  expect((await asked).runs).toHaveLength(1);
  expect((await take()).runs).toHaveLength(2);
});

describe('a run whose caller was told nothing yet', () => {
  test('reaches the disk with its first report, and its caller is answered only then', async () => {
    const { control, other, open, agent, handOver } = setUp();
    const { runId, run } = await handOver('held');
    expect(run).toMatchObject({ runId, fence: 1 });
    expect(other.get(runId)).toBeUndefined();
    const seen = control.answered(runId, 20_000).then((given) => ({ given, there: open().get(runId) }));
    const events = eventsOf(runId, 1, 1, started, answer, ended);
    expect(await agent.report({ runId, fence: 1, events, done: true })).toEqual({ ack: 3 });
    const { given, there } = await seen;
    expect(given).toMatchObject({ status: 201, body: { n: 1 } });
    expect(there).toMatchObject({ run: { status: 'succeeded' }, events });
    // Whoever has the file open already sees it a moment later.
    await vi.waitFor(() => expect(other.get(runId)).toEqual(there), { timeout: 60_000 });
    expect(control.get(runId)).toEqual(there);
  });

  test('goes on report by report as any other', async () => {
    const { agent, other, handOver } = setUp();
    const { runId } = await handOver('held');
    await agent.report({ runId, fence: 1, events: eventsOf(runId, 1, 1, started) });
    expect(other.get(runId)?.run.status).toBe('running');
    const gap = agent.report({ runId, fence: 1, events: eventsOf(runId, 1, 3, ended) });
    await expect(gap).rejects.toMatchObject({ code: 'run.gap', details: { expected: 2 } });
    await agent.report({ runId, fence: 1, events: eventsOf(runId, 1, 2, ended), done: true });
    expect(other.get(runId)?.events.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('is on the disk before its caller is told that it goes on', async () => {
    const { control, agent, other, handOver } = setUp();
    const { runId } = await handOver('held');
    await control.kept(runId);
    expect(other.get(runId)?.run.status).toBe('queued');
    const events = eventsOf(runId, 1, 1, started, ended);
    await agent.report({ runId, fence: 1, events, done: true });
    expect(other.get(runId)).toMatchObject({ run: { status: 'succeeded' }, events });
  });

  test('that no runtime has taken is kept for whoever asks', async () => {
    const { control, ask, take, handOver } = setUp();
    await handOver('held');
    const { runId } = await control.start(newRun(sketch, { accept: 'held' }));
    await control.kept(runId);
    const { runs } = await take();
    expect(runs).toMatchObject([{ runId, fence: 1 }]);
    expect((await Promise.race([ask(), Promise.resolve({ runs: [] })])).runs).toEqual([]);
  });

  test.each([
    ['when its runtime died', ({ control }: ReturnType<typeof setUp>) => control.released(PROJECT_ID)],
    ['when its lease runs out', ({ pass }: ReturnType<typeof setUp>) => pass(LEASE + 1)],
  ])('is taken up again %s, and the first one’s reports are refused', async (_when, happen) => {
    const all = setUp();
    const { runId } = await all.handOver('held');
    happen(all);
    expect((await all.take()).runs).toMatchObject([{ runId, fence: 2, events: [] }]);
    const late = all.agent.report({ runId, fence: 1, events: eventsOf(runId, 1, 1, started) });
    await expect(late).rejects.toMatchObject({ code: 'run.fenced' });
  });

  test('is stored by the next try where the disk refused the first, with its version', async () => {
    const { dir, agent, other, handOver } = setUp();
    const { runId } = await handOver('held');
    const disk = new DatabaseSync(join(dir, 'runs.db'));
    opened.unshift({ close: () => disk.close() });
    disk.exec("CREATE TRIGGER full BEFORE INSERT ON run_reports BEGIN SELECT RAISE(ABORT, 'full'); END");
    const events = eventsOf(runId, 1, 1, started);
    await expect(agent.report({ runId, fence: 1, events })).rejects.toThrow('full');
    expect(other.get(runId)).toBeUndefined();
    disk.exec('DROP TRIGGER full');
    expect(await agent.report({ runId, fence: 1, events })).toEqual({ ack: 1 });
    await agent.report({ runId, fence: 1, events: [], done: true });
    const { runs } = await other.agent(PROJECT_ID).next({ free: 1, have: [], waitMs: 0 });
    expect(runs).toMatchObject([{ runId, fence: 2, events, tree: { project: { id: PROJECT_ID } } }]);
  });

  test('is stored at once when it has a delivery id, which the next delivery must find', async () => {
    const { control, other, handOver } = setUp();
    const dedupe = { hook: 'hook', deliveryId: 'one' };
    const { runId } = await handOver('held', { dedupe });
    expect(other.get(runId)?.run.status).toBe('queued');
    expect(await control.start(newRun(sketch, { accept: 'held', dedupe }))).toEqual({ runId, repeated: true });
  });

  test('is stored at once when no runtime of this process is there', async () => {
    const { control, other } = setUp();
    const { runId } = await control.start(newRun(sketch, { accept: 'held' }));
    expect(other.get(runId)?.run.status).toBe('queued');
  });

  test('is cancelled by its next report', async () => {
    const { control, agent, handOver } = setUp();
    const { runId } = await handOver('held');
    control.cancel(runId);
    const events = eventsOf(runId, 1, 1, started);
    expect(await agent.report({ runId, fence: 1, events })).toEqual({ ack: 1, cancel: true });
  });
});

describe('a run of which nothing is kept', () => {
  test('is told to listeners and answered, and nothing of it is ever written', async () => {
    const { control, agent, other, handOver } = setUp();
    const told: string[] = [];
    control.subscribe((message) => told.push(message.type === 'run.event' ? message.event.type : message.type));
    const { runId } = await handOver('unkept');
    const answered = control.answered(runId, 20_000);
    const events = eventsOf(runId, 1, 1, started, answer, ended);
    expect(await agent.report({ runId, fence: 1, events, done: true })).toEqual({ ack: 3 });
    expect(await answered).toMatchObject({ status: 201 });
    expect(told).toEqual(['run.started', 'run.answered', 'run.ended', 'run.changed']);
    expect(control.status(runId)).toBe('succeeded');
    expect(other.get(runId)).toBeUndefined();
    expect(other.list({ projectId: PROJECT_ID, limit: 10 }).data).toEqual([]);
  });

  test('gives its answer to one caller, however late, and lets go of it then', async () => {
    const { control, agent, handOver } = setUp();
    const { runId } = await handOver('unkept');
    const events = eventsOf(runId, 1, 1, started, answer, ended);
    await agent.report({ runId, fence: 1, events, done: true });
    expect(await control.answered(runId, 20_000)).toMatchObject({ status: 201 });
    expect(await control.answered(runId, 20_000)).toBeUndefined();
    expect(control.status(runId)).toBe('succeeded');
  });

  test('lets go of an answer that was given before its end', async () => {
    const { control, agent, handOver } = setUp();
    const { runId } = await handOver('unkept');
    await agent.report({ runId, fence: 1, events: eventsOf(runId, 1, 1, started, answer) });
    expect(await control.answered(runId, 20_000)).toMatchObject({ status: 201 });
    await agent.report({ runId, fence: 1, events: eventsOf(runId, 1, 3, ended), done: true });
    expect(await control.answered(runId, 20_000)).toBeUndefined();
  });

  test('refuses a gap and takes the same report twice, as the store does', async () => {
    const { agent, handOver } = setUp();
    const { runId } = await handOver('unkept');
    const gap = agent.report({ runId, fence: 1, events: eventsOf(runId, 1, 2, started) });
    await expect(gap).rejects.toMatchObject({ code: 'run.gap', details: { expected: 1 } });
    const report = { runId, fence: 1, events: eventsOf(runId, 1, 1, started, ended), done: true };
    expect(await agent.report(report)).toEqual({ ack: 2 });
    expect(await agent.report(report)).toEqual({ ack: 2 });
  });

  test.each([
    ['its runtime died', ({ control }: ReturnType<typeof setUp>) => control.released(PROJECT_ID)],
    [
      'it was handed back',
      ({ agent }: ReturnType<typeof setUp>, runId: string) => agent.report({ runId, fence: 1, events: [], done: true }),
    ],
    [
      'its lease ran out',
      ({ pass, take }: ReturnType<typeof setUp>) => {
        pass(LEASE + 1);
        return take();
      },
    ],
  ])('is lost when %s, and whoever waits for it hears so', async (_why, happen) => {
    const all = setUp();
    const { runId } = await all.handOver('unkept');
    const finished = all.control.finished(runId);
    await happen(all, runId);
    expect(await finished).toMatchObject({ status: 'failed', error: { code: 'run.lost' } });
    expect((await all.take()).runs).toEqual([]);
  });

  test('is cancelled by its next report, or at once when nobody has it', async () => {
    const { control, agent, take, handOver } = setUp();
    const { runId } = await handOver('unkept');
    const waiting = await control.start(newRun(sketch, { accept: 'unkept' }));
    control.cancel(runId);
    control.cancel(waiting.runId);
    expect(await agent.report({ runId, fence: 1, events: eventsOf(runId, 1, 1, started) })).toMatchObject({
      cancel: true,
    });
    expect(control.status(waiting.runId)).toBe('cancelled');
    expect(() => control.cancel(waiting.runId)).toThrow('ended already');
    expect((await take()).runs).toEqual([]);
  });
});

test('whoever waited for work when the runtime died gets none of what comes later', async () => {
  const { control, ask, take } = setUp();
  const dead = ask();
  control.released(PROJECT_ID);
  const { runId } = await control.start(newRun(sketch));
  expect((await dead).runs).toEqual([]);
  expect((await take()).runs).toMatchObject([{ runId }]);
});
