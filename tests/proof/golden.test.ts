import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RunEvent } from '#shared/run/events.ts';
import { Tree } from '#shared/workflow/tree.ts';
import { doubledEffects, journalFaults } from './invariants.ts';
import { simulate } from './simulate.ts';
import { createDice, NO_FAULTS } from './world.ts';

const FOLDER = join(import.meta.dirname, '..', 'golden');
const releases = readdirSync(FOLDER).sort();
/** Of the places where a process may have left off; every event of a long journal would take minutes. */
const STRIDE = 3;

type Golden = { tree: Tree; items: number; events: RunEvent[] };

function read(release: string, file: string): Golden {
  const { tree, items, events } = JSON.parse(readFileSync(join(FOLDER, release, file), 'utf8')) as Golden;
  // What an earlier release wrote must still be of the shape that is read today.
  return { tree: Tree.parse(tree), items, events: events.map((event) => RunEvent.parse(event)) };
}

test.each(
  releases,
)('runs that release %s left half finished go on to the end that they would have had', async (release) => {
  const files = readdirSync(join(FOLDER, release));
  let resumed = 0;
  for (const file of files) {
    const { tree, items, events } = read(release, file);
    const whole = await simulate({
      tree,
      items,
      dice: createDice(file),
      faults: NO_FAULTS,
      crashes: 0,
      before: events,
    });
    expect(whole.outcome).toBe('succeeded');
    for (let cut = 1; cut < events.length; cut += STRIDE) {
      const before = events.slice(0, cut);
      const run = await simulate({
        tree,
        items,
        dice: createDice(`${file}-${cut}`),
        faults: NO_FAULTS,
        crashes: 0,
        before,
      });
      const faults = [...journalFaults(run.events), ...doubledEffects(run.arrivals, whole.arrivals)];
      expect({ file, cut, outcome: run.outcome, faults }).toEqual({ file, cut, outcome: 'succeeded', faults: [] });
      resumed++;
    }
  }
  console.info(
    `R11: release ${release}: ${resumed} half-finished runs of ${files.length} workflows, ${resumed} resumed.`,
  );
  expect(resumed).toBeGreaterThan(200);
});
