import { z } from 'zod';
import { Time, Uuid } from '../../ids.ts';
import type { HttpGroup } from '../contract.ts';
import { Done, Empty } from './common.ts';

/** A sign-in that holds: a device's, with tokens that renew each other, or a browser's. */
export const SessionRecord = z.strictObject({
  id: Uuid,
  kind: z.enum(['device', 'browser']),
  /** What the device called itself when it signed in. */
  name: z.string(),
  ip: z.string(),
  userAgent: z.string(),
  startedAt: Time,
  /** To a quarter of an hour: when its tokens were renewed last. */
  lastSeenAt: Time,
  expiresAt: Time,
  /** The one that asks. */
  current: z.boolean(),
});
export type SessionRecord = z.infer<typeof SessionRecord>;

/** One's own sign-ins. What is ended here is refused everywhere within five seconds. */
export const sessions = {
  list: { route: 'GET /v1/sessions', access: 'session', rate: 'read', input: Empty, output: z.array(SessionRecord) },
  revoke: {
    route: 'DELETE /v1/sessions/:sessionId',
    access: 'session',
    rate: 'write',
    input: z.strictObject({ sessionId: Uuid }),
    output: Done,
  },
  /** Signs out everywhere, or everywhere else. */
  revokeAll: {
    route: 'POST /v1/sessions/revoke-all',
    access: 'session',
    rate: 'write',
    input: z.strictObject({ keepThisOne: z.boolean().default(false) }),
    output: z.strictObject({ ended: z.int() }),
  },
} as const satisfies HttpGroup;
