import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { sketchTree } from '../../tests/fixtures/engine.ts';
import { engineRuns } from './engineRun.ts';
import { check, type Part, timed } from './part.ts';

const COUNT = 1_000_000;
const BATCH = 1_000;

const million: Part = {
  title: `${COUNT.toLocaleString('en')} items through set, filter and sum in batches, recorded`,
  byHand: 'a loop that does the same, each batch made into JSON',
  per: '1,000 items',
  // Of a run of a tenth of the size: memory that grows with the items is not flat.
  gate: { of: 'most held to a run of a tenth', most: 1.5 },
  async prepare(_scratch, quick) {
    const count = quick ? 20_000 : COUNT;
    const runOf = (size: number) =>
      engineRuns(
        sketchTree({
          steps: {
            start: { uses: 'trigger.manual' },
            source: { uses: 'items.generate', config: { count: size, batch: BATCH } },
            double: { uses: 'items.set', config: { fields: { twice: '=$json.n * 2' } } },
            some: { uses: 'flow.filter', config: { when: '=$json.n % 2 === 0' } },
            sum: { uses: 'items.aggregate', config: { fields: [{ operation: 'sum', field: 'twice', as: 'sum' }] } },
            total: { uses: 'items.aggregate', config: { fields: [{ operation: 'sum', field: 'sum', as: 'sum' }] } },
          },
          edges: [
            'start -> source',
            'source.loop -> double',
            'double -> some',
            'some -> sum',
            'sum -> source.next',
            'source.done -> total',
          ],
        }),
        'total',
      );
    const ours = async (size: number, onEvent?: () => void) => {
      const { output } = await runOf(size)([{}], { onEvent });
      check(output[0]?.json.sum === rightFor(size), 'the sum of the even ones, doubled');
    };
    return {
      ours: () => timed(() => ours(count), count / 1_000),
      byHand: () => timed(() => check(byHand(count) === rightFor(count), 'the same sum'), count / 1_000),
      more: async () => {
        const tenth = await mostHeld((onEvent) => ours(count / 10, onEvent));
        const whole = await mostHeld((onEvent) => ours(count, onEvent));
        return { 'most held MiB': whole / 2 ** 20, 'most held to a run of a tenth': whole / tenth };
      },
    };
  },
};

/** So many events lie between two looks at the memory. */
const LOOK_EVENTS = 500;

/** The most that is held at once: the heap after a collection, looked at every few hundred events. */
async function mostHeld(work: (onEvent: () => void) => Promise<void>): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let most = 0;
  let events = 0;
  await work(() => {
    if (events++ % LOOK_EVENTS > 0) return;
    collect();
    most = Math.max(most, process.memoryUsage().heapUsed);
  });
  return most;
}

/** 0 + 2 + … below `count`, doubled. */
const rightFor = (count: number) => (count / 2) * (count / 2 - 1) * 2;

function byHand(count: number): number {
  let total = 0;
  let bytes = 0;
  for (let from = 0; from < count; from += BATCH) {
    const items = Array.from({ length: BATCH }, (_, n) => ({ json: { n: from + n } }));
    const doubled = items.map(({ json }) => ({ json: { ...json, twice: json.n * 2 } }));
    const some = doubled.filter(({ json }) => json.n % 2 === 0);
    const sum = some.reduce((all, { json }) => all + json.twice, 0);
    bytes += [items, doubled, some, [{ json: { sum } }]].reduce((all, list) => all + JSON.stringify(list).length, 0);
    total += sum;
  }
  check(bytes > 0, 'something was written');
  return total;
}

export const millions: Part[] = [million];
