import { z } from 'zod';
import { Time, Uuid } from '../../ids.ts';
import { PERMISSIONS, type Permission } from '../../permission.ts';
import type { HttpGroup } from '../contract.ts';
import { Done, Empty, User, Workspace } from './common.ts';

/** What no API key may do, whoever makes it. */
const FOR_PEOPLE_ALONE: readonly Permission[] = [
  'member:write',
  'billing:write',
  'workspace:delete',
  'ownership:transfer',
];

/** Everything that an API key can be allowed. */
export const KEY_SCOPES = PERMISSIONS.filter((permission) => !FOR_PEOPLE_ALONE.includes(permission));

const LOOK: Permission[] = ['workspace:read', 'workflow:read', 'run:read', 'usage:read', 'connection:read'];

/** What keys are mostly made for, each with what it takes and nothing more. */
export const KEY_PRESETS = {
  publish: {
    title: 'Sync and publish from a build',
    scopes: [...LOOK, 'project:write', 'workflow:write', 'sync:write', 'deployment:write', 'script:write'],
  },
  run: { title: 'Start, follow and cancel runs', scopes: [...LOOK, 'workflow:execute', 'run:cancel'] },
  read: { title: 'Only look', scopes: LOOK },
} satisfies Record<string, { title: string; scopes: Permission[] }>;

const Scopes = z.array(z.enum(PERMISSIONS)).min(1, 'needs at least one').max(PERMISSIONS.length);
const ExpiresInDays = z.int().min(1).max(365);

export const ApiKeyRecord = z.strictObject({
  id: Uuid,
  name: z.string(),
  /** How the key begins: enough to tell it from others, and no secret. */
  prefix: z.string(),
  scopes: z.array(z.enum(PERMISSIONS)),
  createdByName: z.string(),
  createdAt: Time,
  expiresAt: Time,
  lastUsedAt: Time.optional(),
  lastUsedIp: z.string().optional(),
  /** Until then the key before the last rotation is taken too. */
  graceUntil: Time.optional(),
});
export type ApiKeyRecord = z.infer<typeof ApiKeyRecord>;

/** `secret` is the key itself: shown in this answer and never again. */
const NewKey = z.strictObject({ key: ApiKeyRecord, secret: z.string() });

/** Keys with which programs act in a workspace. */
export const apiKeys = {
  list: {
    route: 'GET /v1/api-keys',
    access: 'apikey:write',
    rate: 'read',
    input: Empty,
    output: z.array(ApiKeyRecord),
  },
  /** The scopes are at most what the person who makes it may do, also later. */
  create: {
    route: 'POST /v1/api-keys',
    access: 'apikey:write',
    rate: 'write',
    input: z.strictObject({
      name: z.string().trim().min(1).max(80),
      scopes: Scopes,
      expiresInDays: ExpiresInDays.default(90),
    }),
    output: NewKey,
  },
  /** A new secret for the same key. The one before is taken for `graceHours` more: 0 where it became known to others. */
  rotate: {
    route: 'POST /v1/api-keys/:keyId/rotate',
    access: 'apikey:write',
    rate: 'write',
    input: z.strictObject({
      keyId: Uuid,
      graceHours: z.int().min(0).max(24).default(24),
      expiresInDays: ExpiresInDays.default(90),
    }),
    output: NewKey,
  },
  /** Refused everywhere within five seconds. */
  revoke: {
    route: 'DELETE /v1/api-keys/:keyId',
    access: 'apikey:write',
    rate: 'write',
    input: z.strictObject({ keyId: Uuid }),
    output: Done,
  },
  /** What the key that asks is, and where it acts: what a program calls first. Takes a key alone, of whatever scopes. */
  self: {
    route: 'GET /v1/api-key',
    access: 'token',
    rate: 'read',
    input: Empty,
    /** `user` answers for what the key does. */
    output: z.strictObject({ key: ApiKeyRecord, workspace: Workspace, user: User }),
  },
} as const satisfies HttpGroup;
