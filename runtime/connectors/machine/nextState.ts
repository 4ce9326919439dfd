import type { Machine, MachineTransition } from '#shared/workflow/machine.ts';
import { TIMED_OUT, waysOf } from '#shared/workflow/machine.ts';

/** What an event leads to: the transition that is taken, and the state behind it. */
export type NextState = { way: MachineTransition; state: string; isFinal: boolean };

/**
 * Works out what an event does to an instance, by xstate: the first transition of its state for the event whose guard holds.
 *
 * @param holds whether a guard is true now
 * @returns undefined where the state does not take the event
 */
export async function nextState(
  machine: Machine,
  { state, event }: { state: string; event: string },
  holds: (when: string) => boolean,
): Promise<NextState | undefined> {
  const { createMachine, transition } = await import('xstate');
  const states = Object.fromEntries(
    Object.entries(machine.states).map(([name, one]) => {
      if (one.final) return [name, { type: 'final' as const }];
      const events = [...Object.keys(one.on ?? {}), ...(one.after ? [TIMED_OUT] : [])];
      const on = events.map((key) => [
        key,
        waysOf(one, key).map((way, index) => ({
          target: way.target,
          // A transition to the state itself is one as well.
          reenter: true,
          ...(way.when === undefined ? {} : { guard: () => holds(way.when as string) }),
          actions: { type: 'taken', params: { index } },
        })),
      ]);
      return [name, { on: Object.fromEntries(on) }];
    }),
  );
  const logic = createMachine({ initial: machine.initial, states });
  const before = logic.resolveState({ value: state });
  const [after, actions] = transition(logic, before, { type: event });
  const taken = (actions as readonly { type: string; params?: unknown }[]).find(({ type }) => type === 'taken');
  if (!taken) return undefined;
  const { index } = taken.params as { index: number };
  const way = waysOf(machine.states[state] ?? {}, event)[index];
  if (!way) return undefined;
  return { way, state: String(after.value), isFinal: after.status === 'done' };
}
