import { z } from 'zod';
import { Hash, PortName, StepId, Time, Uuid } from '../ids.ts';
import { Json, JsonObject } from '../json.ts';
import { Item } from '../workflow/tree.ts';

/** Items of an edge: inline up to 1 MB, else a blob that holds their JSON. */
export const Payload = z.union([
  z.strictObject({ items: z.array(Item) }),
  z.strictObject({ blob: Hash, bytes: z.int(), count: z.int() }),
]);
export type Payload = z.infer<typeof Payload>;

/** An error as the journal keeps it and as `json.error` of an item shows it. */
export const StepError = z.object({
  code: z.string(),
  message: z.string(),
  detail: z.string().optional(),
  stepId: StepId.optional(),
  itemIndex: z.int().optional(),
  details: JsonObject.optional(),
});
export type StepError = z.infer<typeof StepError>;

export const WaitReason = z.enum(['delay', 'approval', 'webhook_reply', 'connector_down', 'needs_attention']);
export type WaitReason = z.infer<typeof WaitReason>;

/** What a person says of an effect that may have happened: it did not, it did (and this came of it), or give up. */
export const Decision = z.discriminatedUnion('decision', [
  z.strictObject({ decision: z.literal('retry') }),
  z.strictObject({ decision: z.literal('done'), result: Json.optional() }),
  z.strictObject({ decision: z.literal('fail') }),
]);
export type Decision = z.infer<typeof Decision>;

export const RunStatus = z.enum(['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'timed_out']);
export type RunStatus = z.infer<typeof RunStatus>;

/** One delivery: the items that one step run sent through one of its ports. A loop also says which batch. */
export const Delivery = z.strictObject({
  port: PortName,
  stepId: StepId,
  iteration: z.int().min(0),
  outPort: PortName,
  batch: z.int().min(0).optional(),
});
export type Delivery = z.infer<typeof Delivery>;

/** What the caller of a webhook, route or API gets. */
export const Answer = z.strictObject({
  status: z.int().min(100).max(599),
  headers: z.record(z.string(), z.string()).optional(),
  body: Json.optional(),
  blob: Hash.optional(),
});
export type Answer = z.infer<typeof Answer>;

const common = {
  runId: Uuid,
  /** From 1, without a gap. */
  seq: z.int().min(1),
  at: Time,
  /** The lease under which it was written. */
  fence: z.int().min(0),
  /** The calling steps of an in-process sub-workflow, `["call_b2:0"]`. */
  path: z.array(z.string()).optional(),
  /** The earlier run this was recorded in, where it was taken over and not done again. */
  source: Uuid.optional(),
};
const ofStep = { ...common, stepId: StepId, iteration: z.int().min(0), attempt: z.int().min(1) };
/**
 * What the step run follows from, as hashes: of the steps that called its workflow, outermost first, and its own. It leads a
 * step run back to its number where the journal does not say how it began. Absent where it does.
 */
const cause = z.string().max(1_000).optional();
/**
 * What steps of several inputs took together since an event last said so, where the order of branches decided it: for each
 * of their step runs its cause, then its deliveries, as hashes. Whoever goes on with the run puts the same together.
 */
const met = z.array(z.array(z.string())).optional();

export const EffectKind = z.enum([
  'http',
  'table',
  'kv',
  'sql',
  'mail',
  'file',
  'model',
  'run',
  'machine',
  'random',
  'crypto',
  /** A batch that a source gave: its items as a payload, and the `cursor` of the next. */
  'batch',
]);
export type EffectKind = z.infer<typeof EffectKind>;

/** One line of a run's journal: the truth about a run, in one shape from the engine to the canvas (formats.md 6). */
export const RunEvent = z.discriminatedUnion('type', [
  z.strictObject({
    ...common,
    type: z.literal('run.started'),
    workflowId: Uuid,
    versionId: Uuid.optional(),
    execHash: Hash,
    runtimeHash: Hash,
    environment: z.string(),
    environmentRevision: z.int().optional(),
    /** The environment's variables as the run saw them; absent where there are none. */
    vars: JsonObject.optional(),
    /** Where somebody outside ends a wait of the run. */
    resumeUrl: z.string().max(2_000).optional(),
    triggerStepId: StepId,
    input: Payload,
    /** Random numbers and ids of the run come from it. */
    seed: z.string(),
    retryOf: Uuid.optional(),
  }),
  z.strictObject({ ...ofStep, type: z.literal('step.attempted'), from: z.array(Delivery) }),
  z.strictObject({
    ...ofStep,
    type: z.literal('effect.intended'),
    /** `<item index>.<n>`, as in the idempotency key. */
    no: z.string(),
    kind: EffectKind,
    key: z.string(),
    /** Without secrets. */
    request: Json,
    cause,
    met,
  }),
  z.strictObject({
    ...ofStep,
    type: z.literal('effect.recorded'),
    no: z.string(),
    kind: EffectKind,
    requestHash: Hash,
    result: Json.optional(),
    error: StepError.optional(),
    /** Who said that this came of it, where nothing outside did. */
    by: z.string().max(200).optional(),
    cause,
    met,
  }),
  z.strictObject({
    ...ofStep,
    type: z.literal('step.succeeded'),
    outputs: z.record(PortName, Payload),
    /** The outputs are pinned by a person; the step did not run. */
    pinned: z.literal(true).optional(),
  }),
  z.strictObject({ ...ofStep, type: z.literal('step.failed'), error: StepError, retryAt: Time.optional() }),
  z.strictObject({
    ...common,
    type: z.literal('step.skipped'),
    stepId: StepId,
    reason: z.enum(['not_reached', 'disabled', 'run_ended', 'group_ended']),
    /** Of a step run that was at work when its group ended. */
    iteration: z.int().min(0).optional(),
  }),
  z.strictObject({
    ...common,
    type: z.literal('run.waiting'),
    stepId: StepId,
    iteration: z.int().min(0),
    reason: WaitReason,
    until: Time.optional(),
    error: StepError.optional(),
    /** What a person is shown who may end the wait: a message, who may decide, the fields to fill in. */
    details: JsonObject.optional(),
    cause,
    met,
  }),
  z.strictObject({
    ...common,
    type: z.literal('run.resumed'),
    stepId: StepId,
    iteration: z.int().min(0),
    /** `timer`, a user id, or the kind of event that ended the wait. */
    by: z.string(),
    /** What came with it; of a step that needed attention a `Decision`. */
    input: Json.optional(),
  }),
  z.strictObject({ ...common, type: z.literal('run.answered'), stepId: StepId, ...Answer.shape, met }),
  z.strictObject({
    ...common,
    type: z.literal('run.ended'),
    status: z.enum(['succeeded', 'failed', 'cancelled', 'timed_out']),
    /** By step id, the items that left by ports without an edge. */
    output: z.record(StepId, Payload).optional(),
    error: StepError.optional(),
  }),
]);
export type RunEvent = z.infer<typeof RunEvent>;
export type RunEventType = RunEvent['type'];
/** The event of one type. */
export type EventOf<T extends RunEventType> = Extract<RunEvent, { type: T }>;

/** One line of a run's log. Logs are not journal: losing one changes nothing. */
export const RunLogLine = z.strictObject({
  runId: Uuid,
  at: Time,
  level: z.enum(['debug', 'info', 'warn', 'error']),
  stepId: StepId.optional(),
  iteration: z.int().optional(),
  message: z.string().max(10_000),
});
export type RunLogLine = z.infer<typeof RunLogLine>;
