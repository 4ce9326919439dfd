import { z } from 'zod';
import { Hash, Slug, StepId, Uuid } from '../ids.ts';
import { Json, JsonObject } from '../json.ts';
import { RunEvent, RunLogLine } from '../run/events.ts';
import { Item, Tree } from '../workflow/tree.ts';
import type { Group } from './contract.ts';

/** The version of this contract; the other side refuses what it does not know. */
export const AGENT_PROTOCOL = 1;

/** A connection as the broker inside the runtime holds it, for as long as it holds a run that needs it. */
export const BoundConnection = z.strictObject({
  connector: z.string(),
  secret: JsonObject,
  /** `host`, `host:port` or `*.suffix`. Empty: the connector's own list. */
  hosts: z.array(z.string()),
  /** Why no step may use it and what to do, for whoever looks at the run; its secret is empty then. Absent: it may be used. */
  withheld: z.string().optional(),
});
export type BoundConnection = z.infer<typeof BoundConnection>;

const EnvironmentInput = z.strictObject({
  name: Slug,
  vars: z.record(z.string(), Json),
  revision: z.int().optional(),
});

/** A run to execute, or to go on with: `events` is its journal so far. */
export const Assignment = z.strictObject({
  runId: Uuid,
  fence: z.int().min(0),
  leaseMs: z.int(),
  projectId: Uuid,
  workflowId: Uuid,
  versionId: Uuid.optional(),
  /** Flat hash of the tree; the tree itself comes along unless the agent said it has it. */
  treeHash: Hash,
  tree: Tree.optional(),
  environment: EnvironmentInput,
  /** By the name the project uses. */
  connections: z.record(Slug, BoundConnection),
  triggerStepId: StepId,
  input: z.array(Item),
  events: z.array(RunEvent),
  /** The run that is done again, whole or in part. */
  retryOf: Uuid.optional(),
  /** What of its journal still holds: taken over in place of being done again. */
  recorded: z.array(RunEvent).optional(),
  /** Idempotency keys are those of this run, so that what it may have sent is not sent twice. Absent: the run itself. */
  effectRunId: Uuid.optional(),
  /** Where somebody outside ends a wait of this run. */
  resumeUrl: z.url().optional(),
  /** Only for partial runs on the desktop. */
  partial: z
    .strictObject({
      /** Outputs taken as given, by step id and port. */
      given: z.record(StepId, z.record(z.string(), z.array(Item))),
      /** Nothing after this step starts. */
      stopAfter: StepId.optional(),
    })
    .optional(),
});
export type Assignment = z.infer<typeof Assignment>;

export const RuntimeLimits = z.strictObject({
  runsAtOnce: z.int(),
  runTimeoutMs: z.int(),
  loopIterations: z.int(),
  storageBytes: z.int(),
});
export type RuntimeLimits = z.infer<typeof RuntimeLimits>;

/**
 * What a runtime asks its control plane: the cloud over HTTPS, or the desktop's host over stdin and stdout. The
 * runtime only dials out. Sending an event twice is harmless.
 */
export const agentApi = {
  agent: {
    /** Trades the secret of this one start for a short token. Again after any 401, so a container survives sleep. */
    hello: {
      route: 'POST /agent/v1/hello',
      access: 'token',
      rate: 'agent',
      input: z.strictObject({
        protocol: z.int(),
        bootSecret: z.string().max(200),
        runtimeHash: Hash,
        node: z.string().max(40),
      }),
      output: z.strictObject({
        workspaceId: Uuid,
        containerId: Uuid,
        token: z.string(),
        expiresAt: z.iso.datetime(),
        limits: RuntimeLimits,
      }),
    },
    /** Waits up to `waitMs` for work. `have` names trees the runtime keeps. */
    next: {
      route: 'POST /agent/v1/next',
      access: 'token',
      rate: 'agent',
      input: z.strictObject({
        free: z.int().min(0).max(100),
        have: z.array(Hash).max(100),
        waitMs: z.int().min(0).max(25_000),
      }),
      output: z.strictObject({
        runs: z.array(Assignment),
        /** Finish what you hold and exit. */
        drain: z.boolean().optional(),
        /** Replaces the token in use. */
        token: z.strictObject({ token: z.string(), expiresAt: z.iso.datetime() }).optional(),
      }),
    },
    /** Appends to a run's journal; no events renews the lease. @throws run.fenced (stop, discard), run.gap (details.expected) */
    report: {
      route: 'POST /agent/v1/report',
      access: 'token',
      rate: 'agent',
      input: z.strictObject({
        runId: Uuid,
        fence: z.int().min(0),
        events: z.array(RunEvent),
        logs: z.array(RunLogLine).optional(),
        /** The agent lets go of the run: it ended, or it waits. */
        done: z.boolean().optional(),
      }),
      output: z.strictObject({
        /** The last sequence number stored. */
        ack: z.int().min(0),
        cancel: z.boolean().optional(),
        suspend: z.boolean().optional(),
      }),
    },
    /** Starts another run of the same version beside this one. The same key starts nothing new. @throws run.fenced */
    start: {
      route: 'POST /agent/v1/runs',
      access: 'token',
      rate: 'agent',
      input: z.strictObject({
        runId: Uuid,
        fence: z.int().min(0),
        workflowId: Uuid,
        triggerStepId: StepId,
        items: z.array(Item),
        key: z.string().max(200),
        /** Not before this moment, milliseconds since 1970. */
        atMs: z.int().optional(),
      }),
      output: z.strictObject({ runId: Uuid }),
    },
    /** Over stdio a blob travels as base64; over HTTP as bytes, under the same routes. The hash is checked. */
    putBlob: {
      route: 'PUT /agent/v1/blobs/:hash',
      access: 'token',
      rate: 'agent',
      input: z.strictObject({ hash: Hash, base64: z.string() }),
      output: z.strictObject({ bytes: z.int() }),
    },
    getBlob: {
      route: 'GET /agent/v1/blobs/:hash',
      access: 'token',
      rate: 'agent',
      input: z.strictObject({ hash: Hash }),
      output: z.strictObject({ base64: z.string() }),
    },
  },
} as const satisfies Record<string, Group>;
export type AgentApi = typeof agentApi;
