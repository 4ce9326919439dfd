import { describe, expect, test } from 'vitest';
import { createVirtualClock } from '#runtime/engine/ports/virtualClock.ts';
import { SluiceError } from '#shared/error.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { runSketch, type Sketch } from '../../tests/fixtures/engine.ts';

const START = Date.parse('2026-11-20T07:00:00Z');
const post = (body: Record<string, string>) => ({
  uses: 'http.request',
  config: { method: 'POST', url: 'https://tracker.example/', body, idempotencyHeader: 'Idempotency-Key' },
});
const answering = () => {
  const sent: { body: unknown; key: string | undefined }[] = [];
  return {
    sent,
    http: (request: { body?: unknown }, key: string | undefined) => {
      sent.push({ body: request.body, key });
      return { status: 200, headers: {}, body: sent.length };
    },
  };
};
const at = (ms: number) => createVirtualClock(START + ms);

describe('durability run', () => {
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      label: { uses: 'items.set', config: { fields: { label: '=$json.n * 2' } } },
      send: post({ n: '=$json.n', at: '=$now.toISO()' }),
      after: { uses: 'items.set', config: { fields: { got: '=$json.body' } } },
    },
    edges: ['start -> label', 'label -> send', 'send -> after'],
    settings: { durability: 'run' },
  };
  const items = [{ n: 1 }, { n: 2 }];

  test('keeps only what belongs to the run, and its effects', async () => {
    const { http } = answering();
    const run = await runSketch(sketch, { items, http });
    const kinds = new Set(run.events.map((event) => event.type.split('.')[0]));
    expect([...kinds].sort()).toEqual(['effect', 'run']);
    expect(run.events.map((event) => event.seq)).toEqual(run.events.map((_event, index) => index + 1));
  });

  test('a crash at any event repeats steps but no recorded effect, though time went by', async () => {
    const whole = await runSketch(sketch, { items, http: answering().http });
    for (let cut = 1; cut < whole.events.length; cut++) {
      const before = whole.events.slice(0, cut);
      const recorded = before.filter((event) => event.type === 'effect.recorded').length;
      const { http, sent } = answering();
      const resumed = await runSketch(sketch, { items, http, events: before, fence: 2, clock: at(90_000) });
      expect(resumed.outcome, `cut after event ${cut}`).toEqual({ status: 'succeeded' });
      expect(sent.length, `cut after event ${cut}`).toBe(items.length - recorded);
    }
  });

  test('a wait that was written down is over when its time has come, and not waited for again', async () => {
    const waiting: Sketch = {
      steps: {
        start: { uses: 'trigger.manual' },
        long: { uses: 'flow.wait', config: { forMs: 86_400_000 } },
        again: { uses: 'flow.wait', config: { forMs: 86_400_000 } },
        send: post({ n: '=$json.n' }),
      },
      edges: ['start -> long', 'long -> again', 'again -> send'],
      settings: { durability: 'run' },
    };
    const { http, sent } = answering();
    const first = await runSketch(waiting, { http });
    expect(first.events.at(-1)).toMatchObject({ type: 'run.waiting', stepId: 'long' });
    const early = await runSketch(waiting, { http, events: first.events, fence: 2, clock: at(3_600_000) });
    expect(early.events.at(-1)).toMatchObject({ type: 'run.waiting', until: '2026-11-21T07:00:00.000Z' });
    const second = await runSketch(waiting, { http, events: early.events, fence: 3, clock: at(86_400_000) });
    expect(second.ofType('run.resumed')).toMatchObject([{ stepId: 'long', by: 'timer' }]);
    expect(second.events.at(-1)).toMatchObject({
      type: 'run.waiting',
      stepId: 'again',
      until: '2026-11-22T07:00:00.000Z',
    });
    const third = await runSketch(waiting, { http, events: second.events, fence: 4, clock: at(172_800_000) });
    expect(third.outcome.status).toBe('succeeded');
    expect(sent).toHaveLength(1);
  });

  test('a step that writes down when it ran goes on after a crash at any event, though time went by', async () => {
    const remembering: Sketch = {
      steps: {
        start: { uses: 'trigger.manual' },
        pause: { uses: 'flow.wait', config: { forMs: 500 } },
        fresh: { uses: 'items.removeDuplicates', config: { compare: 'some_fields', fields: ['n'], remember: true } },
        send: post({ n: '=$json.n' }),
      },
      edges: ['start -> pause', 'pause -> fresh', 'fresh -> send'],
      settings: { durability: 'run' },
    };
    const whole = await runSketch(remembering, { items, http: answering().http });
    expect(whole.outcome).toEqual({ status: 'succeeded' });
    expect(whole.ofType('effect.recorded').filter(({ kind }) => kind === 'table').length).toBeGreaterThan(1);
    for (let cut = 1; cut < whole.events.length; cut++) {
      const events = whole.events.slice(0, cut);
      const { http } = answering();
      const resumed = await runSketch(remembering, { items, http, events, fence: 2, clock: at(90_000) });
      expect(resumed.outcome, `cut after event ${cut}`).toEqual({ status: 'succeeded' });
    }
  });

  test('another request under the key of one that may have happened is refused', async () => {
    const whole = await runSketch(sketch, { items, http: answering().http });
    const announced = whole.events.findIndex((event) => event.type === 'effect.intended');
    const before = whole.events
      .slice(0, announced + 1)
      .map((event): RunEvent => (event.type === 'effect.intended' ? { ...event, request: { other: true } } : event));
    const { http, sent } = answering();
    const resumed = await runSketch(sketch, { items, http, events: before, fence: 2 });
    expect(resumed.outcome).toMatchObject({ status: 'failed', error: { code: 'run.not_deterministic' } });
    expect(sent).toEqual([]);
  });
});

