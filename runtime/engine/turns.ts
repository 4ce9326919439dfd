import type { Execution } from './attempt.ts';

/** How long, and how many step runs, may go by before other work of the process has its turn. */
const TURN_MS = 50;
const TURN_STEPS = 5_000;
/** Step runs between two looks at the clock. */
const LOOK_STEPS = 16;

/**
 * Lets other work of the process have its turn: leases are renewed and a run can be cancelled while its steps, which may
 * all be synchronous, go on. It also waits for a journal that cannot follow.
 */
export function createTurns({ ports: { clock }, journal }: Execution) {
  let began = clock.now();
  let steps = 0;
  let given = false;
  return {
    isOver(): boolean {
      if (given) return false;
      if (++steps % LOOK_STEPS !== 0) return false;
      return steps >= TURN_STEPS || clock.now() - began > TURN_MS || journal.isFull();
    },
    isGiven: () => given,
    give(goOn: () => void, onError: (thrown: unknown) => void): void {
      given = true;
      const room = journal.isFull() ? journal.durable() : undefined;
      Promise.all([clock.limit(0), room])
        .then(() => {
          given = false;
          steps = 0;
          began = clock.now();
          goOn();
        })
        .catch(onError);
    },
  };
}
