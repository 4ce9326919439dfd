import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { toTime } from '#shared/time.ts';
import { type Machine, type MachineTransition, machineTable, TIMED_OUT } from '#shared/workflow/machine.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { AnyJson } from '../fields.ts';
import { type Call, defineStepType } from '../stepType.ts';
import { nextState } from './nextState.ts';

/** So often somebody else may come first. */
const MOST_TRIES = 5;
/** Transitions that an instance remembers. */
const MOST_HISTORY = 100;

const MachineName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,54}$/, 'must be the name of a machine: the file below machines/ without .yaml')
  .meta({
    title: 'State machine',
    placeholder: 'order',
    help: 'The file below machines/, without .yaml.',
    expression: false,
    order: 1,
  });
const Key = z.string().min(1).max(500).meta({ title: 'Which instance', placeholder: '=$json.orderId', order: 2 });

/** One transition that was taken. */
type Past = { from: string; to: string; event: string; at: string; done?: string; undo?: string };
type Instance = { state: string; data: JsonObject; version: number; entered: number; history: Past[] };

const InstanceShown = z.object({
  machine: z.string(),
  key: z.string(),
  state: z.string(),
  previous: z.string().optional(),
  data: z.record(z.string(), z.unknown()),
  version: z.int(),
  final: z.boolean(),
});

export const send = defineStepType({
  type: 'machine.send',
  version: 1,
  title: 'Send to a state machine',
  description:
    'Sends an event to an instance of a state machine of the project. If its state takes the event, the transition’s workflow runs and the new state is kept.',
  category: 'flow',
  icon: 'git-branch',
  effect: 'keyed',
  mode: 'once',
  outputs: ['main', 'refused'],
  // The workflows it runs have limits of their own.
  timeoutMs: null,
  config: z.strictObject({
    machine: MachineName,
    key: Key,
    event: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'must be the name of an event')
      .meta({ title: 'Event', placeholder: 'pay', order: 3 }),
    payload: AnyJson.optional().meta({ title: 'What comes with it', widget: 'json', order: 4 }),
    create: z.boolean().default(true).meta({ title: 'Begin an instance where there is none', order: 5 }),
    version: z
      .int()
      .min(0)
      .optional()
      .meta({ title: 'Only at this version', help: 'Refused where the instance has moved on since.', order: 6 }),
  }),
  output: InstanceShown,
  async runAll(call) {
    const main: Item[] = [];
    const refused: Item[] = [];
    const items = call.inputs.main ?? [];
    for (const [index, item] of items.entries()) {
      const config = call.configFor(item);
      const outcome = await sendOne(call, config, index);
      if (outcome.refused === undefined) main.push({ json: outcome.shown, from: index });
      else refused.push({ json: { ...outcome.shown, reason: outcome.refused }, from: index });
    }
    return { main, refused };
  },
});

export const read = defineStepType({
  type: 'machine.read',
  version: 1,
  title: 'Read a state machine',
  description: 'Gives the state, data and history of an instance of a state machine; nothing where there is none.',
  category: 'flow',
  icon: 'git-branch',
  effect: 'idempotent',
  mode: 'each',
  config: z.strictObject({ machine: MachineName, key: Key }),
  output: InstanceShown,
  async run(call) {
    const { config } = call;
    const { definition } = call.machine(config.machine);
    const found = await load(call, config.machine, config.key);
    return found && { ...shown(config, definition, found), history: found.history as unknown as Json };
  },
});

export const timedOut = defineStepType({
  type: 'trigger.machine',
  version: 1,
  title: 'State timed out',
  description:
    'Starts when an instance of a state machine has been in a state for as long as the state’s after says. Send the event on to the machine to let it move.',
  category: 'trigger',
  icon: 'timer',
  effect: 'pure',
  inputs: [],
  mode: 'once',
  config: z.strictObject({ machine: MachineName }),
  output: z.object({ machine: z.string(), key: z.string(), state: z.string(), event: z.string(), version: z.int() }),
});

type SendConfig = z.infer<typeof send.config>;
type Outcome = { shown: JsonObject; refused?: string };

