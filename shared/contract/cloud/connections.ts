import { z } from 'zod';
import { Slug, Time } from '../../ids.ts';
import { JsonObject } from '../../json.ts';
import type { HttpGroup } from '../contract.ts';
import { ConnectionRecord, Done, Empty } from './common.ts';

/** What came of signing in to the service. `message` says it as people read it, and never holds the secret. */
export const ConnectionTrial = z.strictObject({
  ok: z.boolean(),
  message: z.string(),
  advice: z.string().optional(),
  /** How long it took. */
  ms: z.int(),
});
export type ConnectionTrial = z.infer<typeof ConnectionTrial>;

/** What an HTTP service is asked for by GET; other services need none. */
export const TrialUrl = z
  .url({ protocol: /^https?$/ })
  .max(2_000)
  .optional();
/** Where a secret may be sent: `host`, `host:port` or `*.suffix`. */
export const Hosts = z.array(z.string().max(260)).max(50);

export const connections = {
  list: {
    route: 'GET /v1/connections',
    access: 'connection:read',
    rate: 'read',
    input: Empty,
    output: z.array(ConnectionRecord),
  },
  /** Makes the connection or replaces its secret, which is never given back. `expectedRevision` 0: only if it is new. */
  set: {
    route: 'PUT /v1/connections/:name',
    access: 'connection:write',
    rate: 'write',
    input: z.strictObject({
      name: Slug,
      connector: z.string().max(60),
      secret: JsonObject,
      hosts: Hosts,
      /** When the secret stops being good. A token or certificate that says so itself need not be told. */
      expiresAt: Time.optional(),
      expectedRevision: z.int().optional(),
    }),
    output: ConnectionRecord,
  },
  /** Signs in with what is not kept yet. Nothing is changed at the service, and nothing is kept here. */
  test: {
    route: 'POST /v1/connections/test',
    access: 'connection:write',
    rate: 'write',
    input: z.strictObject({ connector: z.string().max(60), secret: JsonObject, hosts: Hosts, url: TrialUrl }),
    output: ConnectionTrial,
  },
  /** The same with what is kept, which then says whether it works. */
  testKept: {
    route: 'POST /v1/connections/:name/test',
    access: 'connection:write',
    rate: 'write',
    input: z.strictObject({ name: Slug, url: TrialUrl }),
    output: ConnectionTrial,
  },
  /**
   * Says which ones work where the plan has not room for all: these, and the oldest of the others for as far as there is
   * room. The rest of them rest, with their secrets.
   */
  choose: {
    route: 'POST /v1/connections/choose',
    access: 'connection:write',
    rate: 'write',
    input: z.strictObject({ names: z.array(Slug).max(1_000) }),
    output: z.array(ConnectionRecord),
  },
  remove: {
    route: 'DELETE /v1/connections/:name',
    access: 'connection:write',
    rate: 'write',
    input: z.strictObject({ name: Slug }),
    output: Done,
  },
} as const satisfies HttpGroup;
