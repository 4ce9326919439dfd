import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawn } from '../../tests/fixtures/drawn.ts';
import { RunEvent } from './events.ts';
import { emptyRun, foldRun, type RunState } from './foldRun.ts';

fc.configureGlobal(drawn);

const runId = '0199f2c5-0000-7000-8000-000000000001';
const workflowId = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const hash = '0'.repeat(64);
const items = (count: number) => ({ items: Array.from({ length: count }, (_, n) => ({ json: { n } })) });
type Loose = { type: string; [field: string]: unknown };

/** Numbers events and gives each a time, a second after the one before; checks that they are events. */
function journal(...events: Loose[]): RunEvent[] {
  return events.map((event, i) =>
    RunEvent.parse({
      runId,
      seq: i + 1,
      at: new Date(Date.UTC(2026, 10, 20, 7, 0, i)).toISOString(),
      fence: 1,
      ...event,
    }),
  );
}
const fold = (events: RunEvent[], from = emptyRun(runId)): RunState => events.reduce(foldRun, from);

const started = {
  type: 'run.started',
  workflowId,
  execHash: hash,
  runtimeHash: hash,
  environment: 'local',
  triggerStepId: 'hook',
  input: items(2),
  seed: 's',
};
const of = (stepId: string, iteration = 0, attempt = 1) => ({ stepId, iteration, attempt });
const from = (stepId: string, outPort = 'main', port = 'main', more = {}) => ({
  port,
  stepId,
  iteration: 0,
  outPort,
  ...more,
});
const attempted = (stepId: string, deliveries: object[], iteration = 0, attempt = 1) => ({
  type: 'step.attempted',
  ...of(stepId, iteration, attempt),
  from: deliveries,
});
const succeeded = (stepId: string, outputs: object, iteration = 0, attempt = 1) => ({
  type: 'step.succeeded',
  ...of(stepId, iteration, attempt),
  outputs,
});
const error = { code: 'connector.unavailable', message: 'The service is away.' };

const whole = journal(
  started,
  attempted('fresh', [from('hook')]),
  succeeded('fresh', { true: items(1), false: { blob: hash, bytes: 9, count: 7 } }),
  attempted('post', [from('fresh', 'true')]),
  { type: 'effect.intended', ...of('post'), no: '0.0', kind: 'http', key: 'k', request: {} },
  { type: 'step.failed', ...of('post'), error, retryAt: '2026-11-20T07:00:30.000Z' },
  attempted('post', [from('fresh', 'true')], 0, 2),
  { type: 'effect.recorded', ...of('post', 0, 2), no: '0.0', kind: 'http', requestHash: hash, result: {} },
  succeeded('post', { main: items(3) }, 0, 2),
  attempted('answer', [from('fresh', 'false')]),
  { type: 'run.answered', stepId: 'answer', status: 200, body: { ok: true } },
  { type: 'run.answered', stepId: 'answer', status: 500 },
  succeeded('answer', { main: items(7) }),
  { type: 'step.skipped', stepId: 'never', reason: 'not_reached' },
  { type: 'run.ended', status: 'succeeded', output: { post: items(3) } },
);

