import { z } from 'zod';
import { Uuid } from '../ids.ts';
import { RunEvent } from '../run/events.ts';
import { Deployment, RunSummary } from './cloud/common.ts';

/** What a desktop may say on the feed (`/v1/feed`, WebSocket, the access token in the first message). */
export const FeedRequest = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), accessToken: z.string(), workspaceId: Uuid }),
  z.strictObject({ type: z.literal('watch'), projectId: Uuid }),
  z.strictObject({ type: z.literal('unwatch'), projectId: Uuid }),
  /** Events of one run after `afterSeq`, then live ones. */
  z.strictObject({ type: z.literal('watch_run'), runId: Uuid, afterSeq: z.int().min(0) }),
]);
export type FeedRequest = z.infer<typeof FeedRequest>;

/** What the control plane tells, one way down. Missing one is harmless: each names what to fetch again. */
export const FeedMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('commit'), projectId: Uuid, revision: z.int() }),
  z.strictObject({ type: z.literal('run.event'), projectId: Uuid, event: RunEvent }),
  z.strictObject({ type: z.literal('run.changed'), run: RunSummary }),
  z.strictObject({ type: z.literal('deployment.changed'), deployment: Deployment }),
  z.strictObject({ type: z.literal('revoked') }),
  /** The server stops: come back after this many milliseconds. */
  z.strictObject({ type: z.literal('reconnect'), afterMs: z.int() }),
]);
export type FeedMessage = z.infer<typeof FeedMessage>;
