import { describe, expect, test } from 'vitest';
import { openProjectStore } from '#runtime/engine/ports/projectStore.ts';
import { createVirtualClock } from '#runtime/engine/ports/virtualClock.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { runSketch, type Sketch } from '../../tests/fixtures/engine.ts';

const sketch: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    label: { uses: 'items.set', config: { fields: { label: '=$json.n * 2', id: '={{ uuidv4() }}' } } },
    each: { uses: 'flow.loop', config: { batch: 2 } },
    post: {
      uses: 'http.request',
      config: {
        method: 'POST',
        url: 'https://tracker.example/',
        body: { n: '=$json.n' },
        idempotencyHeader: 'Idempotency-Key',
      },
    },
    seen: {
      uses: 'table.insert',
      config: { table: 'seen', key: "=$('start').item.json.n", row: { label: "=$('label').item.json.label" } },
    },
    odd: { uses: 'flow.if', config: { when: "=$('start').item.json.n % 2 === 1" } },
    one: { uses: 'items.set', config: { fields: { odd: true } } },
    two: { uses: 'items.set', config: { fields: { odd: false } } },
    join: { uses: 'flow.merge', config: { how: 'append' } },
    off: { uses: 'items.set', config: { fields: { never: 1 } }, disabled: true },
    after: { uses: 'items.set', config: { fields: { after: 1 } } },
  },
  edges: [
    'start -> label',
    'label -> each',
    'each.loop -> post',
    'post -> seen',
    'seen -> odd',
    'odd.true -> one',
    'odd.false -> two',
    'one -> join.a',
    'two -> join.b',
    'join -> off',
    'off -> each.next',
    'each.done -> after',
  ],
};
const items = [1, 2, 3].map((n) => ({ n }));
const outputs = (events: RunEvent[]) =>
  events
    .filter((event) => event.type === 'step.succeeded')
    .map((event) => `${event.stepId}:${event.iteration} ${JSON.stringify(event.outputs)}`)
    .sort();

describe('a run whose process died', () => {
  test('goes on from any event of its journal to the same outputs, with no keyed effect under a new key', async () => {
    const keys = new Map<string, string>();
    const http = (request: { body?: unknown }, key = '') => {
      const body = JSON.stringify(request.body);
      expect(keys.get(body) ?? key).toBe(key);
      keys.set(body, key);
      return { status: 200, headers: {}, body: { got: body } };
    };
    const whole = await runSketch(sketch, { items, http });
    expect(whole.outcome.status).toBe('succeeded');
    for (let cut = 1; cut < whole.events.length; cut++) {
      const store = openProjectStore(':memory:');
      const resumed = await runSketch(sketch, { items, http, store, events: whole.events.slice(0, cut), fence: 2 });
      expect(resumed.outcome, `cut after event ${cut}`).toEqual({ status: 'succeeded' });
      expect(outputs(resumed.events), `cut after event ${cut}`).toEqual(outputs(whole.events));
      expect(resumed.events.map((event) => event.seq)).toEqual(resumed.events.map((_event, index) => index + 1));
      store.close();
    }
    expect(keys.size).toBe(3);
  });

  test('repeats no recorded effect', async () => {
    let sent = 0;
    const http = () => {
      sent++;
      return { status: 200, headers: {}, body: sent };
    };
    const whole = await runSketch(sketch, { items, http });
    const recorded = whole.events.findLastIndex((event) => event.type === 'effect.recorded' && event.kind === 'http');
    sent = 0;
    await runSketch(sketch, { items, http, events: whole.events.slice(0, recorded + 1), fence: 2 });
    expect(sent).toBe(0);
  });

  test('does not repeat an unsafe effect that was announced and never answered', async () => {
    let sent = 0;
    const unsafe: Sketch = {
      steps: {
        start: { uses: 'trigger.manual' },
        post: { uses: 'http.request', config: { method: 'POST', url: 'https://tracker.example/' } },
      },
      edges: ['start -> post'],
    };
    const http = () => {
      sent++;
      return { status: 200, headers: {}, body: null };
    };
    const whole = await runSketch(unsafe, { http });
    const announced = whole.events.findIndex((event) => event.type === 'effect.intended');
    const resumed = await runSketch(unsafe, { http, events: whole.events.slice(0, announced + 1), fence: 2 });
    expect(sent).toBe(1);
    expect(resumed.outcome.status).toBe('waiting');
    expect(resumed.ofType('run.waiting')).toMatchObject([{ reason: 'needs_attention' }]);
    const parked = await runSketch(unsafe, { http, events: resumed.events, fence: 3 });
    expect(parked.outcome.status).toBe('waiting');
    expect(sent).toBe(1);
  });

  test('stays ended when it had ended', async () => {
    const whole = await runSketch({ steps: { start: { uses: 'trigger.manual' } }, edges: [] });
    const again = await runSketch(
      { steps: { start: { uses: 'trigger.manual' } }, edges: [] },
      { events: whole.events, fence: 2 },
    );
    expect(again.events).toEqual(whole.events);
  });
});

describe('waiting', () => {
  const waiting: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      long: { uses: 'flow.wait', config: { forMs: 86_400_000 } },
      longer: { uses: 'flow.wait', config: { forMs: 172_800_000 } },
      after: { uses: 'items.set', config: { fields: { at: '=$now.toISO()' } } },
      later: { uses: 'items.set', config: { fields: { later: 1 } } },
    },
    edges: ['start -> long', 'start -> longer', 'long -> after', 'longer -> later'],
  };

  test('a long wait gives the run back, saying until when, the earliest last', async () => {
    const run = await runSketch(waiting);
    expect(run.outcome.status).toBe('waiting');
    expect(run.events.at(-1)).toMatchObject({
      type: 'run.waiting',
      stepId: 'long',
      reason: 'delay',
      until: '2026-11-21T07:00:00.000Z',
    });
  });

  test('when its time has come the run goes on, and waits again for what is left', async () => {
    const first = await runSketch(waiting);
    const nextDay = createVirtualClock(Date.parse('2026-11-21T07:00:00Z'));
    const second = await runSketch(waiting, { events: first.events, clock: nextDay, fence: 2 });
    expect(second.outcome.status).toBe('waiting');
    expect(second.ofType('run.resumed')).toMatchObject([{ stepId: 'long', by: 'timer' }]);
    expect(second.runsOf('after')).toBe(1);
    expect(second.events.at(-1)).toMatchObject({
      type: 'run.waiting',
      stepId: 'longer',
      until: '2026-11-22T07:00:00.000Z',
    });
    const third = await runSketch(waiting, {
      events: second.events,
      clock: createVirtualClock(Date.parse('2026-11-22T07:00:01Z')),
      fence: 3,
    });
    expect(third.outcome.status).toBe('succeeded');
  });
});
