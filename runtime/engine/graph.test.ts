import { getEventListeners } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import { runSketch, runTree, type Sketch, sketchTree } from '../../tests/fixtures/engine.ts';
import { memoryBlobs } from '../journal/memoryBlobs.ts';

const set = (fields: JsonObject) => ({ uses: 'items.set', config: { fields } });
const fine = { status: 200, headers: {}, body: null };
const deep = (levels: number): Json => (levels === 0 ? 1 : { in: deep(levels - 1) });

describe('what starts a run', () => {
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      off: { uses: 'trigger.manual', disabled: true },
      send: set({ seen: 1 }),
    },
    edges: ['start -> send', 'off -> send'],
  };

  test.each([
    ['a step that is not there', 'nobody', 'step.not_found'],
    ['a step that is no trigger', 'send', 'workflow.invalid'],
    ['a trigger that is switched off', 'off', 'workflow.invalid'],
  ])('is not %s', async (_what, trigger, code) => {
    const run = await runSketch(sketch, { trigger });
    expect(run.outcome).toMatchObject({ status: 'failed', error: { code } });
    expect(run.ofType('run.ended')).toHaveLength(1);
    expect(run.runsOf('send')).toBe(0);
  });

  test('input that is too large to keep ends the run, and does not leave it hanging', async () => {
    const run = await runSketch(sketch, {
      trigger: 'start',
      items: [{ text: 'x'.repeat(5_000) }],
      limits: { inlineBytes: 1_000, outputBytes: 2_000 },
    });
    expect(run.events).toMatchObject([
      { type: 'run.ended', status: 'failed', error: { code: 'step.output_too_large' } },
    ]);
  });
});

describe('steps that only let items through', () => {
  test('give them on by their first port where they have no main one', async () => {
    const run = await runSketch({
      steps: {
        start: { uses: 'trigger.manual' },
        split: { uses: 'flow.if', config: { when: '=false' }, disabled: true },
        each: { uses: 'flow.loop', config: { batch: 1 }, disabled: true },
        after: set({ seen: 1 }),
      },
      edges: ['start -> split', 'split.true -> each', 'each.done -> after'],
    });
    expect(run.left('after')).toEqual([{ seen: 1 }]);
  });
});

describe('a loop whose config cannot be read', () => {
  const loop = (onError: 'stop' | 'continue' | 'port'): Sketch => ({
    steps: {
      start: { uses: 'trigger.manual' },
      each: { uses: 'flow.loop', config: { batch: '=$json.size' }, onError },
      work: set({ worked: 1 }),
      after: set({ after: 1 }),
      failed: set({ why: '=$json.error.code' }),
    },
    edges: ['start -> each', 'each.loop -> work', 'work -> each.next', 'each.done -> after', 'each.error -> failed'],
  });
  const items = [{ size: 'many' }, { size: 'more' }];

  test('fails the run, sends its items to error, or goes on, as its onError says', async () => {
    const stopped = await runSketch(loop('stop'), { items });
    expect(stopped.outcome).toMatchObject({ status: 'failed', error: { code: 'config.invalid', stepId: 'each' } });
    expect(stopped.ofType('step.failed')).toHaveLength(1);
    const sent = await runSketch(loop('port'), { items });
    expect(sent.left('failed')).toMatchObject([
      { size: 'many', why: 'config.invalid' },
      { size: 'more', why: 'config.invalid' },
    ]);
    const passed = await runSketch(loop('continue'), { items });
    expect(passed.left('after')).toMatchObject([{ after: 1, error: { code: 'config.invalid' } }, { after: 1 }]);
  });

  test('does the same when the process dies between', async () => {
    for (const onError of ['stop', 'port'] as const) {
      const whole = await runSketch(loop(onError), { items });
      for (let cut = 1; cut < whole.events.length; cut++) {
        const resumed = await runSketch(loop(onError), { items, events: whole.events.slice(0, cut), fence: 2 });
        expect(resumed.outcome, `${onError}, cut after event ${cut}`).toEqual(whole.outcome);
        expect(resumed.runsOf('work'), `${onError}, cut after event ${cut}`).toBe(0);
      }
    }
  });
});

