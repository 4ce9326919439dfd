import { z } from 'zod';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { HttpCall } from '#shared/contract/contract.ts';

/** The classes of domain.md 10, with what most answers may take (p95) and what is aimed at, in milliseconds. */
export const CLASSES = {
  health: { target: 10, p95: 50 },
  auth: { target: 100, p95: 300 },
  list: { target: 150, p95: 500 },
  detail: { target: 100, p95: 300 },
  write: { target: 200, p95: 500 },
  complex: { target: 300, p95: 1_000 },
} as const;
export type RouteClass = keyof typeof CLASSES;

/** What looks at much more than it gives back, or makes much of little. */
export const COMPLEX = new Set([
  'search.find',
  'search.suggest',
  'search.similar',
  'versions.create',
  'audit.verify',
  'runs.tape',
  'runs.retryMany',
  'conflicts.resolveAll',
  'billing.usage',
]);
const AUTH = new Set(['auth', 'sessions', 'secondFactor']);

/** The class of a call of the control plane, by what its contract says. */
export function classOf(name: string, { route, output }: HttpCall): RouteClass {
  if (COMPLEX.has(name)) return 'complex';
  if (AUTH.has(name.split('.')[0] ?? '')) return 'auth';
  if (!route.startsWith('GET ')) return 'write';
  return isList(output) ? 'list' : 'detail';
}

function isList(output: z.ZodType): boolean {
  return output instanceof z.ZodArray || (output instanceof z.ZodObject && output.shape.data instanceof z.ZodArray);
}

/** Every call of the registry with its class. */
export function classifiedCalls(): { name: string; call: HttpCall; is: RouteClass }[] {
  return Object.entries(cloudApi).flatMap(([group, calls]) =>
    Object.entries(calls as Record<string, HttpCall>).map(([verb, call]) => {
      const name = `${group}.${verb}`;
      return { name, call, is: classOf(name, call) };
    }),
  );
}
