import { expect, test } from 'vitest';
import type { Sandbox } from '#runtime/engine/ports/sandbox.ts';
import { createVirtualClock } from '#runtime/engine/ports/virtualClock.ts';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import { type RunSketch, runSketch, runTree, type Sketch, sketchTree } from '../../tests/fixtures/engine.ts';

const START = Date.parse('2026-11-20T07:00:00Z');
const CHILD = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
const later = () => createVirtualClock(START + 90_000);
const items = [{ n: 0 }, { n: 1 }, { n: 2 }];
const map = { uses: 'flow.map', config: { concurrency: 3 } };
const code = { uses: 'code.javascript', config: { code: 'return $json' } };
const send = {
  uses: 'http.request',
  config: {
    method: 'POST',
    url: 'https://tracker.example/',
    body: { n: '=$json.n', at: '=$json.at', id: '=uuidv4()', label: '=$json.label' },
    idempotencyHeader: 'Idempotency-Key',
  },
};
const label = { uses: 'items.set', config: { fields: { label: '=uuidv4()' } } };
const run = { durability: 'run' } as const;

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Code that gives its items on as they are, those of the numbers first that the order begins with. */
function finishing(order: readonly number[]): Sandbox {
  return {
    async run({ items: given }) {
      await turns(25 * order.indexOf(given[0]?.json.n as number));
      return { results: given.map(({ json }) => json), logs: [] };
    },
    close: () => Promise.resolve(),
  };
}

/** A receiver that remembers what came under each key. */
function receiver() {
  const bodies = new Map<string, Set<string>>();
  const http: RunSketch['http'] = ({ body }, key = '') => {
    bodies.set(key, (bodies.get(key) ?? new Set()).add(JSON.stringify(body)));
    return { status: 200, headers: {}, body: { n: (body as JsonObject).n ?? null } };
  };
  return { http, bodies };
}

/** Cuts a run off after each of its events; what goes on with it meets everything in another order. */
async function crashAnywhere(sketch: Sketch, workflows: Record<string, Sketch> = {}): Promise<number> {
  const tree = sketchTree(sketch, { workflows });
  const first = receiver();
  const whole = await runTree(tree, { items, http: first.http, sandbox: finishing([2, 0, 1]) });
  expect(whole.outcome).toEqual({ status: 'succeeded' });
  for (let cut = 1; cut < whole.events.length; cut++) {
    const { http, bodies } = receiver();
    const events = whole.events.slice(0, cut);
    const order = [
      [0, 1, 2],
      [1, 2, 0],
      [2, 1, 0],
    ][cut % 3] as number[];
    const resumed = await runTree(tree, { items, http, sandbox: finishing(order), events, fence: 2, clock: later() });
    expect(resumed.outcome, `cut after event ${cut}`).toEqual({ status: 'succeeded' });
    // Nothing of an answer on record is sent again, and what is sent goes out under the key that it had.
    for (const event of events)
      if (event.type === 'effect.recorded') expect([...bodies.keys()]).not.toContain(keyOf(event, events));
    for (const event of events) {
      if (event.type !== 'effect.intended' || !bodies.has(event.key)) continue;
      expect([...(bodies.get(event.key) ?? [])]).toEqual([...(first.bodies.get(event.key) ?? [])]);
    }
  }
  return whole.ofType('effect.recorded').length;
}

type Events = Awaited<ReturnType<typeof runSketch>>['events'];

function keyOf(recorded: Events[number], events: Events): string | undefined {
  const intended = events.find(
    (event) =>
      event.type === 'effect.intended' &&
      recorded.type === 'effect.recorded' &&
      event.stepId === recorded.stepId &&
      event.iteration === recorded.iteration &&
      event.no === recorded.no &&
      event.path?.join() === recorded.path?.join(),
  );
  return intended?.type === 'effect.intended' ? intended.key : undefined;
}

test('with durability run the batches of a map may end in another order after a crash: each finds what is recorded of it', async () => {
  const steps = { start: { uses: 'trigger.manual' }, map, code, label, send };
  const edges = ['start -> map', 'map.item -> code', 'code -> label', 'label -> send', 'send -> map.next'];
  expect(await crashAnywhere({ steps, edges, settings: run })).toBe(3);
});

test('so may branches that lead into one step', async () => {
  const only = (n: number) => ({ uses: 'flow.filter', config: { when: `=$json.n === ${n}` } });
  const steps = {
    start: { uses: 'trigger.manual' },
    f0: only(0),
    f1: only(1),
    f2: only(2),
    c0: code,
    c1: code,
    c2: code,
  };
  const edges = [0, 1, 2].flatMap((n) => [`start -> f${n}`, `f${n} -> c${n}`, `c${n} -> label`]);
  const sketch = { steps: { ...steps, label, send }, edges: [...edges, 'label -> send'], settings: run };
  expect(await crashAnywhere(sketch)).toBe(3);
});

