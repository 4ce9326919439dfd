import { z } from 'zod';
import { Hash, StepId, Uuid } from '../ids.ts';
import { Commit } from '../merge/ops.ts';
import { RunEvent } from '../run/events.ts';
import { Deployment, RunSummary } from './cloud/common.ts';

const shown = {
  projectId: Uuid,
  workflowId: Uuid.optional(),
  /** On the canvas, in its own units. */
  cursor: z.tuple([z.number(), z.number()]).optional(),
  selection: z.array(StepId).max(500).default([]),
  /** The step whose settings are open. */
  editing: StepId.optional(),
};

/** One window of one person. `color` is an index from 0 to 7, the same for the person everywhere. */
export const Present = z.strictObject({ sessionId: Uuid, name: z.string(), color: z.int().min(0).max(7) });
export type Present = z.infer<typeof Present>;

/** What a desktop may say on the feed (`/v1/feed`, WebSocket, the access token in the first message). */
export const FeedRequest = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('hello'),
    accessToken: z.string(),
    workspaceId: Uuid,
    /** The newest format of a project that it reads. */
    format: z.int().optional(),
  }),
  z.strictObject({ type: z.literal('watch'), projectId: Uuid }),
  z.strictObject({ type: z.literal('unwatch'), projectId: Uuid }),
  /** Events of one run after `afterSeq`, then live ones. */
  z.strictObject({ type: z.literal('watch_run'), runId: Uuid, afterSeq: z.int().min(0) }),
  /**
   * Where somebody is in a project that is watched: in one at a time. The last word of each tenth of a second is told on.
   * Say it again every 15 s; of whom nothing was heard for 40 s is gone.
   */
  z.strictObject({ type: z.literal('presence'), ...shown }),
]);
export type FeedRequest = z.infer<typeof FeedRequest>;

/** What the control plane tells, one way down. Missing one is harmless: each names what to fetch again. */
export const FeedMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  /**
   * Where the head is: once when the project is watched, then at each commit, with the commit itself where it is not large,
   * so that who is at the revision before needs no second request.
   */
  z.strictObject({
    type: z.literal('commit'),
    projectId: Uuid,
    revision: z.int(),
    hash: Hash.optional(),
    authorName: z.string().optional(),
    commit: Commit.optional(),
  }),
  /** How many conflicts of the project wait for a person now. */
  z.strictObject({ type: z.literal('conflicts.changed'), projectId: Uuid, open: z.int() }),
  /** Of others that watch the project; never of oneself. */
  z.strictObject({ type: z.literal('presence'), who: Present, ...shown }),
  z.strictObject({ type: z.literal('presence.left'), projectId: Uuid, who: Present }),
  z.strictObject({ type: z.literal('run.event'), projectId: Uuid, event: RunEvent }),
  z.strictObject({ type: z.literal('run.changed'), run: RunSummary }),
  z.strictObject({ type: z.literal('deployment.changed'), deployment: Deployment }),
  /** Something new stands among one's own notifications. */
  z.strictObject({ type: z.literal('notifications.changed') }),
  z.strictObject({ type: z.literal('revoked') }),
  /** Projects are kept in a newer format than this desktop reads. */
  z.strictObject({ type: z.literal('upgrade_required'), format: z.int() }),
  /** The server stops: come back after this many milliseconds. */
  z.strictObject({ type: z.literal('reconnect'), afterMs: z.int() }),
]);
export type FeedMessage = z.infer<typeof FeedMessage>;