/** One event for one instance: read, run what belongs to it, and keep the new state if nobody came first. */
async function sendOne(call: Call, config: SendConfig, index: number): Promise<Outcome> {
  const { machine: slug, key, event, payload = null } = config;
  const { definition } = call.machine(slug);
  for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
    const found = await load(call, slug, key);
    const before = found ?? newInstance(call, definition, config);
    const view = { machine: slug, key, state: before.state, event, payload, data: before.data };
    if (config.version !== undefined && config.version !== before.version) {
      return { shown: shown(config, definition, before), refused: `It is at version ${before.version} by now.` };
    }
    const next = await nextState(
      definition,
      { state: before.state, event },
      (when) => call.evaluate(when, view) === true,
    );
    if (!next) {
      return {
        shown: shown(config, definition, before),
        refused: `The state ${before.state} does not take ${event} now.`,
      };
    }
    const part = `${index}.${attempt}`;
    const result = await act(call, next.way, view, before, part).catch((thrown: unknown) => ({
      failed: failureOf(call, thrown),
    }));
    if ('failed' in result) {
      if (definition.onFailure === undefined) throw result.failed;
      const after = move(call, before, definition.onFailure, event, next.way);
      await undo(call, before.history, view, part);
      after.history = after.history.map(({ undo: _, ...past }) => past);
      if (await save(call, slug, key, found, after)) {
        await listen(call, slug, key, definition, after);
        return { shown: shown(config, definition, after, before.state), refused: result.failed.message };
      }
    } else {
      const after = move(call, before, next.state, event, next.way);
      const fields = next.way.set ? call.evaluate(next.way.set, { ...view, result: result.given }) : {};
      after.data = { ...before.data, ...(fields as JsonObject) };
      if (next.way.compensate) after.history = after.history.map(({ undo: _, ...past }) => past);
      if (await save(call, slug, key, found, after)) {
        await listen(call, slug, key, definition, after);
        return { shown: shown(config, definition, after, before.state) };
      }
      // Somebody else moved it meanwhile: what was done for nothing is taken back, and the event is looked at anew.
      if (next.way.undo) await call.run.runWorkflow(next.way.undo, [{ json: view as JsonObject }], `${part}.back`);
    }
  }
  throw new SluiceError(
    'machine.changed',
    `The instance ${key} of ${slug} was changed by others ${MOST_TRIES} times meanwhile.`,
    {
      advice:
        'Let fewer runs at once send to one instance: set the workflow’s concurrency to 1 with the key of the instance.',
      details: { machine: slug, key },
    },
  );
}

/** What the action failed with. A wait, a person's decision and a cut are no failures. */
function failureOf(call: Call, thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError && !call.signal.aborted) return thrown;
  throw thrown;
}

/** The workflow of a transition, and what is taken back with it. */
async function act(
  call: Call,
  way: MachineTransition,
  view: JsonObject,
  before: Instance,
  part: string,
): Promise<{ given: Json }> {
  if (way.compensate) await undo(call, before.history, view, part);
  if (!way.action) return { given: null };
  const given = await call.run.runWorkflow(way.action, [{ json: view }], part);
  return { given: given.at(-1)?.json ?? null };
}

/** Takes back what transitions did, the newest first. */
async function undo(call: Call, history: readonly Past[], view: JsonObject, part: string): Promise<void> {
  for (const [place, past] of [...history.entries()].reverse()) {
    if (!past.undo) continue;
    const json = { ...view, undone: { from: past.from, to: past.to, event: past.event, at: past.at } };
    await call.run.runWorkflow(past.undo, [{ json }], `${part}.undo${place}`);
  }
}

function newInstance(call: Call, definition: Machine, { machine, key, create }: SendConfig): Instance {
  if (create) {
    return {
      state: definition.initial,
      data: definition.data ?? {},
      version: 0,
      entered: call.clock.now(),
      history: [],
    };
  }
  throw new SluiceError('machine.not_found', `The machine ${machine} has no instance ${key}.`, {
    advice: 'Send it an event with "Begin an instance where there is none" first.',
    details: { machine, key },
  });
}

function move(call: Call, before: Instance, state: string, event: string, way: MachineTransition): Instance {
  const at = call.clock.now();
  const past: Past = { from: before.state, to: state, event, at: toTime(at) };
  if (way.action) past.done = way.action;
  if (way.undo) past.undo = way.undo;
  return {
    state,
    data: before.data,
    version: before.version + 1,
    entered: at,
    history: [...before.history, past].slice(-MOST_HISTORY),
  };
}

async function load(call: Pick<Call, 'store'>, slug: string, key: string): Promise<Instance | undefined> {
  const [row] = await call.store.tableQuery({ table: machineTable(slug), where: { key }, limit: 1 });
  if (!row) return undefined;
  const { state, data, version, entered, history } = row as unknown as Instance;
  return {
    state,
    data: isJsonObject(data) ? data : {},
    version,
    entered,
    history: Array.isArray(history) ? history : [],
  };
}

/** @returns false where somebody else came first */
async function save(
  call: Call,
  slug: string,
  key: string,
  found: Instance | undefined,
  after: Instance,
): Promise<boolean> {
  const row = after as unknown as JsonObject;
  if (!found) return (await call.store.tableInsert(machineTable(slug), key, row)).inserted;
  const { changed } = await call.store.tableUpdate(machineTable(slug), { key, version: found.version }, row);
  return changed === 1;
}

/** Has the workflows that wait for it told when the new state times out. */
async function listen(call: Call, slug: string, key: string, definition: Machine, after: Instance): Promise<void> {
  const timeout = definition.states[after.state]?.after;
  if (!timeout) return;
  const json = { machine: slug, key, state: after.state, event: TIMED_OUT, version: after.version };
  for (const { workflowId, triggerStepId } of call.machine(slug).listeners) {
    await call.run.start({ workflowId, triggerStepId, items: [{ json }], atMs: after.entered + timeout.ms });
  }
}

function shown(
  { machine, key }: { machine: string; key: string },
  definition: Machine,
  instance: Instance,
  previous?: string,
): JsonObject {
  const { state, data, version } = instance;
  const isFinal = definition.states[state]?.final === true;
  return { machine, key, state, ...(previous === undefined ? {} : { previous }), data, version, final: isFinal };
}
