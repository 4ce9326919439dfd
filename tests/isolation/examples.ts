import { z } from 'zod';
import type { HttpCall } from '#shared/contract/contract.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { callOf } from '../../cloud/server/openApi.ts';
import type { Route } from '../../cloud/server/routes.ts';

type Ids = Record<string, string>;

/** A request that says everything its route takes, with an example for each id. */
export type Example = {
  route: Route;
  /** By the names in the path. */
  params: Record<string, string>;
  query: Record<string, string>;
  body: Json | undefined;
  /** Where an id of a workspace stands. */
  positions: Position[];
};

/** One place of an id: the key of the world's ids, and where in the request it is. */
export type Position = { id: string; in: 'path' | 'query' | 'body'; at: string[] };

/** Parts of paths that are no id of a record: numbers, secrets, whatever a workflow calls its routes. */
const NO_ID: Record<string, string> = {
  revision: '1',
  key: 'a'.repeat(40),
  token: 'b'.repeat(40),
  path: 'items',
  rest: 'items',
  file: 'page.css',
  provider: 'github',
  /** Of the page that shows letters to the developer, on this computer alone. */
  letterId: 'none',
  /** Of a notification: a word of a list, not a record. */
  kind: 'run_failed',
};
/** Ids that the caller makes up: another's is no way in, and `madeUp.test` in the matrix looks at them. */
const MADE_BY_CALLER = new Set(['projects.create:id', 'projects.push:commit', 'events.publish:id']);

/** What cannot be guessed from a schema. */
const INPUTS: Record<string, (ids: Ids) => JsonObject> = {
  'projects.create': () => ({ id: '0199f2c4-5d1e-7a3b-9c40-00000000f00d', name: 'Made' }),
  'projects.push': () => ({
    commit: {
      commitId: '0199f2c4-5d1e-7a3b-9c40-00000000c0de',
      deviceId: '0199f2c0-0000-7000-8000-000000000009',
      format: 1,
      baseRevision: 1,
      origin: 'canvas',
      message: null,
      ops: [{ op: 'set', path: ['project', 'name'], value: 'Pushed', was: null }],
      mustExist: [],
      resultHash: '0'.repeat(64),
    },
  }),
  'connections.set': () => ({ connector: 'http', secret: { kind: 'bearer', token: 'x' }, hosts: ['example.com'] }),
  'connections.test': () => ({ connector: 'webhook', secret: { secret: 'long enough to be one' }, hosts: [] }),
  'connections.testKept': () => ({}),
  'connections.choose': () => ({ names: [] }),
  'runs.list': () => ({ limit: 20 }),
  'runs.start': () => ({ environment: 'production' }),
  'events.publish': () => ({ environment: 'production', name: 'ordered', id: 'order-1', data: {} }),
  'billing.checkout': () => ({ plan: 'pro' }),
  'apiKeys.create': () => ({ name: 'Another', scopes: ['run:read'] }),
};

/** @throws Error that names the route and what there is no example for */
export function exampleOf(route: Route, ids: Ids): Example {
  const names = [...route.path.matchAll(/[:*]([A-Za-z0-9_]+)/g)].map((match) => match[1] ?? '');
  const [group = ''] = route.name.split('.');
  const idFor = (name: string) => [`${route.name}:${name}`, `${group}.${name}`, name].find((key) => key in ids);
  const params: Record<string, string> = {};
  const positions: Position[] = [];
  for (const name of names) {
    const id = idFor(name);
    if (id !== undefined) positions.push({ id, in: 'path', at: [name] });
    else if (!(name in NO_ID)) throw new Error(`${route.name}: there is no example for :${name} of the path.`);
    params[name] = id === undefined ? (NO_ID[name] ?? '') : (ids[id] ?? '');
  }
  const call = callOf(route);
  if (!call) return { route, params, query: {}, body: undefined, positions };

  const byQuery = route.method === 'GET' || route.method === 'DELETE';
  const input = inputFor(
    route.name,
    call,
    params,
    (name, at) => {
      if (MADE_BY_CALLER.has(`${route.name}:${at[0]}`)) return undefined;
      const id = idFor(name) ?? idFor(name.replace(/s$/, ''));
      if (id === undefined) return undefined;
      positions.push({ id, in: byQuery ? 'query' : 'body', at });
      return ids[id];
    },
    ids,
  );
  const checked = call.input.safeParse({ ...input, ...params });
  if (!checked.success) {
    throw new Error(`${route.name}: its example does not fit: ${JSON.stringify(checked.error.issues.slice(0, 3))}`);
  }
  const query = byQuery ? Object.fromEntries(Object.entries(input).map(([name, value]) => [name, String(value)])) : {};
  return { route, params, query, body: byQuery ? undefined : input, positions };
}

