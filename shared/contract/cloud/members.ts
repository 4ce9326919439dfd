import { z } from 'zod';
import { Time, Uuid } from '../../ids.ts';
import { PERMISSIONS, ROLES } from '../../permission.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { Done } from './common.ts';

/** Single permissions given to or taken from a member, on top of the role. */
export const PermissionChanges = z.strictObject({
  add: z.array(z.enum(PERMISSIONS)).max(PERMISSIONS.length).default([]),
  remove: z.array(z.enum(PERMISSIONS)).max(PERMISSIONS.length).default([]),
});
export type PermissionChanges = z.infer<typeof PermissionChanges>;

export const Member = z.strictObject({
  id: Uuid,
  userId: Uuid,
  name: z.string(),
  email: z.string(),
  role: z.enum(ROLES),
  permissions: PermissionChanges,
  joinedAt: Time,
  /** The one who asks. */
  you: z.boolean(),
  /** Counts changes of the role and the permissions; it is also the ETag. */
  revision: z.int(),
});
export type Member = z.infer<typeof Member>;

export const members = {
  list: {
    route: 'GET /v1/members',
    access: 'member:read',
    rate: 'read',
    input: z.strictObject(PageInput),
    output: page(Member),
  },
  /** What is left out stays as it is; another role takes single permissions away. */
  update: {
    route: 'PATCH /v1/members/:memberId',
    access: 'member:write',
    rate: 'write',
    input: z.strictObject({
      memberId: Uuid,
      role: z.enum(ROLES).optional(),
      permissions: PermissionChanges.optional(),
      expectedRevision: z.int().optional(),
    }),
    output: Member,
  },
  remove: {
    route: 'DELETE /v1/members/:memberId',
    access: 'member:write',
    rate: 'write',
    input: z.strictObject({ memberId: Uuid }),
    output: Done,
  },
} as const satisfies HttpGroup;
