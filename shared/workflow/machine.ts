import { z } from 'zod';
import { isJsonObject, Json, JsonObject } from '../json.ts';

/** The name of a state or an event. */
const Name = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_-]{0,63}$/,
    'must begin with a letter and hold only letters, digits, _ and - (at most 64)',
  );

/** The event that a state's time-out sends. */
export const TIMED_OUT = 'after';

export const MachineTransition = z.strictObject({
  target: Name,
  /** An expression: taken only where it is true. It sees `$json` = `{ machine, key, state, event, payload, data }`. */
  when: z.string().min(1).max(10_000).optional(),
  /** The workflow (its id) that runs before the state changes; it is given the same `$json` as an item. */
  action: z.uuid().optional(),
  /** The workflow that takes back what `action` did. */
  undo: z.uuid().optional(),
  /** Fields of the instance's data after it, each a value or an expression; `$json.result` is what the action gave last. */
  set: z.record(z.string().min(1).max(100), Json).optional(),
  /** Takes back, newest first, what the transitions before did that have an `undo`. */
  compensate: z.literal(true).optional(),
});
export type MachineTransition = z.infer<typeof MachineTransition>;

/** One way on, or several of which the first that may be taken is. */
const Ways = z.union([MachineTransition, z.array(MachineTransition).min(1).max(20)]);

const MachineState = z.strictObject({
  on: z.record(Name, Ways).optional(),
  /** What follows when an instance has been in the state for so long. */
  after: z.strictObject({ ms: z.int().min(1).max(31_622_400_000), ...MachineTransition.shape }).optional(),
  /** Nothing follows. */
  final: z.literal(true).optional(),
});
type MachineState = z.infer<typeof MachineState>;

/**
 * A state machine of a project, `machines/<name>.yaml`: what may follow what. Its instances are told apart by a key and are
 * kept in the project's table `machine_<name>`, with their state, data and history.
 */
export const Machine = z.strictObject({
  name: z.string().min(1).max(120).optional(),
  initial: Name,
  /** What an instance knows when it is new. */
  data: JsonObject.optional(),
  states: z.record(Name, MachineState),
  /** Where an instance goes when the action of a transition fails: what was done before is taken back first. */
  onFailure: Name.optional(),
});
export type Machine = z.infer<typeof Machine>;

/** The ways that leave a state for an event, in order. */
export function waysOf(state: MachineState, event: string): MachineTransition[] {
  if (event === TIMED_OUT && state.after) {
    const { ms: _, ...way } = state.after;
    return [way];
  }
  const ways = state.on && Object.hasOwn(state.on, event) ? state.on[event] : undefined;
  if (!ways) return [];
  return Array.isArray(ways) ? ways : [ways];
}

/** All transitions of a machine, with the state and the event they belong to. */
export function transitionsOf(machine: Machine): { from: string; event: string; way: MachineTransition }[] {
  return Object.entries(machine.states).flatMap(([from, state]) =>
    [...Object.keys(state.on ?? {}), ...(state.after ? [TIMED_OUT] : [])].flatMap((event) =>
      waysOf(state, event).map((way) => ({ from, event, way })),
    ),
  );
}

/** A machine as it was written, with workflows that are named by their file named by their id. */
export function withWorkflowIds(value: Json, idOfSlug: ReadonlyMap<string, string>): Json {
  if (Array.isArray(value)) return value.map((one) => withWorkflowIds(one, idOfSlug));
  if (!isJsonObject(value)) return value;
  const named = Object.create(null) as JsonObject;
  for (const [key, one] of Object.entries(value)) {
    const isName = (key === 'action' || key === 'undo') && typeof one === 'string';
    named[key] = isName ? (idOfSlug.get(one) ?? one) : withWorkflowIds(one, idOfSlug);
  }
  return named;
}

/** The project's table that holds the instances of a machine. */
export const machineTable = (slug: string): string => `machine_${slug}`.slice(0, 63);
