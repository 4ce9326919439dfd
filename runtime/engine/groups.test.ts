import { expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { type RunSketch, runSketch, type Sketch } from '../../tests/fixtures/engine.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, n): JsonObject => ({ n }));
const ok = (body: JsonObject = {}) => ({ status: 200, headers: {}, body });
const set = (fields: JsonObject) => ({ uses: 'items.set', config: { fields } });
const call = {
  uses: 'http.request',
  config: { url: 'https://a.example/{{ $json.n }}' },
  retry: { count: 0, delayMs: 0, backoff: 'fixed' as const },
};

const GUARDED: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    group: { uses: 'flow.try' },
    call,
    slow: { ...call, config: { url: 'https://slow.example' } },
    back: set({ done: true }),
    caught: set({ code: '=$json.error.code', step: '=$json.error.stepId' }),
    after: set({ after: true }),
  },
  edges: [
    'start -> group',
    'group.try -> call',
    'group.try -> slow',
    'call -> back',
    'back -> group.next',
    'group.catch -> caught',
    'group.done -> after',
  ],
};

const refusing =
  (bad: (url: string) => boolean): NonNullable<RunSketch['http']> =>
  async ({ url }) => {
    await new Promise((resolve) => setTimeout(resolve, url.includes('slow') ? 20 : 2));
    if (bad(url)) throw new SluiceError('connector.rejected', 'It said no.');
    return ok();
  };

test('a group that ends well gives what came back to it', async () => {
  const { outcome, left, runsOf } = await runSketch(GUARDED, { items: numbers(2), http: refusing(() => false) });
  expect(outcome.status).toBe('succeeded');
  expect(left('after')).toMatchObject([{ done: true, after: true }, { done: true }]);
  expect(runsOf('caught')).toBe(0);
});

test('a step that fails for good ends its group, not the run: the items leave by catch, and nothing else of it goes on', async () => {
  const { outcome, left, runsOf, ofType, events } = await runSketch(GUARDED, {
    items: numbers(2),
    http: refusing((url) => url.endsWith('/1')),
  });
  expect(outcome.status).toBe('succeeded');
  expect(left('caught')).toEqual([
    expect.objectContaining({ n: 0, code: 'connector.rejected', step: 'call' }),
    expect.objectContaining({ n: 1, code: 'connector.rejected', step: 'call' }),
  ]);
  expect([runsOf('back'), runsOf('after')]).toEqual([0, 0]);
  expect(ofType('step.skipped')).toMatchObject([{ stepId: 'slow', iteration: 0, reason: 'group_ended' }]);
  expect(events.filter((event) => event.type === 'step.succeeded' && event.stepId === 'slow')).toEqual([]);
});

test('a group resumes rightly from every event of its journal', async () => {
  const http = refusing((url) => url.endsWith('/1'));
  const whole = await runSketch(GUARDED, { items: numbers(2), http });
  for (let cut = 1; cut < whole.events.length; cut++) {
    const resumed = await runSketch(GUARDED, { items: numbers(2), http, events: whole.events.slice(0, cut), fence: 2 });
    expect(resumed.outcome.status, `after ${cut} events`).toBe('succeeded');
    expect(resumed.left('caught')).toEqual(whole.left('caught'));
    expect(resumed.runsOf('caught')).toBe(1);
    expect(resumed.events.map(({ seq }) => seq)).toEqual(resumed.events.map((_event, index) => index + 1));
  }
});

test('the innermost group catches, what fails in catch is caught by the next, and the rest of a loop goes on', async () => {
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      outer: { uses: 'flow.try' },
      each: { uses: 'flow.loop' },
      inner: { uses: 'flow.try' },
      call,
      mend: { uses: 'flow.stop', config: { message: 'No mending of {{ $json.n }}.' } },
      final: set({ final: '=$json.error.message' }),
      good: set({ good: true }),
    },
    edges: [
      'start -> outer',
      'outer.try -> each',
      'each.loop -> inner',
      'inner.try -> call',
      'call -> inner.next',
      'inner.catch -> mend',
      'inner.done -> each.next',
      'each.done -> outer.next',
      'outer.catch -> final',
      'outer.done -> good',
    ],
  };
  const failing = await runSketch(sketch, { items: numbers(4), http: refusing((url) => url.endsWith('/2')) });
  expect(failing.left('final')).toHaveLength(4);
  expect(failing.left('final')[0]).toMatchObject({ n: 0, final: 'No mending of 2.' });
  expect(failing.runsOf('call')).toBe(3);
  const well = await runSketch(sketch, { items: numbers(4), http: refusing(() => false) });
  expect(well.left('good')).toHaveLength(4);
});

test('a group without a way back passes on what it was given', async () => {
  const { left } = await runSketch(
    {
      steps: {
        start: { uses: 'trigger.manual' },
        group: { uses: 'flow.try' },
        inside: set({ a: 1 }),
        after: set({ b: 2 }),
      },
      edges: ['start -> group', 'group.try -> inside', 'group.done -> after'],
    },
    { items: numbers(2) },
  );
  expect(left('after')).toEqual([
    { n: 0, b: 2 },
    { n: 1, b: 2 },
  ]);
});

