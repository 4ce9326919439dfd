import { afterEach, beforeEach, expect, test } from 'vitest';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { type Sketch, sketchTree, sketchWorkflow } from '../../tests/fixtures/engine.ts';
import { createServingBench, type ServingBench } from '../../tests/fixtures/serving.ts';
import { compileSchema } from '../connectors/data/jsonSchema.ts';

let bench: ServingBench;
beforeEach(() => {
  bench = createServingBench();
});
afterEach(() => bench.close());

const ROUTES: (JsonObject & { connection?: string })[] = [
  { path: 'items', query: { properties: { limit: { type: 'integer', maximum: 100 } }, required: ['limit', 'page'] } },
  { path: '/items/:id', params: { properties: { id: { type: 'integer' } } }, summary: 'One item' },
  {
    method: 'PUT',
    path: 'items/:key/lines/:no',
    auth: 'api_key',
    connection: 'callers',
    headers: { properties: { 'x-version': { enum: ['1'] }, 'content-type': { type: 'string' } } },
    body: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      required: ['line'],
      properties: { line: { $ref: '#/$defs/line' } },
      $defs: { line: { type: 'object', properties: { n: { type: 'number' } } } },
    },
    answers: {
      '200': { description: 'The line', body: { type: 'object' } },
      '404': { description: 'There is none' },
    },
  },
  { method: 'DELETE', path: 'items/:key', auth: 'jwt', answer: 'at_once' },
  {
    method: 'POST',
    path: 'photos',
    accepts: ['multipart', 'form', 'text', 'bytes'],
    body: { type: 'object', properties: { title: { type: 'string' } } },
    files: [{ name: 'photo', required: true, types: ['image/png'] }, { name: 'more' }],
  },
];

async function described() {
  const sketches = ROUTES.map(({ connection, ...config }): Sketch => {
    const step = { uses: 'trigger.route', config, ...(connection ? { connection } : {}) };
    return { steps: { route: step, off: { ...step, disabled: true } }, edges: [] };
  });
  const tree = sketchTree(sketches[0] as Sketch);
  for (const [index, sketch] of sketches.slice(1).entries())
    tree.workflows[`0199f2c4-6a02-7c11-8b7e-2d9f4c5e6b0${index}`] = {
      ...sketchWorkflow(sketch),
      slug: `more-${index}`,
    };
  const secret = { keys: 'shop: 0123456789abcdef', header: 'X-Shop-Key' };
  const { url } = await bench.serve(tree, { callers: { connector: 'route', secret, hosts: [] } });
  const reply = await fetch(`${url}/openapi.json`);
  expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  return (await reply.json()) as Document;
}

type Operation = {
  operationId: string;
  parameters?: { name: string; in: string; required: boolean; schema: JsonObject }[];
  requestBody?: { required: boolean; content: Record<string, { schema?: JsonObject }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: JsonObject }> }>;
  security: Record<string, string[]>[];
};
type Document = {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { securitySchemes: Record<string, JsonObject>; schemas: Record<string, JsonObject> };
};

/** What OpenAPI 3.1 asks of the parts of a document that routes make. */
const media = { type: 'object', additionalProperties: { type: 'object', properties: { schema: { type: 'object' } } } };
const OPEN_API: JsonObject = {
  type: 'object',
  required: ['openapi', 'info', 'paths'],
  additionalProperties: false,
  properties: {
    openapi: { const: '3.1.0' },
    info: { type: 'object', required: ['title', 'version'], additionalProperties: { type: 'string' } },
    servers: { type: 'array', items: { type: 'object', required: ['url'] } },
    paths: {
      type: 'object',
      propertyNames: { pattern: '^/' },
      additionalProperties: {
        type: 'object',
        propertyNames: { enum: ['get', 'put', 'post', 'delete', 'patch'] },
        additionalProperties: {
          type: 'object',
          required: ['operationId', 'responses', 'security'],
          additionalProperties: false,
          properties: {
            operationId: { type: 'string', minLength: 1 },
            summary: { type: 'string' },
            tags: { type: 'array', items: { type: 'string' } },
            parameters: {
              type: 'array',
              items: {
                type: 'object',
                required: ['name', 'in', 'required', 'schema'],
                additionalProperties: false,
                properties: {
                  name: { type: 'string', minLength: 1 },
                  in: { enum: ['path', 'query', 'header'] },
                  required: { type: 'boolean' },
                  schema: { type: 'object' },
                },
                anyOf: [
                  { properties: { in: { enum: ['query', 'header'] } } },
                  { properties: { required: { const: true } } },
                ],
              },
            },
            requestBody: {
              type: 'object',
              required: ['content'],
              additionalProperties: false,
              properties: { required: { type: 'boolean' }, content: { ...media, minProperties: 1 } },
            },
            responses: {
              type: 'object',
              minProperties: 1,
              propertyNames: { pattern: '^[1-5][0-9][0-9]$' },
              additionalProperties: {
                type: 'object',
                required: ['description'],
                additionalProperties: false,
                properties: { description: { type: 'string', minLength: 1 }, content: media },
              },
            },
            security: { type: 'array', items: { type: 'object', additionalProperties: { type: 'array' } } },
          },
        },
      },
    },
    components: {
      type: 'object',
      additionalProperties: false,
      properties: {
        schemas: { type: 'object', propertyNames: { pattern: '^[A-Za-z0-9._-]+$' } },
        securitySchemes: {
          type: 'object',
          propertyNames: { pattern: '^[A-Za-z0-9._-]+$' },
          additionalProperties: {
            type: 'object',
            required: ['type'],
            properties: { type: { enum: ['apiKey', 'http'] } },
            oneOf: [
              { properties: { type: { const: 'apiKey' } }, required: ['in', 'name'] },
              { properties: { type: { const: 'http' } }, required: ['scheme'] },
            ],
          },
        },
      },
    },
  },
};

