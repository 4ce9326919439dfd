import { z } from 'zod';
import { Hash, PortName, ScriptPath, Slug, StepId, Uuid, VarName } from '../ids.ts';
import { Json, JsonObject } from '../json.ts';

/** The newest shape of the tree this code reads and writes. Newer ones are refused, older ones upgraded on read. */
export const TREE_FORMAT = 1;

/** `from.port->to.port`, always whole: the key is the edge. */
export const EdgeKey = z
  .string()
  .regex(
    /^[a-z][a-z0-9_]{0,63}\.[a-z][a-zA-Z0-9_]{0,31}->[a-z][a-z0-9_]{0,63}\.[a-z][a-zA-Z0-9_]{0,31}$/,
    'must read from.port->to.port',
  );

export const Retry = z.strictObject({
  /** Tries after the first one. 0 turns the default off. */
  count: z.int().min(0).max(10),
  delayMs: z.int().min(0).max(3_600_000),
  backoff: z.enum(['fixed', 'exponential']),
});
export type Retry = z.infer<typeof Retry>;

export const Step = z.strictObject({
  /** The step type's name, e.g. `http.request`. */
  uses: z.string().regex(/^[a-z][a-zA-Z0-9]*\.[a-z][a-zA-Z0-9]*$/, 'must read system.action'),
  /** The step type's version this config was written for. */
  version: z.int().min(1),
  name: z.string().min(1).max(120),
  config: JsonObject,
  connection: Slug.optional(),
  /** What happens when no retry is left. */
  onError: z.enum(['stop', 'continue', 'port']),
  retry: Retry.optional(),
  timeoutMs: z.int().min(1).max(86_400_000).optional(),
  /** `each`: once per item; `once`: one call with all of them. */
  mode: z.enum(['each', 'once']),
  disabled: z.literal(true).optional(),
  notes: z.string().max(10_000).optional(),
});
export type Step = z.infer<typeof Step>;

/** So many in so much time; runs with the same value of `key`, an expression, share it. */
export const Rate = z.strictObject({
  count: z.int().min(1).max(100_000),
  perMs: z.int().min(1).max(86_400_000),
  key: z.string().max(1_000).optional(),
});
export type Rate = z.infer<typeof Rate>;

export const Settings = z.strictObject({
  /** An IANA zone; UTC without one. */
  timezone: z.string().max(64).optional(),
  /** Active time of a run; waiting does not count. */
  timeoutMs: z.int().min(1).max(3_600_000).optional(),
  concurrency: z.int().min(1).max(1_000).optional(),
  /** An expression; runs with the same value share `concurrency`. */
  concurrencyKey: z.string().max(1_000).optional(),
  /** What comes above it is refused. */
  rate: Rate.optional(),
  /** What comes above it starts later. */
  throttle: Rate.optional(),
  /** A run starts once nothing more has come for so long; what came before the last is superseded. */
  debounce: z
    .strictObject({
      waitMs: z.int().min(1).max(604_800_000),
      /** Starts at the latest so long after the first. */
      maxMs: z.int().min(1).max(604_800_000).optional(),
      key: z.string().max(1_000).optional(),
    })
    .optional(),
  /** An expression: a whole number from -100 to 100. Of waiting runs the greatest starts first. */
  priority: z.string().max(1_000).optional(),
  /** One run at a time for each key: a new one is refused (`skip`) or ends the old one (`cancel`). */
  singleton: z.strictObject({ mode: z.enum(['skip', 'cancel']), key: z.string().max(1_000).optional() }).optional(),
  /** Within the window, the same value of the expression starts nothing new and gets the first run's answer. */
  idempotency: z
    .strictObject({ key: z.string().min(1).max(1_000), windowMs: z.int().min(1).max(2_592_000_000) })
    .optional(),
  /** The workflow that is told of runs that failed: it starts at its error trigger. */
  errorWorkflow: z.uuid().optional(),
  /** What a crash may cost: see the journal. */
  durability: z.enum(['step', 'run', 'none']),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']),
  keep: z.enum(['all', 'failures', 'none']),
});
export type Settings = z.infer<typeof Settings>;

/** A word or two by which a workflow is found with others of its kind. */
export const Tag = z
  .string()
  .max(40)
  .regex(/^\S+(?: \S+)*$/, 'must be words with one space between them');