test('a cancelled run is not caught', async () => {
  const controller = new AbortController();
  const { outcome, runsOf } = await runSketch(GUARDED, {
    items: numbers(1),
    signal: controller.signal,
    http: async () => {
      controller.abort(new SluiceError('run.cancelled', 'Somebody cancelled it.'));
      await new Promise((resolve) => setTimeout(resolve, 5));
      return ok();
    },
  });
  expect([outcome.status, runsOf('caught')]).toEqual(['cancelled', 0]);
});

const MAPPED = (concurrency: number, batch = 1): Sketch => ({
  steps: {
    start: { uses: 'trigger.manual' },
    map: { uses: 'flow.map', config: { concurrency, batch } },
    call,
    name: set({ id: '=$json.body.id', from: "=$('start').item.json.n" }),
    after: set({ first: "=$('start').item.json.n" }),
  },
  edges: ['start -> map', 'map.item -> call', 'call -> name', 'name -> map.next', 'map.done -> after'],
});

/** Answers after times that put the answers out of order; counts who is there at once. */
/** @param atLeast so many calls are there at once before the first of them is answered */
function crowd(atLeast = 1) {
  let here = 0;
  const { promise: gathered, resolve: gather } = Promise.withResolvers<void>();
  const seen = { most: 0, calls: [] as string[] };
  const http: NonNullable<RunSketch['http']> = async ({ url }) => {
    seen.calls.push(url);
    seen.most = Math.max(seen.most, ++here);
    if (seen.most >= atLeast) gather();
    await gathered;
    await new Promise((resolve) => setTimeout(resolve, (url.charCodeAt(url.length - 1) % 5) * 3));
    here--;
    return ok({ id: Number(url.split('/').at(-1)) });
  };
  return { http, seen };
}

test.each([
  [1, 1],
  [7, 1],
  [30, 1],
  [4, 3],
])('a map with %d batches of %d at once works on no more, and gives the items in their order', async (concurrency, batch) => {
  const most = Math.min(concurrency, Math.ceil(40 / batch));
  const { http, seen } = crowd(most);
  const { outcome, left } = await runSketch(MAPPED(concurrency, batch), { items: numbers(40), http });
  expect(outcome.status).toBe('succeeded');
  expect(seen.most).toBe(most);
  expect(left('after').map((json) => (json as JsonObject).id)).toEqual(numbers(40).map(({ n }) => n));
  expect(left('after').map((json) => (json as JsonObject).first)).toEqual(numbers(40).map(({ n }) => n));
});

test('a map that is resumed anywhere does no batch again that had ended, and gives the same', async () => {
  const first = crowd();
  const whole = await runSketch(MAPPED(4), { items: numbers(8), http: first.http });
  for (let cut = 1; cut < whole.events.length; cut++) {
    const before = whole.events.slice(0, cut);
    const { http, seen } = crowd();
    const resumed = await runSketch(MAPPED(4), { items: numbers(8), http, events: before, fence: 2 });
    expect(resumed.outcome.status, `after ${cut} events`).toBe('succeeded');
    expect(resumed.left('after')).toEqual(whole.left('after'));
    const known = before.flatMap((event) => (event.type === 'effect.recorded' ? [event] : [])).length;
    expect(seen.calls).toHaveLength(8 - known);
    expect(repeated(resumed.events)).toEqual([]);
  }
});

test('a join inside a map meets what belongs to its own batch', async () => {
  const { http } = crowd();
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      map: { uses: 'flow.map', config: { concurrency: 10 } },
      call,
      plain: set({ side: 'b', own: '=$json.n' }),
      name: set({ side: 'a', own: '=$json.body.id' }),
      join: { uses: 'flow.merge', config: { how: 'by_position' } },
      check: set({ same: "=$json.own === $('start').item.json.n" }),
    },
    edges: [
      'start -> map',
      'map.item -> call',
      'call -> name',
      'map.item -> plain',
      'name -> join.a',
      'plain -> join.b',
      'join -> check',
      'check -> map.next',
    ],
  };
  const { left, runsOf } = await runSketch(sketch, { items: numbers(20), http });
  expect(runsOf('join')).toBe(20);
  expect(left('map', 'done').map((json) => (json as JsonObject).own)).toEqual(numbers(20).map(({ n }) => n));
  expect(left('check').every((json) => (json as JsonObject).same)).toBe(true);
});

test('a failure in a map fails the run, or is caught by the group around it', async () => {
  const http = refusing((url) => url.endsWith('/3'));
  const { outcome } = await runSketch(MAPPED(3), { items: numbers(6), http });
  expect(outcome).toMatchObject({ status: 'failed', error: { stepId: 'call' } });
  const { steps, edges } = MAPPED(3);
  const guarded = await runSketch(
    {
      steps: { ...steps, group: { uses: 'flow.try' }, caught: set({ caught: true }) },
      edges: [
        ...edges.filter((edge) => edge !== 'start -> map'),
        'start -> group',
        'group.try -> map',
        'after -> group.next',
        'group.catch -> caught',
      ],
    },
    { items: numbers(6), http },
  );
  expect(guarded.outcome.status).toBe('succeeded');
  expect(guarded.left('caught')).toHaveLength(6);
});

/** Step runs that were begun again after they had ended. */
function repeated(events: readonly RunEvent[]): string[] {
  const ended = new Set<string>();
  return events.flatMap((event) => {
    if (event.type !== 'step.attempted' && event.type !== 'step.succeeded') return [];
    const place = `${event.stepId}:${event.iteration}`;
    const again = ended.has(place) ? [place] : [];
    if (event.type === 'step.succeeded') ended.add(place);
    return again;
  });
}