const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

/** Every schema of an operation, to be used by itself. */
const schemasOf = ({ parameters = [], requestBody, responses }: Operation): JsonObject[] => [
  ...parameters.map(({ schema }) => schema),
  ...Object.values(requestBody?.content ?? {}).flatMap(({ schema }) => (schema ? [schema] : [])),
  ...Object.values(responses).flatMap(({ content = {} }) => Object.values(content).map(({ schema }) => schema)),
];

/** The places that references of the whole document mean, those of schemas with a name of their own left out. */
function referencesIn(value: Json): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (!isJsonObject(value) || '$id' in value) return [];
  const own = typeof value.$ref === 'string' ? [value.$ref] : [];
  return [...own, ...Object.values(value).flatMap(referencesIn)];
}

test('the document is one of OpenAPI 3.1, and every enabled route stands in it', async () => {
  const document = await described();
  const check = await compileSchema(OPEN_API);
  expect(check(document as unknown as Json)).toEqual([]);
  const there = operationsOf(document);
  expect(there.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort()).toEqual([
    'DELETE /items/{id}',
    'GET /items',
    'GET /items/{id}',
    'POST /photos',
    'PUT /items/{key}/lines/{no}',
  ]);
  expect(new Set(there.map(({ operation }) => operation.operationId)).size).toBe(ROUTES.length);
  for (const { path, operation } of there) {
    const inPath = operation.parameters?.filter((one) => one.in === 'path').map(({ name }) => `{${name}}`) ?? [];
    expect(inPath).toEqual(path.match(/\{[^}]+\}/g) ?? []);
    for (const name of operation.security.flatMap((one) => Object.keys(one)))
      expect(Object.keys(document.components.securitySchemes)).toContain(name);
    for (const schema of schemasOf(operation).filter((one) => !('$ref' in one)))
      await expect(compileSchema(schema)).resolves.toBeTypeOf('function');
  }
  expect(new Set(referencesIn(document as unknown as Json))).toEqual(new Set(['#/components/schemas/Problem']));
});

test('parameters, bodies, callers and answers are those that requests are checked by', async () => {
  const { paths, components } = await described();
  expect(paths['/items']?.get?.parameters).toEqual([
    { name: 'limit', in: 'query', required: true, schema: { type: 'integer', maximum: 100 } },
    { name: 'page', in: 'query', required: true, schema: {} },
  ]);
  expect(paths['/items/{id}']?.get).toMatchObject({
    summary: 'One item',
    parameters: [{ name: 'id', in: 'path', schema: { type: 'integer' } }],
    security: [],
  });
  const put = paths['/items/{key}/lines/{no}']?.put;
  expect(put?.parameters?.map(({ name }) => name)).toEqual(['key', 'no', 'x-version']);
  expect(put?.security).toEqual([{ 'key-X-Shop-Key': [] }]);
  expect(components.securitySchemes['key-X-Shop-Key']).toEqual({ type: 'apiKey', in: 'header', name: 'X-Shop-Key' });
  expect(Object.keys(put?.responses ?? {})).toEqual(['200', '400', '401', '404', '413', '415']);
  expect(put?.responses['404']?.description).toBe('There is none');
  const line = put?.requestBody?.content['application/json']?.schema;
  expect(line).toMatchObject({ $id: expect.stringMatching(/^urn:/), $defs: { line: { type: 'object' } } });
  expect(JSON.stringify(components)).not.toContain('0123456789abcdef');
  const remove = paths['/items/{id}']?.delete;
  expect(remove?.security).toEqual([{ token: [] }]);
  expect(remove?.responses['202']?.content?.['application/json']?.schema).toMatchObject({ required: ['runId'] });
  const photos = paths['/photos']?.post?.requestBody;
  expect(photos?.required).toBe(true);
  expect(Object.keys(photos?.content ?? {})).toEqual([
    'multipart/form-data',
    'application/x-www-form-urlencoded',
    'text/plain',
    'application/octet-stream',
  ]);
  expect(photos?.content['multipart/form-data']?.schema).toMatchObject({
    allOf: [
      { properties: { title: { type: 'string' } } },
      { properties: { photo: { contentMediaType: 'image/png' } }, required: ['photo'] },
    ],
  });
});

test('a project without routes has a document without paths', async () => {
  const { url } = await bench.serve({ steps: { start: { uses: 'trigger.manual' } }, edges: [] });
  expect(await (await fetch(`${url}/openapi.json`)).json()).toMatchObject({ openapi: '3.1.0', paths: {} });
  expect((await fetch(`${url}/openapi.json`, { method: 'POST' })).status).toBe(405);
});