describe('durability none', () => {
  const none = { durability: 'none' } as const;

  test('keeps the beginning, the answer and the end, and nothing between', async () => {
    const run = await runSketch(
      {
        steps: { start: { uses: 'trigger.manual' }, send: post({ n: '=$json.n' }), answer: { uses: 'flow.respond' } },
        edges: ['start -> send', 'send -> answer'],
        settings: none,
      },
      { http: answering().http },
    );
    expect(run.events.map((event) => event.type)).toEqual(['run.started', 'run.answered', 'run.ended']);
  });

  test('a crash loses the run: it ends as lost, and nothing is sent a second time', async () => {
    const sketch: Sketch = {
      steps: { start: { uses: 'trigger.manual' }, send: post({ n: '=$json.n' }) },
      edges: ['start -> send'],
      settings: none,
    };
    const whole = await runSketch(sketch, { http: answering().http });
    const { http, sent } = answering();
    const resumed = await runSketch(sketch, { http, events: whole.events.slice(0, 1), fence: 2 });
    expect(resumed.outcome).toMatchObject({ status: 'failed', error: { code: 'run.lost' } });
    expect(resumed.ofType('run.ended')).toMatchObject([{ status: 'failed' }]);
    expect(sent).toEqual([]);
  });

  test('a wait is sat out, since a run of which nothing is kept cannot be given back', async () => {
    const run = await runSketch({
      steps: {
        start: { uses: 'trigger.manual' },
        long: { uses: 'flow.wait', config: { forMs: 60_000 } },
      },
      edges: ['start -> long'],
      settings: none,
    });
    expect(run.outcome.status).toBe('succeeded');
    expect(run.clock.now()).toBe(START + 60_000);
  });

  test('an effect that may have happened fails the run, since nobody could decide about it later', async () => {
    const run = await runSketch(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          send: { uses: 'http.request', config: { method: 'POST', url: 'https://tracker.example/' } },
        },
        edges: ['start -> send'],
        settings: none,
      },
      {
        http: () => {
          throw new SluiceError('connector.unclear', 'The tracker did not answer.');
        },
      },
    );
    expect(run.outcome).toMatchObject({ status: 'failed', error: { code: 'connector.unclear' } });
  });
});

describe('active time', () => {
  const sketch: Sketch = {
    steps: { start: { uses: 'trigger.manual' }, send: post({ n: '=$json.n' }) },
    edges: ['start -> send'],
  };

  test('the time between a process that died and the next does not count', async () => {
    const whole = await runSketch(sketch, { http: answering().http });
    const events = whole.events.slice(0, 2);
    const slow = () => new Promise<never>((_resolve, reject) => setTimeout(() => reject(refused), 30));
    const refused = new SluiceError('connector.rejected', 'No.');
    const next = await runSketch(sketch, { http: slow, events, fence: 2, clock: at(3_600_000) });
    expect(next.outcome).toMatchObject({ status: 'failed', error: { code: 'connector.rejected' } });
  });

  test('a run that was at work for its whole time has none left', async () => {
    const whole = await runSketch(sketch, { http: answering().http });
    const events = whole.events
      .slice(0, 2)
      .map((event, index) => ({ ...event, at: new Date(START + index * 301_000).toISOString() }));
    const never = () => new Promise<never>(() => undefined);
    const next = await runSketch(sketch, { http: never, events, fence: 2, clock: at(301_000) });
    expect(next.outcome).toMatchObject({ status: 'timed_out', error: { code: 'run.timed_out' } });
  });
});
