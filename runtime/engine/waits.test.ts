import { describe, expect, test } from 'vitest';
import { createVirtualClock } from '#runtime/engine/ports/virtualClock.ts';
import { SluiceError } from '#shared/error.ts';
import { runSketch, runTree, type Sketch, sketchTree } from '../../tests/fixtures/engine.ts';

const START = Date.parse('2026-11-20T07:00:00Z');
const DAY = 86_400_000;
const later = (ms: number) => createVirtualClock(START + ms);
const CHILD = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
const fine = { status: 200, headers: {}, body: null };
const get = { uses: 'http.request', config: { method: 'GET', url: 'https://slow.example/' } };
const unsafe = { uses: 'http.request', config: { method: 'POST', url: 'https://tracker.example/' } };

describe('a run with several branches', () => {
  test('waits only when nothing of it is at work', async () => {
    const run = await runSketch(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          long: { uses: 'flow.wait', config: { forMs: DAY } },
          slow: get,
          after: { uses: 'items.set', config: { fields: { seen: 1 } } },
        },
        edges: ['start -> long', 'start -> slow', 'slow -> after'],
      },
      { http: () => new Promise((resolve) => setTimeout(() => resolve(fine), 20)) },
    );
    expect(run.outcome.status).toBe('waiting');
    const types = run.events.map((event) => event.type);
    expect(types.indexOf('run.waiting')).toBe(types.length - 1);
    expect(run.runsOf('after')).toBe(1);
  });

  test('a person is still waited for when another wait is over', async () => {
    const sketch: Sketch = {
      steps: {
        start: { uses: 'trigger.manual' },
        long: { uses: 'flow.wait', config: { forMs: DAY } },
        send: unsafe,
        after: { uses: 'items.set', config: { fields: { seen: 1 } } },
      },
      edges: ['start -> long', 'start -> send', 'long -> after'],
    };
    const http = () => {
      throw new SluiceError('connector.unclear', 'The tracker did not answer.');
    };
    const first = await runSketch(sketch, { http });
    expect(first.events.at(-1)).toMatchObject({ type: 'run.waiting', stepId: 'long' });
    const second = await runSketch(sketch, { http, events: first.events, fence: 2, clock: later(DAY) });
    expect(second.runsOf('after')).toBe(1);
    expect(second.outcome.status).toBe('waiting');
    expect(second.events.at(-1)).toMatchObject({ type: 'run.waiting', stepId: 'send', reason: 'needs_attention' });
  });
});

