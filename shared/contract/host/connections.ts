import { z } from 'zod';
import { Slug } from '../../ids.ts';
import { JsonObject } from '../../json.ts';
import { ConnectionTrial, Hosts, TrialUrl } from '../cloud/connections.ts';
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
      hosts: Hosts,
    }),
    output: Done,
  },
  /**
   * Signs in with what is not kept yet, from where its runs would: this computer or the workspace. Nothing is changed at
   * the service, and nothing is kept.
   */
  test: {
    input: z.strictObject({
      ...ofProject,
      connector: z.string(),
      where: z.enum(['local', 'hosted']),
      secret: JsonObject,
      hosts: Hosts,
      url: TrialUrl,
    }),
    output: ConnectionTrial,
  },
} as const satisfies Group;