describe('onError port with retries', () => {
  test('sends on only the item that failed, when no try is left', async () => {
    const sent: unknown[] = [];
    const run = await runSketch(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          send: {
            uses: 'http.request',
            config: {
              method: 'POST',
              url: 'https://tracker.example/',
              body: { n: '=$json.n' },
              idempotencyHeader: 'Idempotency-Key',
            },
            onError: 'port',
            retry: { count: 2, delayMs: 10, backoff: 'fixed' },
          },
          good: set({ good: 1 }),
          bad: set({ why: '=$json.error.code' }),
        },
        edges: ['start -> send', 'send -> good', 'send.error -> bad'],
      },
      {
        items: [{ n: 1 }, { n: 2 }, { n: 3 }],
        http: (request) => {
          const { n } = request.body as { n: number };
          sent.push(n);
          if (n === 2) throw new SluiceError('connector.unavailable', 'Not now.');
          return { status: 200, headers: {}, body: n };
        },
      },
    );
    expect(run.outcome.status).toBe('succeeded');
    expect(run.left('good')).toMatchObject([{ body: 1 }, { body: 3 }]);
    expect(run.left('bad')).toMatchObject([{ n: 2, why: 'connector.unavailable' }]);
    expect(sent).toEqual([1, 2, 2, 2, 3]);
  });
});

describe('large and deep data', () => {
  test('items above the inline limit go through loops, joins and every possible crash unchanged', async () => {
    const text = 'x'.repeat(700);
    const sketch: Sketch = {
      steps: {
        start: { uses: 'trigger.manual' },
        each: { uses: 'flow.loop', config: { batch: 2 } },
        odd: { uses: 'flow.if', config: { when: '=$json.n % 2 === 1' } },
        join: { uses: 'flow.merge', config: { how: 'append' } },
        after: set({ length: '=$json.text.length' }),
      },
      edges: [
        'start -> each',
        'each.loop -> odd',
        'odd.true -> join.a',
        'odd.false -> join.b',
        'join -> each.next',
        'each.done -> after',
      ],
    };
    const options = { items: [1, 2, 3, 4].map((n) => ({ n, text })), limits: { inlineBytes: 1_000 } };
    const blobs = memoryBlobs();
    const whole = await runSketch(sketch, { ...options, blobs });
    expect(whole.outcome.status).toBe('succeeded');
    const payloads = whole.ofType('step.succeeded').flatMap((event) => Object.values(event.outputs));
    expect(payloads.some((payload) => 'blob' in payload)).toBe(true);
    const [ended] = whole.ofType('run.ended');
    for (let cut = 1; cut < whole.events.length; cut++) {
      const resumed = await runSketch(sketch, { ...options, blobs, events: whole.events.slice(0, cut), fence: 2 });
      expect(resumed.ofType('run.ended')[0]?.output, `cut after event ${cut}`).toEqual(ended?.output);
    }
  });

  test('a step that gives too much fails the run by name, also when it took its time', async () => {
    const run = await runSketch(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          get: { uses: 'http.request', config: { method: 'GET', url: 'https://big.example/' } },
        },
        edges: ['start -> get'],
      },
      {
        limits: { inlineBytes: 1_000, outputBytes: 5_000 },
        http: async () => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          return { ...fine, body: 'x'.repeat(10_000) };
        },
      },
    );
    expect(run.outcome).toMatchObject({ status: 'failed', error: { code: 'step.output_too_large', stepId: 'get' } });
    expect(run.ofType('step.failed')).toHaveLength(1);
  });

  test.each([
    ['a step gives', { start: { uses: 'trigger.manual' }, wrap: set({ a: '=$json' }) }, deep(149)],
    [
      'an answer holds',
      {
        start: { uses: 'trigger.manual' },
        wrap: { uses: 'http.request', config: { method: 'GET', url: 'https://deep.example/' } },
      },
      1,
    ],
  ])('data that %s is not nested without end', async (_what, steps, value) => {
    const run = await runSketch(
      { steps, edges: ['start -> wrap'] },
      { items: [{ value }], http: () => ({ ...fine, body: deep(150) }) },
    );
    expect(run.outcome).toMatchObject({ status: 'failed', error: { code: 'limit.exceeded', stepId: 'wrap' } });
  });

  test('a large answer to the caller becomes a blob of its bytes', async () => {
    const blobs = memoryBlobs();
    const run = await runSketch(
      {
        steps: { start: { uses: 'trigger.manual' }, answer: { uses: 'flow.respond', config: { body: '=$json' } } },
        edges: ['start -> answer'],
      },
      { items: [{ text: 'x'.repeat(2_000) }], limits: { inlineBytes: 1_000 }, blobs },
    );
    const [answered] = run.ofType('run.answered');
    expect(answered?.body).toBeUndefined();
    expect(answered?.headers).toEqual({ 'content-type': 'application/json; charset=utf-8' });
    expect(JSON.parse(new TextDecoder().decode(await blobs.get(answered?.blob ?? '')))).toEqual({
      text: 'x'.repeat(2_000),
    });
  });

  test('names of hostile data stay data', async () => {
    const hostile = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"n":1}',
    ) as JsonObject;
    const run = await runSketch(
      { steps: { start: { uses: 'trigger.manual' }, add: set({ b: '=$json.n' }) }, edges: ['start -> add'] },
      { items: [hostile] },
    );
    expect(run.outcome.status).toBe('succeeded');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('a part of a run', () => {
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      get: { uses: 'http.request', config: { method: 'GET', url: 'https://api.example/' } },
      each: { uses: 'flow.loop', config: { batch: 1 } },
      add: set({ b: '=$json.a + 1' }),
      after: set({ after: 1 }),
    },
    edges: ['start -> get', 'get -> each', 'each.loop -> add', 'add -> after', 'after -> each.next'],
  };
  const given = { get: { main: [{ json: { a: 1 } }, { json: { a: 2 } }] } };

  test('takes what is given for a step, and starts nothing behind the step it ends after', async () => {
    const run = await runSketch(sketch, { partial: { given, stopAfter: 'add' } });
    expect(run.outcome.status).toBe('succeeded');
    expect(run.runsOf('after')).toBe(0);
    const [ended] = run.ofType('run.ended');
    const output = ended?.output?.add;
    expect(output && 'items' in output ? output.items.map((item) => item.json) : []).toEqual([
      { a: 1, b: 2 },
      { a: 2, b: 3 },
    ]);
  });

  test('takes what is given after a crash as well', async () => {
    let sent = 0;
    const http = () => {
      sent++;
      return fine;
    };
    const whole = await runSketch(sketch, { partial: { given }, http });
    for (let cut = 1; cut < whole.events.length; cut++) {
      const resumed = await runSketch(sketch, {
        partial: { given },
        http,
        events: whole.events.slice(0, cut),
        fence: 2,
      });
      expect(resumed.outcome, `cut after event ${cut}`).toEqual({ status: 'succeeded' });
    }
    expect(sent).toBe(0);
  });
});

