import { z } from 'zod';
import { Slug } from '../../ids.ts';
import { JsonObject } from '../../json.ts';
import type { Group } from '../contract.ts';
import { Done, Empty, ofProject } from './common.ts';

export const connections = {
  /** What each connection of the project has: here for local runs, and hosted in the bound workspace. Never a secret. */
  list: {
    input: z.strictObject(ofProject),
    output: z.array(
      z.strictObject({
        name: Slug,
        connector: z.string(),
        hosts: z.array(z.string()),
        local: z.boolean(),
        hosted: z.boolean(),
      }),
    ),
  },
  /** The connectors there are, with the JSON Schema of their fields. */
  connectors: {
    input: Empty,
    output: z.array(
      z.strictObject({ name: z.string(), title: z.string(), schema: JsonObject, hosts: z.array(z.string()) }),
    ),
  },
  set: {
    input: z.strictObject({
      ...ofProject,
      name: Slug,
      connector: z.string(),
      where: z.enum(['local', 'hosted']),
      secret: JsonObject,
      hosts: z.array(z.string().max(260)).max(50),
    }),
    output: Done,
  },
} as const satisfies Group;
