import { z } from 'zod';
import { Time, Uuid } from '../../ids.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { Done, Empty, Workspace } from './common.ts';

/** Nobody is invited to own a workspace: ownership is given by a transfer. */
export const InvitedRole = z.enum(['admin', 'editor', 'viewer']);
export type InvitedRole = z.infer<typeof InvitedRole>;

export const InvitationStatus = z.enum(['pending', 'accepted', 'declined', 'revoked', 'expired']);
export type InvitationStatus = z.infer<typeof InvitationStatus>;

export const Invitation = z.strictObject({
  id: Uuid,
  email: z.string(),
  role: InvitedRole,
  status: InvitationStatus,
  invitedByName: z.string(),
  sentAt: Time,
  expiresAt: Time,
});
export type Invitation = z.infer<typeof Invitation>;

/** An invitation as the person sees it whose address it names. */
export const OwnInvitation = z.strictObject({
  id: Uuid,
  workspaceName: z.string(),
  role: InvitedRole,
  invitedByName: z.string(),
  expiresAt: Time,
});
export type OwnInvitation = z.infer<typeof OwnInvitation>;

const ById = z.strictObject({ invitationId: Uuid });

export const invitations = {
  list: {
    route: 'GET /v1/invitations',
    access: 'member:write',
    rate: 'read',
    input: z.strictObject({ ...PageInput, status: InvitationStatus.optional() }),
    output: page(Invitation),
  },
  /** Sends a letter with a link that is good for seven days. It takes a seat until it is answered or over. */
  create: {
    route: 'POST /v1/invitations',
    access: 'member:write',
    rate: 'write',
    input: z.strictObject({
      email: z.string().trim().toLowerCase().pipe(z.email().max(254)),
      role: InvitedRole.default('editor'),
    }),
    output: Invitation,
  },
  /** Another letter with another link; the one before is good no more. */
  resend: {
    route: 'POST /v1/invitations/:invitationId/resend',
    access: 'member:write',
    rate: 'write',
    input: ById,
    output: Invitation,
  },
  revoke: {
    route: 'DELETE /v1/invitations/:invitationId',
    access: 'member:write',
    rate: 'write',
    input: ById,
    output: Done,
  },
} as const satisfies HttpGroup;

/** The invitations to the address that the person who asks has confirmed. */
export const ownInvitations = {
  list: {
    route: 'GET /v1/own-invitations',
    access: 'session',
    rate: 'read',
    input: Empty,
    output: z.array(OwnInvitation),
  },
  accept: {
    route: 'POST /v1/own-invitations/:invitationId/accept',
    access: 'session',
    rate: 'write',
    input: ById,
    output: Workspace,
  },
  decline: {
    route: 'POST /v1/own-invitations/:invitationId/decline',
    access: 'session',
    rate: 'write',
    input: ById,
    output: Done,
  },
} as const satisfies HttpGroup;