test('a run of steps that never wait can be cancelled in the middle', async () => {
  const controller = new AbortController();
  const run = runTree(
    sketchTree({
      steps: { start: { uses: 'trigger.manual' }, a: set({ n: '=($json.n ?? 0) + 1' }), b: set({ seen: 1 }) },
      edges: ['start -> a', 'a -> b', 'b -> a'],
    }),
    { signal: controller.signal, limits: { loopIterations: 60_000 } },
  );
  setTimeout(() => controller.abort(new SluiceError('run.cancelled', 'The run was cancelled.')), 5);
  expect((await run).outcome.status).toBe('cancelled');
});

test('attempts leave nothing behind on the signal of their run', async () => {
  const listen = vi.spyOn(EventTarget.prototype, 'addEventListener');
  const run = await runSketch(
    {
      steps: {
        start: { uses: 'trigger.manual' },
        each: { uses: 'flow.loop', config: { batch: 1 } },
        get: { uses: 'http.request', config: { method: 'GET', url: 'https://api.example/' } },
      },
      edges: ['start -> each', 'each.loop -> get', 'get -> each.next'],
    },
    { items: Array.from({ length: 50 }, (_value, n) => ({ n })), http: async () => fine },
  );
  expect(run.outcome.status).toBe('succeeded');
  const signals = new Set(listen.mock.contexts.filter((context) => context instanceof AbortSignal));
  listen.mockRestore();
  expect(signals.size).toBeGreaterThan(0);
  for (const signal of signals) expect(getEventListeners(signal, 'abort')).toEqual([]);
});
