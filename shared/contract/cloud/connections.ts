import { z } from 'zod';
import { Slug, Time } from '../../ids.ts';
import { JsonObject } from '../../json.ts';
import type { HttpGroup } from '../contract.ts';
import { ConnectionRecord, Done, Empty } from './common.ts';

export const connections = {
  list: {
    route: 'GET /v1/connections',
    access: 'connection:read',
    rate: 'read',
    input: Empty,
    output: z.array(ConnectionRecord),
  },
  /** Makes the connection or replaces its secret. The secret is never given back. */
  set: {
    route: 'PUT /v1/connections/:name',
    access: 'connection:write',
    rate: 'write',
    input: z.strictObject({
      name: Slug,
      connector: z.string().max(60),
      secret: JsonObject,
      hosts: z.array(z.string().max(260)).max(50),
      /** When the secret stops being good. A token or certificate that says so itself need not be told. */
      expiresAt: Time.optional(),
    }),
    output: ConnectionRecord,
  },
  remove: {
    route: 'DELETE /v1/connections/:name',
    access: 'connection:write',
    rate: 'write',
    input: z.strictObject({ name: Slug }),
    output: Done,
  },
} as const satisfies HttpGroup;
