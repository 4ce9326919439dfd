import { z } from 'zod';
import { Time, Uuid } from '../../ids.ts';
import { JsonObject } from '../../json.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { Empty } from './common.ts';

/** What may be looked for; everything that is said has to fit. */
export const AuditQuery = {
  actorId: Uuid.optional(),
  /** One action, or with a `.` at its end all of a kind: `member.` */
  action: z.string().max(80).optional(),
  resource: z.string().max(80).optional(),
  resourceId: z.string().max(200).optional(),
  outcome: z.enum(['ok', 'denied', 'failed']).optional(),
  since: Time.optional(),
  until: Time.optional(),
};

export const AuditEntry = z.strictObject({
  id: Uuid,
  seq: z.int(),
  action: z.string(),
  resource: z.string(),
  resourceId: z.string().optional(),
  actorId: Uuid.optional(),
  actorName: z.string().optional(),
  ip: z.string().optional(),
  userAgent: z.string().optional(),
  requestId: z.string().optional(),
  outcome: z.enum(['ok', 'denied', 'failed']),
  metadata: JsonObject,
  /** Whom it is about, where that is a person. */
  about: z
    .strictObject({ userId: Uuid.optional(), email: z.string().optional(), name: z.string().optional() })
    .optional(),
  at: Time,
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export const audit = {
  list: {
    route: 'GET /v1/audit',
    access: 'audit:read',
    rate: 'read',
    input: z.strictObject({ ...PageInput, ...AuditQuery }),
    output: page(AuditEntry),
  },
  /** Recomputes the chain of hashes: whether anything was changed, taken out or put in. */
  verify: {
    route: 'GET /v1/audit/verify',
    access: 'audit:read',
    rate: 'write',
    input: Empty,
    output: z.strictObject({
      entries: z.int(),
      /** Up to this number the log is also sealed against being cut off. */
      sealedTo: z.int().optional(),
      intact: z.boolean(),
      /** The number of the first entry that is not as it was written. */
      firstBroken: z.int().optional(),
    }),
  },
} as const satisfies HttpGroup;
