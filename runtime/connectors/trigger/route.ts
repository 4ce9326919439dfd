import { z } from 'zod';
import { defineStepType } from '../stepType.ts';
import { route as caller } from './routeCaller.ts';
import { RouteConfig } from './routeConfig.ts';

export const route = defineStepType({
  type: 'trigger.route',
  version: 1,
  category: 'trigger',
  effect: 'pure',
  inputs: [],
  mode: 'once',
  title: 'API route',
  description: 'Starts when an address of the project’s own API is called; checks the caller and the request first.',
  icon: 'waypoints',
  connector: caller,
  config: RouteConfig,
  output: z.object({
    method: z.string(),
    path: z.string(),
    params: z.record(z.string(), z.unknown()),
    query: z.record(z.string(), z.unknown()),
    headers: z.record(z.string(), z.unknown()),
    body: z.unknown(),
    caller: z.looseObject({}).nullable(),
  }),
});
