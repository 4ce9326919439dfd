import { z } from 'zod';
import * as common from '#shared/contract/cloud/common.ts';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { type Access, callNames, findCall, type HttpCall } from '#shared/contract/contract.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import * as ops from '#shared/merge/ops.ts';
import { PERMISSIONS } from '#shared/permission.ts';
import * as events from '#shared/run/events.ts';
import * as tree from '#shared/workflow/tree.ts';
import type { Route } from './routes.ts';

/** Methods that say what they want in the query. */
const BY_QUERY = new Set(['GET', 'DELETE', 'HEAD']);
const MEMBER_ACCESS: ReadonlySet<Access> = new Set(PERMISSIONS);

/**
 * Describes routes as an OpenAPI 3.1 document: those of the contract by the very schemas that check them, the others
 * (webhooks, pages, health) by what the registry knows.
 *
 * @param routes of the registry; those of containers are served on another listener and left out
 * @param publicUrl without a slash at the end
 */
export function describeApi(routes: readonly Route[], publicUrl: string): JsonObject {
  const schemas = createSchemas();
  const paths: Record<string, JsonObject> = {};
  const tags = new Set<string>();
  for (const route of routes) {
    if (isForContainers(route)) continue;
    const path = templateOf(route.path);
    const tag = route.name.split('.')[0] ?? '';
    tags.add(tag);
    const call = callOf(route);
    const operation = call ? describeCall(route, call, schemas) : describeRaw(route);
    // Several methods may share a name; an operation's id may not.
    const twin = routes.some((other) => other !== route && other.name === route.name);
    const operationId = twin ? `${route.name}.${route.method.toLowerCase()}` : route.name;
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: {
        operationId,
        tags: [tag],
        summary: summaryOf(route.name),
        ...operation,
        'x-access': route.access,
        'x-rate-class': route.rate,
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version: '1',
      description: 'Everything the desktop and the command line ask of the control plane.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: [{ url: publicUrl }],
    tags: [...tags].sort().map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: PROBLEM, ...schemas.all() },
      responses: {
        Problem: {
          description: 'What went wrong (RFC 9457): `code` is for programs, `detail` says what to do.',
          headers: { 'Sluice-Request': { $ref: '#/components/headers/Sluice-Request' } },
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
      headers: {
        'Sluice-Request': { description: 'The id of the request, for asking about it.', schema: { type: 'string' } },
        RateLimit: { description: 'What is left of the limit that is nearest.', schema: { type: 'string' } },
        'RateLimit-Policy': { description: 'The limits that hold for this call.', schema: { type: 'string' } },
      },
      parameters: { Workspace: WORKSPACE, IdempotencyKey: IDEMPOTENCY_KEY, IfMatch: IF_MATCH },
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'The access token of a sign-in.',
        },
      },
    },
  };
}

/** Routes of the agents' own listener, which no person or program but a container calls. */
export function isForContainers({ path }: Route): boolean {
  return path.startsWith('/agent/');
}

/** `/v1/runs/:runId` as OpenAPI writes it. */
export function templateOf(path: string): string {
  return path.replace(/[:*]([A-Za-z0-9_]+)/g, '{$1}');
}

/** The contract's call behind a route, where it is one. */
export function callOf(route: Pick<Route, 'name' | 'method' | 'path'>): HttpCall | undefined {
  if (!NAMES.has(route.name)) return undefined;
  const call = findCall(cloudApi, route.name) as HttpCall;
  return call.route === `${route.method} ${route.path}` ? call : undefined;
}
const NAMES = new Set(callNames(cloudApi));

function describeCall(route: Route, call: HttpCall, schemas: Schemas): JsonObject {
  const names = namesIn(route.path);
  const { inPath, rest } = parted(schemas.of(call.input, 'input'), names);
  const byQuery = BY_QUERY.has(route.method);
  const needed = Array.isArray(rest.required) ? rest.required : [];
  const parameters: Json[] = [
    ...names.map((name) => ({ name, in: 'path', required: true, schema: inPath[name] ?? { type: 'string' } })),
    ...(byQuery
      ? Object.entries(isJsonObject(rest.properties) ? rest.properties : {}).map(([name, schema]) => ({
          name,
          in: 'query',
          required: needed.includes(name),
          schema: schema ?? {},
        }))
      : []),
    ...(MEMBER_ACCESS.has(route.access) ? [{ $ref: '#/components/parameters/Workspace' }] : []),
    ...(route.method === 'POST' && isSignedIn(route.access)
      ? [{ $ref: '#/components/parameters/IdempotencyKey' }]
      : []),
    ...(isRevised(rest) ? [{ $ref: '#/components/parameters/IfMatch' }] : []),
  ];
  const hasBody = !byQuery && !(isJsonObject(rest.properties) && Object.keys(rest.properties).length === 0);
  return {
    ...(call.deprecated ? { deprecated: true } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(hasBody ? { requestBody: { required: true, content: { 'application/json': { schema: rest } } } } : {}),
    responses: {
      200: {
        description: 'It is done, or here it is.',
        headers: Object.fromEntries(
          ['Sluice-Request', 'RateLimit', 'RateLimit-Policy'].map((name) => [
            name,
            { $ref: `#/components/headers/${name}` },
          ]),
        ),
        content: { 'application/json': { schema: schemas.of(call.output, 'output') } },
      },
      default: { $ref: '#/components/responses/Problem' },
    },
    security: isSignedIn(route.access) ? [{ bearer: [] }] : [],
  };
}

/** A route without a contract: a page, a webhook, a health check. */
function describeRaw(route: Route): JsonObject {
  const names = namesIn(route.path);
  return {
    ...(names.length > 0
      ? { parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })) }
      : {}),
    responses: {
      '2XX': { description: 'An answer that is no record of the API: a page, a file, or what a workflow says.' },
      default: { $ref: '#/components/responses/Problem' },
    },
    security: isSignedIn(route.access) ? [{ bearer: [] }] : [],
  };
}