describe('a workflow that another one runs', () => {
  const tree = (retry?: object) =>
    sketchTree(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          call: { uses: 'flow.runWorkflow', config: { workflow: CHILD }, ...retry },
          slow: get,
          after: { uses: 'items.set', config: { fields: { after: 1 } } },
        },
        edges: ['start -> call', 'start -> slow', 'call -> after'],
      },
      {
        workflows: {
          [CHILD]: {
            steps: {
              go: { uses: 'trigger.manual' },
              before: { uses: 'items.set', config: { fields: { before: 1 } } },
              long: { uses: 'flow.wait', config: { forMs: DAY } },
              sent: { ...unsafe, config: { ...unsafe.config, method: 'GET', url: 'https://inner.example/' } },
            },
            edges: ['go -> before', 'before -> long', 'long -> sent'],
          },
        },
      },
    );

  test('gives the whole run back while it waits, and goes on from there', async () => {
    const first = await runTree(tree(), { http: () => fine });
    expect(first.outcome.status).toBe('waiting');
    expect(first.events.at(-1)).toMatchObject({ type: 'run.waiting', stepId: 'long', path: ['call:0'] });
    const second = await runTree(tree(), { http: () => fine, events: first.events, fence: 2, clock: later(DAY) });
    expect(second.outcome.status).toBe('succeeded');
    expect(second.ofType('run.resumed')).toMatchObject([{ stepId: 'long', path: ['call:0'] }]);
    expect(second.ofType('step.attempted').filter((event) => event.stepId === 'before')).toHaveLength(1);
    expect(second.runsOf('after')).toBe(1);
  });

  test('is called anew when its step is tried again, here and after a crash', async () => {
    let inner = 0;
    const http = (request: { url: string }) => {
      if (!request.url.includes('inner')) return fine;
      inner++;
      if (inner === 1) throw new SluiceError('connector.unavailable', 'Not now.');
      return fine;
    };
    const again = { retry: { count: 1, delayMs: 1_000, backoff: 'fixed' as const } };
    const child = tree(again);
    const sent = child.workflows[CHILD]?.steps.sent;
    if (sent) sent.retry = { count: 0, delayMs: 0, backoff: 'fixed' };
    const first = await runTree(child, { http });
    const whole = await runTree(child, { http, events: first.events, fence: 2, clock: later(DAY) });
    expect(whole.outcome.status).toBe('succeeded');
    expect(inner).toBe(2);
    const failed = whole.events.findIndex((event) => event.type === 'step.failed' && event.stepId === 'call');
    for (let cut = failed + 1; cut < whole.events.length; cut++) {
      inner = 1;
      const events = whole.events.slice(0, cut);
      const resumed = await runTree(child, { http, events, fence: 3, clock: later(2 * DAY) });
      expect(resumed.outcome, `cut after event ${cut}`).toEqual({ status: 'succeeded' });
    }
  });
});

test('a pause before another try is kept by the process that goes on', async () => {
  let sent = 0;
  const http = () => {
    sent++;
    if (sent === 1) throw new SluiceError('connector.unavailable', 'Not now.');
    return fine;
  };
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      send: { ...unsafe, retry: { count: 1, delayMs: 600_000, backoff: 'fixed' } },
    },
    edges: ['start -> send'],
  };
  const whole = await runSketch(sketch, { http });
  const failed = whole.events.findIndex((event) => event.type === 'step.failed');
  sent = 1;
  const resumed = await runSketch(sketch, {
    http,
    events: whole.events.slice(0, failed + 1),
    fence: 2,
    clock: later(60_000),
  });
  const last = resumed.ofType('step.attempted').at(-1);
  expect(Date.parse(last?.at ?? '')).toBe(START + 600_000);
});

test('a run that was cancelled before its first step does nothing', async () => {
  const controller = new AbortController();
  controller.abort(new SluiceError('run.cancelled', 'The run was cancelled.'));
  let sent = 0;
  const run = await runSketch(
    { steps: { start: { uses: 'trigger.manual' }, send: unsafe }, edges: ['start -> send'] },
    {
      signal: controller.signal,
      http: () => {
        sent++;
        return fine;
      },
    },
  );
  expect(run.outcome.status).toBe('cancelled');
  expect(run.runsOf('send')).toBe(0);
  expect(sent).toBe(0);
});

test('an unsafe effect that was cut off because the run was handed over is not sent again by itself', async () => {
  const sketch: Sketch = { steps: { start: { uses: 'trigger.manual' }, send: unsafe }, edges: ['start -> send'] };
  const controller = new AbortController();
  const draining = new SluiceError('service.draining', 'The runtime stops.');
  let sent = 0;
  const events: Awaited<ReturnType<typeof runSketch>>['events'] = [];
  const cutOff = runSketch(sketch, {
    signal: controller.signal,
    onEvent: (event) => events.push(event),
    http: async () => {
      sent++;
      controller.abort(draining);
      throw draining;
    },
  });
  await expect(cutOff).rejects.toBe(draining);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(events.map((event) => event.type)).not.toContain('effect.recorded');
  const next = await runSketch(sketch, { http: () => fine, events, fence: 2 });
  expect(next.events.at(-1)).toMatchObject({ type: 'run.waiting', reason: 'needs_attention' });
  expect(sent).toBe(1);
});