/** Fills in what is needed, and every id whether it is needed or not. */
function inputFor(
  name: string,
  call: HttpCall,
  params: Record<string, string>,
  idOf: (field: string, at: string[]) => string | undefined,
  ids: Ids,
): JsonObject {
  const schema = z.toJSONSchema(call.input, { io: 'input' }) as JsonObject;
  const given = INPUTS[name]?.(ids) ?? {};
  const choice = Array.isArray(schema.oneOf) ? (schema.oneOf[0] as JsonObject) : schema;
  const made = fill(choice, [], name, idOf, params);
  return { ...(isJsonObject(made) ? made : {}), ...given };
}

function fill(
  schema: JsonObject,
  at: string[],
  name: string,
  idOf: (field: string, at: string[]) => string | undefined,
  params: Record<string, string> = {},
): Json {
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const needed = Array.isArray(schema.required) ? schema.required : [];
  const made: JsonObject = {};
  for (const [field, of] of Object.entries(properties)) {
    if (at.length === 0 && field in params) continue;
    const inner = of as JsonObject;
    const here = [...at, field];
    const isList = inner.type === 'array';
    const element = isList ? (inner.items as JsonObject) : inner;
    if (element?.format === 'uuid') {
      const id = idOf(field, isList ? [...here, '0'] : here);
      if (id !== undefined) {
        made[field] = isList ? [id] : id;
        continue;
      }
      if (!MADE_BY_CALLER.has(`${name}:${here[0]}`)) {
        throw new Error(`${name}: there is no example for the id ${here.join('.')}.`);
      }
    }
    if (needed.includes(field) && inner.default === undefined) made[field] = sample(inner, here, name, idOf);
  }
  return made;
}

/** Something that fits, as far as the kind says. */
function sample(
  schema: JsonObject,
  at: string[],
  name: string,
  idOf: (field: string, at: string[]) => string | undefined,
): Json {
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0] ?? null;
  const choices = [schema.oneOf, schema.anyOf].find(Array.isArray);
  if (choices) return sample(choices[0] as JsonObject, at, name, idOf);
  if (schema.type === 'object') return fill(schema, at, name, idOf);
  if (schema.type === 'array') {
    return typeof schema.minItems === 'number' ? [sample(schema.items as JsonObject, [...at, '0'], name, idOf)] : [];
  }
  if (schema.type === 'boolean') return true;
  if (schema.type === 'integer' || schema.type === 'number') {
    return Math.max(1, typeof schema.minimum === 'number' ? schema.minimum : 1);
  }
  if (schema.type === 'null') return null;
  if (schema.format === 'uuid') return '0199f2c4-5d1e-7a3b-9c40-00000000dead';
  if (schema.format === 'email' || at.at(-1) === 'email') return 'somebody@example.com';
  if (schema.format === 'uri') return 'https://example.com/';
  if (schema.format === 'date-time') return '2026-01-01T00:00:00.000Z';
  if (typeof schema.pattern === 'string' && schema.pattern.includes('{64}')) return '0'.repeat(64);
  const least = typeof schema.minLength === 'number' ? schema.minLength : 1;
  return 'a'.repeat(Math.max(1, least));
}

/** The same request with another value at one place. */
export function withValue(example: Example, { in: where, at }: Position, value: string): Example {
  const copy = structuredClone({ params: example.params, query: example.query, body: example.body });
  const target: unknown = { path: copy.params, query: copy.query, body: copy.body }[where];
  let place = target as Record<string, unknown>;
  for (const key of at.slice(0, -1)) place = place[key] as Record<string, unknown>;
  place[at.at(-1) ?? ''] = value;
  return { ...example, ...copy };
}

/** Path and query of a request. */
export function addressOf({ route, params, query }: Example): string {
  const path = route.path.replace(/[:*]([A-Za-z0-9_]+)/g, (_match, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  );
  const search = new URLSearchParams(query).toString();
  return search ? `${path}?${search}` : path;
}
