import type { JsonObject } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { type Sketch, sketchTree } from '../../tests/fixtures/engine.ts';
import { engineRuns } from './engineRun.ts';
import { check, type Part, timed } from './part.ts';

const numbers = (count: number): JsonObject[] => Array.from({ length: count }, (_, n) => ({ n }));
const sumOf = (items: { json: JsonObject }[], field: string) =>
  items.reduce((sum, { json }) => sum + Number(json[field]), 0);

const CHILD = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
const CALLS = 1_000;
const MAPPED = 10_000;
const EVENTS = 10_000;

/** A workflow that is called for each of a thousand items, one after the other. */
const calling: Sketch = {
  settings: { durability: 'none' },
  steps: {
    start: { uses: 'trigger.manual' },
    each: { uses: 'flow.loop' },
    call: { uses: 'flow.runWorkflow', config: { workflow: CHILD } },
    after: { uses: 'flow.noOp' },
  },
  edges: ['start -> each', 'each.loop -> call', 'call -> each.next', 'each.done -> after'],
};
const called: Sketch = {
  steps: { go: { uses: 'trigger.workflow' }, set: { uses: 'items.set', config: { fields: { seen: true } } } },
  edges: ['go -> set'],
};

const subWorkflow: Part = {
  title: 'Call of a sub-workflow',
  byHand: 'a function call that copies the item',
  per: 'a call',
  gate: { of: 'a call ms', most: 1 },
  async prepare(_scratch, quick) {
    const count = quick ? 10 : CALLS;
    const run = engineRuns(sketchTree(calling, { workflows: { [CHILD]: called } }), 'after');
    const ours = () =>
      timed(async () => {
        const { output } = await run(numbers(count));
        check(output.length === count && output.every(({ json }) => json.seen === true), 'every item was seen');
      }, count);
    const seen = (item: JsonObject): JsonObject => ({ ...item, seen: true });
    let last = 0;
    return {
      async ours() {
        last = await ours();
        return last;
      },
      byHand: () => timed(() => check(numbers(count).map(seen).length === count, 'so many'), count),
      more: async () => ({ 'a call ms': last }),
    };
  },
};

const map: Part = {
  title: `Map of ${MAPPED} with concurrency 50, recorded`,
  byHand: 'a loop of awaits over the same items, 50 at once, each step’s items made into JSON',
  per: 'an item',
  async prepare(_scratch, quick) {
    const count = quick ? 100 : MAPPED;
    const tree = sketchTree({
      steps: {
        start: { uses: 'trigger.manual' },
        map: { uses: 'flow.map', config: { concurrency: 50 } },
        set: { uses: 'items.set', config: { fields: { twice: '=$json.n * 2' } } },
        after: { uses: 'flow.noOp' },
      },
      edges: ['start -> map', 'map.item -> set', 'set -> map.next', 'map.done -> after'],
    });
    const run = engineRuns(tree, 'after');
    const right = count * (count - 1);
    return {
      ours: () =>
        timed(async () => {
          const { output } = await run(numbers(count));
          check(sumOf(output, 'twice') === right, 'the sum of what was mapped');
        }, count),
      byHand: () =>
        timed(async () => {
          const todo = numbers(count).entries();
          const done: { json: JsonObject }[] = [];
          let bytes = 0;
          const work = async () => {
            for (const [index, item] of todo) {
              const json = await Promise.resolve({ ...item, twice: Number(item.n) * 2 });
              bytes += JSON.stringify([{ json: item }]).length + JSON.stringify([{ json }]).length;
              done[index] = { json };
            }
          };
          await Promise.all(Array.from({ length: 50 }, work));
          check(bytes > 0 && sumOf(done, 'twice') === right, 'the sum of what was mapped');
        }, count),
    };
  },
};

const resume: Part = {
  title: `Resume of a run with a journal of ${EVENTS} events`,
  byHand: 'reading the same journal from its JSON',
  per: 'a resume',
  async prepare(_scratch, quick) {
    const wanted = quick ? 100 : EVENTS;
    const tree = sketchTree({
      steps: {
        start: { uses: 'trigger.manual' },
        each: { uses: 'flow.loop' },
        set: { uses: 'items.set', config: { fields: { twice: '=$json.n * 2' } } },
        after: { uses: 'flow.noOp' },
      },
      edges: ['start -> each', 'each.loop -> set', 'set -> each.next', 'each.done -> after'],
    });
    const run = engineRuns(tree, 'after');
    // Two events for each pass of the loop.
    const whole = await run(numbers(wanted), { keep: true });
    const journal = JSON.stringify(whole.events.slice(0, wanted));
    const count = wanted * (wanted - 1);
    return {
      ours: () =>
        timed(async () => {
          const { output } = await run(numbers(wanted), { events: JSON.parse(journal) as RunEvent[] });
          check(sumOf(output, 'twice') === count, 'what the resumed run gave');
        }),
      byHand: () => timed(() => check((JSON.parse(journal) as RunEvent[]).length === wanted, 'so many events')),
    };
  },
};

export const graphs: Part[] = [subWorkflow, map, resume];