const isSignedIn = (access: Access) => access !== 'public' && access !== 'token';
const isRevised = (schema: JsonObject) => isJsonObject(schema.properties) && 'expectedRevision' in schema.properties;
const namesIn = (path: string) => [...path.matchAll(/[:*]([A-Za-z0-9_]+)/g)].map((match) => match[1] ?? '');

/** Takes out of an object's schema what the path says. */
function parted(schema: JsonObject, names: string[]): { inPath: Record<string, Json>; rest: JsonObject } {
  if (!isJsonObject(schema.properties)) return { inPath: {}, rest: schema };
  const { properties, required, ...other } = schema;
  const fields = Object.entries(properties as Record<string, Json>);
  const left = (Array.isArray(required) ? required : []).filter((name) => !names.includes(String(name)));
  return {
    inPath: Object.fromEntries(fields.filter(([name]) => names.includes(name))),
    rest: {
      ...other,
      properties: Object.fromEntries(fields.filter(([name]) => !names.includes(name))),
      ...(left.length > 0 ? { required: left } : {}),
    },
  };
}

/** `runs.retryMany` as "Runs: retry many". */
function summaryOf(name: string): string {
  const words = name.split('.').map((part) => part.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
  const [group = '', ...rest] = words;
  const text = `${group}${rest.length > 0 ? `: ${rest.join(' ')}` : ''}`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

type Schemas = {
  /** The JSON Schema of one side of a call; what has a name of its own is referred to. */
  of(schema: z.ZodType, io: 'input' | 'output'): JsonObject;
  all(): Record<string, JsonObject>;
};

/** Collects what several calls share under `components/schemas`, by the names that the contract gives. */
function createSchemas(): Schemas {
  const known = z.registry<{ id: string }>();
  for (const module of [common, tree, ops, events]) {
    for (const [name, value] of Object.entries(module)) {
      const isEmpty = name === 'Empty';
      if (value instanceof z.ZodType && !isEmpty && !known.has(value)) known.add(value, { id: name });
    }
  }
  const shared = new Map<string, { text: string; schema: JsonObject }>();

  /** A name for a definition: its own, or with a number where that means something else already. */
  function nameFor(own: string, io: 'input' | 'output', schema: JsonObject): string {
    const text = JSON.stringify(schema);
    const wanted = io === 'output' || shared.get(own)?.text === text ? own : `${own}Input`;
    for (let n = 1; ; n++) {
      const name = n === 1 ? wanted : `${wanted}${n}`;
      const taken = shared.get(name);
      if (taken && taken.text !== text) continue;
      shared.set(name, { text, schema });
      return name;
    }
  }

  return {
    of(schema, io) {
      const made = z.toJSONSchema(schema, { io, metadata: known, target: 'draft-2020-12' }) as JsonObject;
      const { $schema: _schema, $defs, id, ...top } = made;
      const names = new Map<string, string>();
      const definitions = isJsonObject($defs) ? Object.entries($defs) : [];
      for (const [key, definition] of definitions) {
        const { id: _id, ...body } = definition as JsonObject;
        names.set(key, nameFor(key.startsWith('__') ? 'Json' : key, io, body));
      }
      const placed = (value: Json): Json => {
        if (Array.isArray(value)) return value.map(placed);
        if (!isJsonObject(value)) return value;
        return Object.fromEntries(
          Object.entries(value).map(([key, inner]) => {
            const target =
              key === '$ref' && typeof inner === 'string' ? /^#\/\$defs\/(.+)$/.exec(inner)?.[1] : undefined;
            if (target !== undefined) return [key, `#/components/schemas/${names.get(target) ?? target}`];
            return [key, placed(inner)];
          }),
        );
      };
      for (const name of names.values()) {
        const entry = shared.get(name);
        if (entry) shared.set(name, { ...entry, schema: placed(entry.schema) as JsonObject });
      }
      const body = placed(top) as JsonObject;
      if (typeof id !== 'string') return body;
      return { $ref: `#/components/schemas/${nameFor(id, io, body)}` };
    },
    all: () =>
      Object.fromEntries([...shared].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { schema }]) => [name, schema])),
  };
}

const PROBLEM: JsonObject = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string', description: 'What happened.' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'For programs; it never changes its meaning.' },
    detail: { type: 'string', description: 'What to do.' },
    requestId: { type: 'string' },
    details: { type: 'object', description: 'Facts a program can act on.' },
  },
};
const WORKSPACE: JsonObject = {
  name: 'Sluice-Workspace',
  in: 'header',
  required: true,
  description: 'The id of the workspace that the call is for.',
  schema: { type: 'string', format: 'uuid' },
};
const IDEMPOTENCY_KEY: JsonObject = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Within 24 hours the same request with the same key is done once and answered the same.',
  schema: { type: 'string', maxLength: 200 },
};
const IF_MATCH: JsonObject = {
  name: 'If-Match',
  in: 'header',
  required: false,
  description: 'The ETag that was seen last: what somebody else changed since then is not overwritten.',
  schema: { type: 'string' },
};
