import type { Tree } from '#shared/workflow/tree.ts';
import { sketchTree } from '../fixtures/engine.ts';
import { violations } from './invariants.ts';
import { randomWorkflow } from './randomWorkflow.ts';
import { simulate } from './simulate.ts';
import { createDice, type Dice, NO_FAULTS } from './world.ts';

const CHILD = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
const FAULTS = { refused: 0.1, lostBefore: 0.1, lostAfter: 0.1 };

export type Tally = {
  runs: number;
  crashes: number;
  parked: number;
  effects: number;
  /** By outcome. */
  outcomes: Record<string, number>;
  /** What went wrong, with the seed that shows it again. */
  violations: string[];
};

/**
 * Runs as many seeds as asked for: each a workflow, a calm world that says what should come of it, and a hostile one.
 *
 * @param more what the hostile world has besides: unsafe effects, a cancel, a short time limit, much that is at work at once
 */
export async function simulateSeeds(
  name: string,
  count: number,
  more: { unsafe?: boolean; cancel?: boolean; runTimeoutMs?: number; crashes?: number; crowded?: boolean } = {},
): Promise<Tally> {
  const tally: Tally = { runs: 0, crashes: 0, parked: 0, effects: 0, outcomes: {}, violations: [] };
  const { unsafe = false, crashes = 4, crowded = false, ...rest } = more;
  for (let number = 0; number < count; number++) {
    const seed = `${name}-${number}`;
    const dice = createDice(seed);
    const tree = crowded ? crowdedTree(dice) : sketchTree(randomWorkflow(dice, { unsafe, waits: true }));
    const items = 1 + dice.pick(4);
    const calm = await simulate({ tree, items, dice: createDice(`${seed} calm`), faults: NO_FAULTS, crashes: 0 });
    if (calm.outcome !== 'succeeded') tally.violations.push(`${seed}: ${calm.outcome} in a calm world`);
    try {
      const run = await simulate({ tree, items, dice, faults: FAULTS, crashes, ...rest });
      tally.runs++;
      tally.crashes += run.crashes;
      tally.parked += run.parked.length;
      tally.effects += run.arrivals.length;
      tally.outcomes[run.outcome] = (tally.outcomes[run.outcome] ?? 0) + 1;
      for (const fault of violations(run, calm)) tally.violations.push(`${seed}: ${fault}`);
      for (const wait of run.parked)
        if (!wait.error?.message) tally.violations.push(`${seed}: parked without evidence`);
    } catch (thrown) {
      tally.violations.push(`${seed}: ${String(thrown)}`);
    }
  }
  return tally;
}

/** A workflow in which much is at work at once, and one that it calls. */
function crowdedTree(dice: Dice): Tree {
  const sketch = randomWorkflow(dice, { unsafe: false, waits: true, crowded: { calls: CHILD } });
  const child = randomWorkflow(dice, { unsafe: false, waits: false, crowded: {} });
  return sketchTree(sketch, { workflows: { [CHILD]: child } });
}

/** One line of what was done. */
export function told({ runs, crashes, parked, effects, outcomes, violations: broken }: Tally): string {
  const ends = Object.entries(outcomes).map(([status, count]) => `${count} ${status}`);
  return `${runs} runs (${ends.join(', ')}), ${crashes} crashes, ${effects} arrivals, ${parked} parked: ${broken.length} violations.`;
}
