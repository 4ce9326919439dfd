import { expect, test } from 'vitest';
import type { Sandbox } from '#runtime/engine/ports/sandbox.ts';
import { createVirtualClock } from '#runtime/engine/ports/virtualClock.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { type RunSketch, runTree, type Sketch, sketchTree } from '../../tests/fixtures/engine.ts';

const CHILD = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
const later = () => createVirtualClock(Date.parse('2026-11-20T07:01:30Z'));
const items = [{ n: 0 }, { n: 1 }];
const code = { uses: 'code.javascript', config: { code: 'return $json' } };
const filter = (when: string) => ({ uses: 'flow.filter', config: { when } });
const send = {
  uses: 'http.request',
  config: {
    method: 'POST',
    url: 'https://tracker.example/',
    body: { n: '=$json.n', together: '=$items.length' },
    idempotencyHeader: 'Idempotency-Key',
  },
};
const settings = { durability: 'run' } as const;

/** Code that gives its items on as they are: the longer list first, or the shorter one. */
function finishing(first: 'longer' | 'shorter', change = (json: JsonObject): Json => json): Sandbox {
  return {
    async run({ items: given }) {
      const turns = given.length > 1 === (first === 'longer') ? 0 : 25;
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      return { results: given.map(({ json }) => change(json)), logs: [] };
    },
    close: () => Promise.resolve(),
  };
}

/** A longer and a shorter list come to one port of a step, and perhaps something to the other. */
function meeting(from: string, other: string): Pick<Sketch, 'steps' | 'edges'> {
  return {
    steps: {
      long: code,
      even: filter('=$json.n % 2 === 0'),
      short: code,
      other: filter(other),
      merge: { uses: 'flow.merge' },
    },
    edges: [
      ...[`${from} -> long`, `${from} -> even`, `${from} -> other`],
      ...['even -> short', 'long -> merge.a', 'short -> merge.a', 'other -> merge.b'],
    ],
  };
}

/** A receiver that remembers what came, once under each key. */
function receiver(bodies = new Map<string, Json>()) {
  const http: RunSketch['http'] = ({ body }, key = '') => {
    bodies.set(key, body ?? null);
    return { status: 200, headers: {}, body: {} };
  };
  return { http, bodies };
}

/** What came of each two items, in no order. */
function byPair(bodies: Iterable<Json>): Map<number, string[]> {
  const pairs = new Map<number, string[]>();
  for (const body of bodies) {
    const pair = Math.floor(Number((body as JsonObject).n) / 2);
    pairs.set(pair, [...(pairs.get(pair) ?? []), JSON.stringify(body)].sort());
  }
  return pairs;
}

/** Cuts a run off after each of its events, and goes on with it in the other order. @returns what comes of either order */
async function crashAnywhere(sketch: Sketch, more: { items?: JsonObject[]; workflows?: Record<string, Sketch> } = {}) {
  const tree = sketchTree(sketch, more);
  const given = { items: more.items ?? items };
  const [first, second] = [receiver(), receiver()];
  const whole = await runTree(tree, { ...given, http: first.http, sandbox: finishing('longer') });
  const other = await runTree(tree, { ...given, http: second.http, sandbox: finishing('shorter') });
  expect([whole.outcome.status, other.outcome.status]).toEqual(['succeeded', 'succeeded']);
  const [longer, shorter] = [byPair(first.bodies.values()), byPair(second.bodies.values())];
  for (let cut = 1; cut < whole.events.length; cut++) {
    const events = whole.events.slice(0, cut);
    const { http, bodies } = receiver(sentBy(events));
    const resumed = await runTree(tree, {
      ...{ ...given, http, events, fence: 2, clock: later() },
      sandbox: finishing('shorter'),
    });
    expect(resumed.outcome, `cut after event ${cut}`).toEqual({ status: 'succeeded' });
    const came = byPair(bodies.values());
    for (const [pair, bodiesOf] of longer)
      expect([bodiesOf, shorter.get(pair)], `cut after event ${cut}`).toContainEqual(came.get(pair));
  }
  return { longer, shorter };
}

const sentBy = (events: readonly RunEvent[]) =>
  new Map(
    events.flatMap((event): [string, Json][] =>
      event.type === 'effect.intended' ? [[event.key, (event.request as JsonObject).body ?? null]] : [],
    ),
  );