export const Workflow = z.strictObject({
  slug: Slug,
  name: z.string().min(1).max(120),
  tags: z.array(Tag).max(20).optional(),
  settings: Settings,
  /** JSON Schema of what starts a run by hand, by API or from another workflow. */
  inputs: JsonObject.optional(),
  steps: z.record(StepId, Step),
  edges: z.record(EdgeKey, z.strictObject({})),
  layout: z.record(StepId, z.tuple([z.number(), z.number()])),
});
export type Workflow = z.infer<typeof Workflow>;

export const Environment = z.strictObject({
  vars: z.record(VarName, Json),
  /** Connection name in the project → name of the connection record. Absent: the same name. */
  bindings: z.record(Slug, Slug),
});
export type Environment = z.infer<typeof Environment>;

export const Item = z.strictObject({
  json: JsonObject,
  binary: z
    .record(z.string(), z.strictObject({ blob: Hash, bytes: z.int(), mime: z.string(), name: z.string().optional() }))
    .optional(),
  /** Which input item it came from: an index on `main`, or `[port, index]` pairs. */
  from: z.union([z.int(), z.array(z.tuple([PortName, z.int()]))]).optional(),
});
export type Item = z.infer<typeof Item>;

/** A saved case of `sluice test`. */
export const Case = z.strictObject({
  name: z.string().min(1).max(200),
  workflow: Uuid,
  /** The trigger's step id; without it the only trigger. */
  trigger: StepId.optional(),
  /** What `$now` says. */
  now: z.iso.datetime().optional(),
  /** Where its random numbers and ids begin; that of the run it was made from. */
  seed: z.string().min(1).max(200).optional(),
  /** Variables beside those of the environment, and before them. */
  vars: z.record(VarName, Json).optional(),
  items: z.array(Item),
  /** Answers for outside effects, by step id, in order. One that is needed and missing fails the case. */
  effects: z.record(StepId, z.array(JsonObject)).optional(),
  expect: z.strictObject({
    status: z.enum(['succeeded', 'failed', 'cancelled', 'timed_out']).optional(),
    answer: z
      .strictObject({ status: z.int().optional(), headers: JsonObject.optional(), body: Json.optional() })
      .optional(),
    steps: z.record(StepId, z.array(Json)).optional(),
    notRun: z.array(StepId).optional(),
    error: JsonObject.optional(),
  }),
});
export type Case = z.infer<typeof Case>;

/** One project as one value. Every collection is a map by id, so that a merge is per field. */
export const Tree = z.strictObject({
  project: z.strictObject({ id: Uuid, name: z.string().min(1).max(120), format: z.literal(TREE_FORMAT) }),
  workflows: z.record(Uuid, Workflow),
  scripts: z.record(ScriptPath, z.string().max(500_000)),
  machines: z.record(Slug, JsonObject),
  environments: z.record(Slug, Environment),
  connections: z.record(Slug, z.strictObject({ connector: z.string().min(1).max(60) })),
  tests: z.record(Slug, Case),
  pins: z.record(Uuid, z.record(StepId, z.strictObject({ hash: Hash, bytes: z.int() }))),
});
export type Tree = z.infer<typeof Tree>;

export function emptyTree(id: string, name: string): Tree {
  return {
    project: { id, name, format: TREE_FORMAT },
    workflows: {},
    scripts: {},
    machines: {},
    environments: {},
    connections: {},
    tests: {},
    pins: {},
  };
}

/** What is filled in where a file says nothing. */
export const DEFAULT_SETTINGS: Settings = { durability: 'step', logLevel: 'info', keep: 'all' };

/** One arrow, taken apart. */
export type Edge = { from: string; outPort: string; to: string; inPort: string };

/** Takes an edge key apart. The key must be whole, as the schema demands. */
export function parseEdge(key: string): Edge {
  // By position: every change of a workflow takes each of its edges apart several times.
  const arrow = key.indexOf('->');
  const from = key.indexOf('.');
  const to = key.indexOf('.', arrow);
  return {
    from: key.slice(0, from),
    outPort: key.slice(from + 1, arrow),
    to: key.slice(arrow + 2, to),
    inPort: key.slice(to + 1),
  };
}

/** The key of an arrow. */
export function edgeKey({ from, outPort, to, inPort }: Edge): string {
  return `${from}.${outPort}->${to}.${inPort}`;
}
