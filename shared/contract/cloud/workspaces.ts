import { z } from 'zod';
import { Slug, Time, Uuid } from '../../ids.ts';
import { PERMISSIONS } from '../../permission.ts';
import type { HttpGroup } from '../contract.ts';
import { Done, Empty, Workspace } from './common.ts';

const Name = z.string().trim().min(1).max(120);
const TimeZone = z.string().min(1).max(64);

/** The workspace that the request names, for whoever is a member of it. */
export const WorkspaceDetail = Workspace.extend({
  timezone: TimeZone,
  ownerId: Uuid,
  ownerName: z.string(),
  members: z.int(),
  /** How many the plan has room for; absent: no limit. */
  seats: z.int().optional(),
  /** What the one who asks may do here. */
  permissions: z.array(z.enum(PERMISSIONS)),
  createdAt: Time,
  /** Counts changes of its name, slug, zone and owner; it is also the ETag. */
  revision: z.int(),
});
export type WorkspaceDetail = z.infer<typeof WorkspaceDetail>;

/** One that was deleted and can come back until `purgeAfter`. */
export const DeletedWorkspace = z.strictObject({
  id: Uuid,
  name: z.string(),
  slug: Slug,
  deletedAt: Time,
  purgeAfter: Time,
});
export type DeletedWorkspace = z.infer<typeof DeletedWorkspace>;

export const workspaces = {
  list: { route: 'GET /v1/workspaces', access: 'session', rate: 'read', input: Empty, output: z.array(Workspace) },
  create: {
    route: 'POST /v1/workspaces',
    access: 'session',
    rate: 'write',
    input: z.strictObject({ name: Name, slug: Slug.optional() }),
    output: Workspace,
  },
  get: {
    route: 'GET /v1/workspaces/current',
    access: 'workspace:read',
    rate: 'read',
    input: Empty,
    output: WorkspaceDetail,
  },
  update: {
    route: 'PATCH /v1/workspaces/current',
    access: 'workspace:write',
    rate: 'write',
    /** With `expectedRevision`, what somebody else changed since is not overwritten. */
    input: z.strictObject({
      name: Name.optional(),
      slug: Slug.optional(),
      timezone: TimeZone.optional(),
      expectedRevision: z.int().optional(),
    }),
    output: WorkspaceDetail,
  },
  /** Another member becomes its owner, and the one who asks an admin. */
  transfer: {
    route: 'POST /v1/workspaces/current/transfer',
    access: 'ownership:transfer',
    rate: 'write',
    input: z.strictObject({ memberId: Uuid }),
    output: WorkspaceDetail,
  },
  /** Everything in it stops at once. It can come back for 30 days, then it is gone. */
  delete: {
    route: 'DELETE /v1/workspaces/current',
    access: 'workspace:delete',
    rate: 'write',
    /** `confirm` repeats the slug, so that nobody deletes another one than they think. */
    input: z.strictObject({ confirm: z.string() }),
    output: DeletedWorkspace,
  },
  /** Those that the person who asks owned and may still bring back. */
  listDeleted: {
    route: 'GET /v1/workspaces/deleted',
    access: 'session',
    rate: 'read',
    input: Empty,
    output: z.array(DeletedWorkspace),
  },
  restore: {
    route: 'POST /v1/workspaces/:workspaceId/restore',
    access: 'session',
    rate: 'write',
    input: z.strictObject({ workspaceId: Uuid }),
    output: Workspace,
  },
  /** The last owner cannot: transfer it or delete it first. */
  leave: {
    route: 'POST /v1/workspaces/:workspaceId/leave',
    access: 'session',
    rate: 'write',
    input: z.strictObject({ workspaceId: Uuid }),
    output: Done,
  },
} as const satisfies HttpGroup;