test('what came together before a crash comes together again, though branches come in another order', async () => {
  const { steps, edges } = meeting('start', '=true');
  const sketch = { steps: { start: { uses: 'trigger.manual' }, ...steps, send }, edges: [...edges, 'merge -> send'] };
  const { longer, shorter } = await crashAnywhere({ ...sketch, settings });
  expect(longer).not.toEqual(shorter);
});

test('what was sent for one of several deliveries is not sent again for the one that comes first then', async () => {
  const { steps, edges } = meeting('start', '=false');
  const sketch: Sketch = {
    steps: { start: { uses: 'trigger.manual' }, ...steps, odd: filter('=$json.n % 2 === 1'), send },
    edges: [...edges, 'merge -> odd', 'odd -> send'],
    settings,
  };
  const { longer } = await crashAnywhere(sketch);
  expect(longer.get(0)).toEqual(['{"n":1,"together":1}']);
});

test('what was sent for the items of one map is not sent again for another that begins first then', async () => {
  const { steps, edges } = meeting('start', '=false');
  const sketch: Sketch = {
    steps: { start: { uses: 'trigger.manual' }, ...steps, map: { uses: 'flow.map' }, send },
    edges: [...edges.map((edge) => edge.replace(/merge\.[ab]/, 'map')), ...['map.item -> send', 'send -> map.next']],
    settings,
  };
  const { longer } = await crashAnywhere(sketch);
  expect(longer.get(0)).toEqual(['{"n":0,"together":1}', '{"n":0,"together":1}', '{"n":1,"together":1}']);
});

test('so it is in the batches of a map, and for a workflow that is called with what came together', async () => {
  const { steps, edges } = meeting('map.item', '=true');
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      map: { uses: 'flow.map', config: { batch: 2, concurrency: 2 } },
      ...steps,
      call: { uses: 'flow.runWorkflow', config: { workflow: CHILD } },
    },
    edges: ['start -> map', ...edges, 'merge -> call', 'call -> map.next'],
    settings,
  };
  const child: Sketch = { steps: { go: { uses: 'trigger.manual' }, send }, edges: ['go -> send'] };
  const four = [...items, { n: 2 }, { n: 3 }];
  const { longer, shorter } = await crashAnywhere(sketch, { items: four, workflows: { [CHILD]: child } });
  expect(longer.size).toBe(2);
  for (const [pair, came] of longer) expect(came).not.toEqual(shorter.get(pair));
});

test('a run ends by name when what came together before a crash does not come together again', async () => {
  const { steps, edges } = meeting('start', '=true');
  const tree = sketchTree({
    steps: { start: { uses: 'trigger.manual' }, ...steps, kept: filter('=!$json.gone'), send },
    edges: [...edges.filter((edge) => !edge.startsWith('long')), 'long -> kept', 'kept -> merge.a', 'merge -> send'],
    settings,
  });
  const { http } = receiver();
  const whole = await runTree(tree, { items, http, sandbox: finishing('longer') });
  const events = whole.events.slice(0, whole.events.findIndex(({ type }) => type === 'effect.recorded') + 1);
  const again = { items, events, fence: 2, clock: later() };
  const gone = finishing('longer', (json) => ({ ...json, gone: true }));
  const changed = await runTree(tree, { ...again, http: receiver().http, sandbox: gone });
  expect(changed.outcome).toMatchObject({ status: 'failed', error: { code: 'run.not_deterministic' } });
  const same = await runTree(tree, { ...again, http: receiver().http, sandbox: finishing('longer') });
  expect(same.outcome).toEqual({ status: 'succeeded' });
});

test('the journal says what came together only where more than one delivery can come to a port', async () => {
  const said = async (sketch: Sketch) => {
    const { http } = receiver();
    const { events } = await runTree(sketchTree(sketch), { items, http, sandbox: finishing('longer') });
    return events.flatMap((event) => ('met' in event ? (event.met ?? []) : [])).length;
  };
  const start = { uses: 'trigger.manual' };
  const both = meeting('start', '=true');
  const one = ['start -> long', 'start -> other', 'long -> merge.a', 'other -> merge.b', 'merge -> send'];
  expect(await said({ steps: { start, ...both.steps, send }, edges: one, settings })).toBe(0);
  const several = { steps: { start, ...both.steps, send }, edges: [...both.edges, 'merge -> send'] };
  expect(await said({ ...several, settings })).toBe(2);
  expect(await said({ ...several, settings: { durability: 'step' } })).toBe(0);
});