describe('foldRun', () => {
  it('shows what a run did: statuses, counts on ports and edges, answer, output, times', () => {
    const run = fold(whole);
    expect(run).toMatchObject({
      status: 'succeeded',
      seq: 15,
      workflowId,
      triggerStepId: 'hook',
      startedAt: '2026-11-20T07:00:00.000Z',
      durationMs: 14_000,
      answer: { status: 200, body: { ok: true } },
      output: { post: items(3) },
    });
    expect(run.edges).toEqual({
      'hook.main->fresh.main': 2,
      'fresh.true->post.main': 1,
      'fresh.false->answer.main': 7,
    });
    expect(run.steps.hook).toMatchObject({ status: 'succeeded', itemsOut: { main: 2 }, iterations: 1 });
    expect(run.steps.fresh).toMatchObject({
      status: 'succeeded',
      itemsIn: { main: 2 },
      itemsOut: { true: 1, false: 7 },
      durationMs: 1000,
    });
    expect(run.steps.post).toMatchObject({
      status: 'succeeded',
      attempt: 2,
      iterations: 1,
      itemsIn: { main: 1 },
      itemsOut: { main: 3 },
      durationMs: 5000,
    });
    expect(run.steps.post?.error).toBeUndefined();
    expect(run.steps.post?.retryAt).toBeUndefined();
    expect(run.steps.never).toMatchObject({ status: 'skipped', iterations: 0 });
  });

  it('shows a step that runs, fails and waits for its next try', () => {
    expect(fold(whole.slice(0, 4)).steps.post).toMatchObject({
      status: 'running',
      attempt: 1,
      startedAt: '2026-11-20T07:00:03.000Z',
    });
    expect(fold(whole.slice(0, 6)).steps.post).toMatchObject({
      status: 'retrying',
      error,
      retryAt: '2026-11-20T07:00:30.000Z',
    });
    expect(fold(whole.slice(0, 7)).steps.post).toMatchObject({ status: 'running', attempt: 2, retryAt: undefined });
    expect(fold(whole.slice(0, 7)).status).toBe('running');
  });

  it('changes nothing for an event that was seen before', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length - 1)), (repeats) => {
        let run = emptyRun(runId);
        whole.forEach((event, i) => {
          run = foldRun(run, event);
          for (const repeat of repeats) if (repeat <= i) expect(foldRun(run, whole[repeat] as RunEvent)).toBe(run);
        });
        expect(run).toEqual(fold(whole));
      }),
    );
  });

  it('refuses a gap and says which event is next', () => {
    expect(() => foldRun(fold(whole.slice(0, 3)), whole[4] as RunEvent)).toThrow(
      expect.objectContaining({ code: 'run.gap', details: { expected: 4 } }),
    );
  });

  it('never changes the state that came in', () => {
    const frozen = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
      Object.freeze(value);
      Object.values(value).forEach(frozen);
    };
    let run = emptyRun(runId);
    for (const event of whole) {
      frozen(run);
      run = foldRun(run, event);
    }
    expect(run.status).toBe('succeeded');
  });

  it('shows why a run waits, and goes on', () => {
    const events = journal(
      started,
      attempted('wait', [from('hook')]),
      { type: 'run.waiting', stepId: 'wait', iteration: 0, reason: 'delay', until: '2026-11-20T09:00:00.000Z' },
      { type: 'run.resumed', stepId: 'wait', iteration: 0, by: 'timer' },
      succeeded('wait', { main: items(2) }),
    );
    const waiting = fold(events.slice(0, 3));
    expect(waiting).toMatchObject({
      status: 'waiting',
      wait: { stepId: 'wait', reason: 'delay', until: '2026-11-20T09:00:00.000Z' },
    });
    expect(waiting.steps.wait).toMatchObject({ status: 'waiting', wait: { reason: 'delay' } });
    const resumed = fold(events.slice(0, 4));
    expect(resumed.status).toBe('running');
    expect(resumed.wait).toBeUndefined();
    expect(resumed.steps.wait).toMatchObject({ status: 'running', wait: undefined });
    expect(fold(events).steps.wait?.status).toBe('succeeded');
  });

  it('adds up the iterations of steps in a loop, and counts what the loop handed out', () => {
    const run = fold(
      journal(
        started,
        attempted('each', [from('hook')]),
        attempted('post', [from('each', 'loop', 'main', { batch: 0 })]),
        succeeded('post', { main: items(1) }),
        attempted('post', [from('each', 'loop', 'main', { batch: 1 })], 1),
        { type: 'step.failed', ...of('post', 1), error: { code: 'step.timed_out', message: 'Too slow.' } },
        succeeded('each', { done: items(1) }),
        attempted('answer', [from('each', 'done'), from('post', 'error', 'other')]),
      ),
    );
    expect(run.steps.post).toMatchObject({
      status: 'timed_out',
      iterations: 2,
      itemsIn: { main: 2 },
      itemsOut: { main: 1 },
      durationMs: 2000,
    });
    expect(run.steps.post?.runs.map(({ status }) => status)).toEqual(['succeeded', 'timed_out']);
    expect(run.edges).toEqual({
      'hook.main->each.main': 2,
      'each.loop->post.main': 2,
      'each.done->answer.main': 1,
      'post.error->answer.other': 0,
    });
  });

  it('keeps the steps of a called workflow apart and does not take their end for its own', () => {
    const path = ['call:0'];
    const run = fold(
      journal(
        started,
        attempted('call', [from('hook')]),
        { ...started, path, triggerStepId: 'sub' },
        { ...attempted('post', [from('sub')]), path },
        { ...succeeded('post', { main: items(1) }), path },
        { type: 'run.ended', status: 'failed', path },
        { type: 'run.answered', stepId: 'post', status: 201, path },
      ),
    );
    expect(run).toMatchObject({ status: 'running', triggerStepId: 'hook' });
    expect(run.answer).toBeUndefined();
    expect(run.steps).toHaveProperty(['call:0/post', 'status'], 'succeeded');
    expect(run.steps).not.toHaveProperty('post');
  });

  it.each([
    ['cancelled', 'cancelled'],
    ['timed_out', 'timed_out'],
    ['failed', 'cancelled'],
  ])('ends what still runs when the run is %s', (status, step) => {
    const run = fold(journal(started, attempted('slow', [from('hook')]), { type: 'run.ended', status, error }));
    expect(run).toMatchObject({ status, error });
    expect(run.steps.slow).toMatchObject({ status: step, endedAt: '2026-11-20T07:00:02.000Z' });
    expect(run.steps.hook?.status).toBe('succeeded');
  });
});

describe('where the data of a step came from', () => {
  it('is a pin, an earlier run, or this run', () => {
    const state = fold(
      journal(
        started,
        { ...attempted('a', [from('hook')]), source: workflowId },
        { ...succeeded('a', { main: items(1) }), source: workflowId },
        attempted('b', [from('a')]),
        { ...succeeded('b', { main: items(1) }), pinned: true },
        attempted('c', [from('b')]),
        succeeded('c', { main: items(1) }),
      ),
    );
    expect(['a', 'b', 'c'].map((id) => state.steps[id]?.runs[0]?.source)).toEqual([workflowId, 'pin', undefined]);
  });

  it('counts the time of a step from its own attempt on, not from one that an earlier run made', () => {
    const state = fold(
      journal(
        started,
        { ...attempted('a', [from('hook')]), source: workflowId },
        attempted('a', [from('hook')], 0, 2),
        succeeded('a', { main: items(1) }, 0, 2),
      ),
    );
    expect(state.steps.a?.runs[0]).toMatchObject({ attempt: 2, durationMs: 1_000, status: 'succeeded' });
    expect(state.steps.a?.runs[0]?.source).toBeUndefined();
  });

  it('a step run whose group ended is over, and says why', () => {
    const state = fold(
      journal(started, attempted('a', [from('hook')]), {
        type: 'step.skipped',
        stepId: 'a',
        iteration: 0,
        reason: 'group_ended',
      }),
    );
    expect(state.steps.a).toMatchObject({ status: 'cancelled', runs: [{ skipReason: 'group_ended' }] });
  });
});