test('so may branches of one batch that come back to a loop', async () => {
  const branch = (n: number) => ({ uses: 'flow.filter', config: { when: `=$json.n === ${n}` } });
  const steps = { start: { uses: 'trigger.manual' }, all: { uses: 'flow.loop', config: { batch: 3 } } };
  const others = { f0: branch(0), f1: branch(1), f2: branch(2), c0: code, c1: code, c2: code, label, send };
  const into = [0, 1, 2].flatMap((n) => [`all.loop -> f${n}`, `f${n} -> c${n}`, `c${n} -> label`]);
  const edges = ['start -> all', ...into, 'label -> all.next', 'all.done -> send'];
  expect(await crashAnywhere({ steps: { ...steps, ...others }, edges, settings: run })).toBe(3);
});

test('so may steps of several inputs in the batches of a map', async () => {
  const steps = { start: { uses: 'trigger.manual' }, map, code, label, merge: { uses: 'flow.merge' }, send };
  const edges = ['map.item -> code', 'map.item -> label', 'code -> merge.a', 'label -> merge.b', 'merge -> send'];
  const sketch = { steps, edges: ['start -> map', ...edges, 'send -> map.next'], settings: run };
  expect(await crashAnywhere(sketch)).toBe(6);
});

test('so may workflows that the batches of a map call', async () => {
  const steps = {
    start: { uses: 'trigger.manual' },
    map,
    code,
    call: { uses: 'flow.runWorkflow', config: { workflow: CHILD } },
  };
  const edges = ['start -> map', 'map.item -> code', 'code -> call', 'call -> map.next'];
  const child = { steps: { go: { uses: 'trigger.manual' }, label, send }, edges: ['go -> label', 'label -> send'] };
  expect(await crashAnywhere({ steps, edges, settings: run }, { [CHILD]: child })).toBe(3);
});

test('what somebody decides in one batch of a map goes to that batch', async () => {
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      map,
      code,
      decide: { uses: 'flow.approval', config: { message: 'Item {{ $json.n }}' } },
      approved: { uses: 'items.set', config: { fields: { approved: true } } },
    },
    edges: [
      'start -> map',
      'map.item -> code',
      'code -> decide',
      'decide.approved -> approved',
      'approved -> map.next',
    ],
    settings: run,
  };
  const first = await runSketch(sketch, { items, sandbox: finishing([2, 0, 1]) });
  const events = [...first.events];
  const waiting = first.ofType('run.waiting');
  expect(waiting.map(({ details }) => details?.message)).toEqual(
    expect.arrayContaining(['Item 0', 'Item 1', 'Item 2']),
  );
  for (const { runId, at, stepId, iteration, details } of waiting) {
    const input = { approved: details?.message !== 'Item 1' };
    const seq = events.length + 1;
    events.push({ type: 'run.resumed', runId, seq, at, fence: 1, stepId, iteration, by: 'somebody', input });
  }
  const resumed = await runSketch(sketch, { items, sandbox: finishing([0, 1, 2]), events, fence: 2 });
  const [ended] = resumed.ofType('run.ended');
  const done = ended?.output?.map;
  expect(done && 'items' in done ? done.items.map(({ json }) => json.n) : ended).toEqual([0, 2]);
});

test('a workflow that is called anew after it failed may do things in another order than the first time', async () => {
  const again = { retry: { count: 1, delayMs: 1_000, backoff: 'fixed' as const } };
  const once = { retry: { count: 0, delayMs: 0, backoff: 'fixed' as const } };
  const last = { uses: 'http.request', config: { method: 'GET', url: 'https://last.example/' }, ...once };
  const tree = sketchTree(
    {
      steps: {
        start: { uses: 'trigger.manual' },
        call: { uses: 'flow.runWorkflow', config: { workflow: CHILD }, ...again },
      },
      edges: ['start -> call'],
    },
    {
      workflows: {
        [CHILD]: {
          steps: { go: { uses: 'trigger.manual' }, map, code, send, last },
          edges: ['go -> map', 'map.item -> code', 'code -> send', 'send -> map.next', 'map.done -> last'],
        },
      },
    },
  );
  const { http, bodies } = receiver();
  const [firstOrder, secondOrder] = [finishing([2, 0, 1]), finishing([0, 1, 2])];
  let failed = false;
  const result = await runTree(tree, {
    items,
    sandbox: { ...firstOrder, run: (...asked) => (failed ? secondOrder : firstOrder).run(...asked) },
    http: (request, key) => {
      if (!request.url.includes('last')) return http(request, key);
      if (failed) return { status: 200, headers: {}, body: null };
      failed = true;
      throw new SluiceError('connector.unavailable', 'Not now.');
    },
  });
  expect(result.outcome).toEqual({ status: 'succeeded' });
  expect(result.ofType('step.failed').map(({ stepId }) => stepId)).toEqual(['last', 'call']);
  expect(bodies.size).toBe(3);
});
