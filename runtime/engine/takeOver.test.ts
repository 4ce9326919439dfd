import { expect, test } from 'vitest';
import { createVirtualClock } from '#runtime/engine/ports/virtualClock.ts';
import { SluiceError } from '#shared/error.ts';
import { recordedStillValid } from '#shared/run/recorded.ts';
import { runTree, sketchTree, WORKFLOW_ID } from '../../tests/fixtures/engine.ts';

const EARLIER = '0199f2c4-7000-7000-8000-000000000009';
const later = () => createVirtualClock(Date.parse('2026-11-21T07:00:00Z'));
const tree = sketchTree({
  steps: {
    start: { uses: 'trigger.manual' },
    each: { uses: 'flow.loop', config: { batch: 1 } },
    send: {
      uses: 'http.request',
      config: { method: 'POST', url: 'https://t.example/{{ $json.n }}', idempotencyHeader: 'Idempotency-Key' },
    },
    after: { uses: 'items.set', config: { fields: { done: true } } },
  },
  edges: ['start -> each', 'each.loop -> send', 'send -> each.next', 'each.done -> after'],
});
const items = [{ n: 1 }, { n: 2 }, { n: 3 }];

/** A run whose second request failed, and what of it still holds. */
async function failedRun() {
  const http = ({ url }: { url: string }) => {
    if (url.endsWith('2')) throw new SluiceError('connector.rejected', 'No.');
    return { status: 200, headers: {}, body: { url } };
  };
  const { events, outcome } = await runTree(tree, { items, http });
  expect(outcome.status).toBe('failed');
  const own = events.map((event) => ({ ...event, runId: EARLIER }));
  return recordedStillValid({ events: own, before: tree, now: tree, workflowId: WORKFLOW_ID });
}

test('a run goes on with another from any cut of its journal, a day later, and sends only what is left', async () => {
  const recorded = await failedRun();
  const sent: [string, string | undefined][] = [];
  const http = ({ url }: { url: string }, key: string | undefined) => {
    sent.push([url.slice(-1), key]);
    return { status: 200, headers: {}, body: { url } };
  };
  const options = { items, http, recorded, effectRunId: EARLIER };
  const whole = await runTree(tree, { ...options, clock: later() });
  expect(whole.outcome).toEqual({ status: 'succeeded' });
  expect(sent.map(([n]) => n)).toEqual(['2', '3']);
  expect(whole.left('after')).toHaveLength(3);
  expect(whole.events.map(({ seq }) => seq)).toEqual(whole.events.map((_, index) => index + 1));
  for (let cut = 1; cut < whole.events.length; cut++) {
    sent.length = 0;
    const events = whole.events.slice(0, cut);
    const run = await runTree(tree, { ...options, events, fence: 2, clock: later() });
    expect(run.outcome, `cut after event ${cut}`).toEqual({ status: 'succeeded' });
    expect(run.left('after'), `cut after event ${cut}`).toEqual(whole.left('after'));
    expect(sent.map(([n]) => n).includes('1')).toBe(false);
  }
});

test('the time of the earlier run does not count for the new one', async () => {
  const recorded = await failedRun();
  const http = () => ({ status: 200, headers: {}, body: null });
  const limits = { runTimeoutMs: 60_000 };
  const options = { items, http, recorded, limits };
  const whole = await runTree(tree, { ...options, clock: later() });
  const cut = whole.events.findLastIndex(({ source }) => source !== undefined);
  const events = whole.events.slice(0, cut + 2);
  expect(await runTree(tree, { ...options, events, fence: 2, clock: later() })).toMatchObject({
    outcome: { status: 'succeeded' },
  });
});
