import type { Json, JsonObject } from '#shared/json.ts';
import type { Settings } from '#shared/workflow/tree.ts';
import type { Sketch } from '../../tests/fixtures/engine.ts';
import { CHAIN_STEPS, LIST_ITEMS, type Line, WORK } from './work.ts';

export type WorkloadId = 'w0' | 'w1' | 'w2' | 'w3' | 'w3b' | 'w4';

export type Workload = {
  id: WorkloadId;
  title: string;
  /** Posted in turn, as JSON. */
  bodies: Json[];
  connections: number[];
  /** What `sluice serve` runs for it. */
  sketch: Sketch;
};

/** The right answer to a body of a workload, worked out by hand. */
export function answerTo(workload: Workload, body: Json): Json {
  const work = WORK[workload.id];
  if (!work) throw new TypeError(`Nothing is written by hand for ${workload.id}.`);
  return work(body);
}

const lines: Line[] = Array.from({ length: LIST_ITEMS }, (_, index) => ({
  id: index + 1,
  name: `Line ${index + 1}`,
  price: ((index * 7) % 90) + 1,
  quantity: (index % 5) + 1,
}));

const hook = (path: WorkloadId) => ({ uses: 'trigger.webhook', config: { path, answer: 'respond' } });
const respond = (body: Json) => ({ uses: 'flow.respond', config: { body } });
const set = (fields: JsonObject, more: JsonObject = {}) => ({ uses: 'items.set', config: { fields, ...more } });
const only = { keepOthers: false };
const split = { uses: 'items.splitOut', config: { field: 'body' } };
const everything = respond('=$items.map(item => item.json)');

const chain = Array.from({ length: CHAIN_STEPS }, (_, index) => `set_${index + 1}`);

export const WORKLOADS: Record<WorkloadId, Workload> = {
  w0: {
    id: 'w0',
    title: 'W0 empty webhook',
    bodies: [{}],
    connections: [1],
    sketch: { steps: { hook: hook('w0'), answer: respond({ ok: true }) }, edges: ['hook -> answer'] },
  },
  w1: {
    id: 'w1',
    title: 'W1 webhook, set, if, respond',
    bodies: [
      { n: 42, name: 'Ada' },
      { n: 3, name: 'Ben' },
    ],
    connections: [1, 50],
    sketch: {
      steps: {
        hook: hook('w1'),
        // biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of the workflow
        set: set({ n: '=$json.body.n', greeting: '=`Hello ${$json.body.name}`' }, only),
        check: { uses: 'flow.if', config: { when: '=$json.n > 10' } },
        large: respond({ size: 'large', greeting: '=$json.greeting' }),
        small: respond({ size: 'small', n: '=$json.n' }),
      },
      edges: ['hook -> set', 'set -> check', 'check.true -> large', 'check.false -> small'],
    },
  },
  w2: {
    id: 'w2',
    title: `W2 ${CHAIN_STEPS} set steps`,
    bodies: [{}],
    connections: [1],
    sketch: {
      steps: {
        hook: hook('w2'),
        ...Object.fromEntries(chain.map((id, index) => [id, set({ last: index + 1 })])),
        answer: respond({ last: '=$json.last' }),
      },
      edges: ['hook', ...chain].map((from, index, all) => `${from} -> ${all[index + 1] ?? 'answer'}`),
    },
  },
  w3: {
    id: 'w3',
    title: `W3 code over ${LIST_ITEMS} items`,
    bodies: [lines],
    connections: [1],
    sketch: {
      steps: {
        hook: hook('w3'),
        split,
        code: {
          uses: 'code.javascript',
          mode: 'once',
          config: {
            code: 'return items.map(({ json: { id, name, price, quantity } }) => ({ id, name, total: price * quantity }));',
          },
        },
        answer: everything,
      },
      edges: ['hook -> split', 'split -> code', 'code -> answer'],
    },
  },
  w3b: {
    id: 'w3b',
    title: `W3 the same by a set step`,
    bodies: [lines],
    connections: [1],
    sketch: {
      steps: {
        hook: hook('w3b'),
        split,
        set: set({ id: '=$json.id', name: '=$json.name', total: '=$json.price * $json.quantity' }, only),
        answer: everything,
      },
      edges: ['hook -> split', 'split -> set', 'set -> answer'],
    },
  },
  w4: {
    id: 'w4',
    title: `W4 loop of ${LIST_ITEMS}`,
    bodies: [lines],
    connections: [1],
    sketch: {
      steps: { hook: hook('w4'), split, loop: { uses: 'flow.loop' }, set: set({ seen: true }), answer: everything },
      edges: ['hook -> split', 'split -> loop', 'loop.loop -> set', 'set -> loop.next', 'loop.done -> answer'],
    },
  },
};

/** A workload's sketch, recorded in one of the ways a workflow can be. */
export function sketchOf(workload: Workload, durability: Settings['durability']): Sketch {
  return { ...workload.sketch, settings: { durability } };
}
