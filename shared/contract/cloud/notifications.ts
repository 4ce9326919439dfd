import { z } from 'zod';
import { Time, Uuid } from '../../ids.ts';
import { JsonObject } from '../../json.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { Done, Empty } from './common.ts';

export const NOTICE_CHANNELS = ['app', 'email'] as const;
export type NoticeChannel = (typeof NOTICE_CHANNELS)[number];

/** What people are told of, and how unless they choose otherwise. A channel that is `always` cannot be turned off. */
export const NOTICE_KINDS = {
  run_failed: { title: 'A run failed', app: true, email: true },
  approval_requested: { title: 'A run waits for your approval', app: true, email: true },
  allowance_warning: { title: 'An allowance is nearly or wholly used up', app: true, email: true },
  connection_expires: { title: 'A connection is about to expire', app: true, email: true },
  member_joined: { title: 'Somebody joined a workspace', app: true, email: false },
  new_sign_in: { title: 'A new sign-in to your account', app: true, email: 'always' },
} as const satisfies Record<string, { title: string; app: boolean | 'always'; email: boolean | 'always' }>;
export type NoticeKind = keyof typeof NOTICE_KINDS;
const KINDS = Object.keys(NOTICE_KINDS) as [NoticeKind, ...NoticeKind[]];

export const Notification = z.strictObject({
  id: Uuid,
  kind: z.enum(KINDS),
  /** Absent: it is about the account, not about a workspace. */
  workspaceId: Uuid.optional(),
  title: z.string(),
  message: z.string(),
  /** Where to look: `projectId`, `runId`, … */
  data: JsonObject,
  /** How often it happened. */
  count: z.int(),
  read: z.boolean(),
  at: Time,
});
export type Notification = z.infer<typeof Notification>;

export const NoticePreference = z.strictObject({
  kind: z.enum(KINDS),
  title: z.string(),
  channel: z.enum(NOTICE_CHANNELS),
  enabled: z.boolean(),
  /** Not where it is for one's own safety. */
  changeable: z.boolean(),
});
export type NoticePreference = z.infer<typeof NoticePreference>;

/** All of them. `revision` counts how often any was set; it is also the ETag. */
const NoticePreferences = z.strictObject({ preferences: z.array(NoticePreference), revision: z.int() });
export type NoticePreferences = z.infer<typeof NoticePreferences>;

const Unread = z.strictObject({ unread: z.int() });

/** One's own, of every workspace. The feed says `notifications.changed` where there is something new. */
export const notifications = {
  list: {
    route: 'GET /v1/notifications',
    access: 'session',
    rate: 'read',
    input: z.strictObject({ ...PageInput, unread: z.enum(['true', 'false']).default('false') }),
    output: page(Notification),
  },
  countUnread: { route: 'GET /v1/notifications/unread', access: 'session', rate: 'read', input: Empty, output: Unread },
  markRead: {
    route: 'POST /v1/notifications/:notificationId/read',
    access: 'session',
    rate: 'write',
    input: z.strictObject({ notificationId: Uuid }),
    output: Done,
  },
  markAllRead: {
    route: 'POST /v1/notifications/read-all',
    access: 'session',
    rate: 'write',
    input: Empty,
    output: Done,
  },
  preferences: {
    route: 'GET /v1/notification-preferences',
    access: 'session',
    rate: 'read',
    input: Empty,
    output: NoticePreferences,
  },
  setPreference: {
    route: 'PUT /v1/notification-preferences/:kind',
    access: 'session',
    rate: 'write',
    input: z.strictObject({
      kind: z.enum(KINDS),
      channel: z.enum(NOTICE_CHANNELS),
      enabled: z.boolean(),
      expectedRevision: z.int().optional(),
    }),
    output: NoticePreferences,
  },
} as const satisfies HttpGroup;
