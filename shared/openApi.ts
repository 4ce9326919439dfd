import { isJsonObject, type Json, type JsonObject } from './json.ts';

/** A route as its trigger's config says, with what else a caller must know. */
export type ApiRoute = {
  /** One word for it among all routes. */
  id: string;
  /** The workflow it belongs to. */
  workflow: string;
  method: string;
  /** With parts `:name`, without the slash before it. */
  path: string;
  summary?: string | undefined;
  auth: 'none' | 'api_key' | 'jwt';
  /** The header of the API key. */
  keyHeader: string;
  params?: JsonObject | undefined;
  query?: JsonObject | undefined;
  headers?: JsonObject | undefined;
  body?: JsonObject | undefined;
  accepts: readonly string[];
  files: readonly { name: string; required: boolean; types?: string[] | undefined }[];
  answer: 'respond' | 'at_once';
  answers?: Record<string, { description: string; body?: JsonObject | undefined }> | undefined;
};

const MEDIA: Record<string, string> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  multipart: 'multipart/form-data',
  text: 'text/plain',
  bytes: 'application/octet-stream',
};
/** Headers that OpenAPI describes elsewhere. */
const NOT_PARAMETERS = new Set(['accept', 'content-type', 'authorization']);
const PROBLEM: JsonObject = {
  type: 'object',
  description: 'What went wrong (RFC 9457).',
  required: ['type', 'title', 'status', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    detail: { type: 'string', description: 'What to do.' },
    details: { type: 'object' },
  },
};

/**
 * Describes routes as an OpenAPI 3.1 document, from the very config by which their requests are checked.
 *
 * @param base where the routes lie, as an address or a path of the server that gives the document
 */
export function openApi(routes: readonly ApiRoute[], { title, base }: { title: string; base: string }): JsonObject {
  const paths: Record<string, JsonObject> = {};
  const schemes: Record<string, JsonObject> = {};
  const templates = new Map<string, string>();
  for (const route of routes) {
    const shape = route.path.replace(/:[A-Za-z0-9_]+/g, ':');
    // Two paths that differ only in the names of their parameters are one path: the names of the first stand.
    const template = templates.get(shape) ?? route.path;
    templates.set(shape, template);
    const scheme = schemeOf(route);
    if (scheme) schemes[scheme.name] = scheme.scheme;
    const key = `/${template.replace(/:([A-Za-z0-9_]+)/g, '{$1}')}`;
    paths[key] = { ...paths[key], [route.method.toLowerCase()]: operation(route, namesIn(template), scheme?.name) };
  }
  return {
    openapi: '3.1.0',
    info: { title, version: '1' },
    servers: [{ url: base }],
    paths,
    components: { schemas: { Problem: PROBLEM }, securitySchemes: schemes },
  };
}

function operation(route: ApiRoute, names: string[], scheme: string | undefined): JsonObject {
  const parameters = [
    ...namesIn(route.path).map((name, index): JsonObject => {
      const schema = fieldOf(route.params, name, `${route.id}:params`) ?? { type: 'string' };
      return { name: names[index] ?? name, in: 'path', required: true, schema };
    }),
    ...parametersOf(route.query, 'query', route.id),
    ...parametersOf(route.headers, 'header', route.id).filter(({ name }) => !NOT_PARAMETERS.has(String(name))),
  ];
  const body = bodyOf(route);
  return {
    operationId: route.id,
    tags: [route.workflow],
    ...(route.summary === undefined ? {} : { summary: route.summary }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body } : {}),
    responses: responsesOf(route, body !== undefined),
    security: scheme === undefined ? [] : [{ [scheme]: [] }],
  };
}

function parametersOf(schema: JsonObject | undefined, where: 'query' | 'header', id: string): JsonObject[] {
  const fields = isJsonObject(schema?.properties) ? Object.keys(schema.properties) : [];
  const needed = Array.isArray(schema?.required) ? schema.required : [];
  // What is needed without being described is a parameter as well.
  const names = [...new Set([...fields, ...needed.filter((name) => typeof name === 'string')])];
  return names.map((name) => ({
    name,
    in: where,
    required: needed.includes(name),
    schema: fieldOf(schema, name, `${id}:${where}`) ?? {},
  }));
}

function bodyOf({ method, accepts, body, files, id }: ApiRoute): JsonObject | undefined {
  if (method === 'GET') return undefined;
  const content = accepts.flatMap((kind): [string, JsonObject][] => {
    const media = MEDIA[kind];
    if (media === undefined) return [];
    if (kind === 'bytes') return [[media, {}]];
    if (kind === 'text') return [[media, { schema: body ? placed(body, `${id}:text`) : { type: 'string' } }]];
    if (kind === 'multipart') return [[media, { schema: withFiles(body, files, id) }]];
    return [[media, body ? { schema: placed(body, `${id}:${kind}`) } : {}]];
  });
  const isNeeded = body !== undefined || files.some(({ required }) => required);
  return { required: isNeeded, content: Object.fromEntries(content) };
}

/** A multipart body: its fields and its files. */
function withFiles(body: JsonObject | undefined, files: ApiRoute['files'], id: string): JsonObject {
  const needed = files.flatMap(({ name, required }) => (required ? [name] : []));
  const form: JsonObject = {
    type: 'object',
    properties: Object.fromEntries(
      files.map(({ name, types }) => {
        const media = types?.length === 1 && !types[0]?.endsWith('*') ? types[0] : undefined;
        return [name, { type: 'string', contentMediaType: media ?? 'application/octet-stream' }];
      }),
    ),
    ...(needed.length > 0 ? { required: needed } : {}),
  };
  if (!body) return form;
  const { additionalProperties: _, ...open } = body;
  return { allOf: [placed(open, `${id}:multipart`), form] };
}

function responsesOf({ id, answer, answers = {}, auth }: ApiRoute, hasBody: boolean): JsonObject {
  const said = Object.entries(answers).map(([status, { description, body }]): [string, Json] => [
    status,
    { description, ...(body ? { content: { 'application/json': { schema: placed(body, `${id}:${status}`) } } } : {}) },
  ]);
  const isGood = said.some(([status]) => /^[23]/.test(status));
  const good: [string, Json][] =
    answer === 'at_once'
      ? [['202', { description: 'The run has begun.', content: { 'application/json': { schema: RUN } } }]]
      : isGood
        ? []
        : [['200', { description: 'What the workflow answers.' }]];
  const refusals: [string, string][] = [
    ['400', 'The request does not fit; `details.fields` names each field.'],
    ...(auth === 'none' ? [] : ([['401', 'The caller could not be confirmed.']] as [string, string][])),
    ...(hasBody
      ? ([
          ['413', 'The body is too large.'],
          ['415', 'A body of this type is not taken.'],
        ] as [string, string][])
      : []),
  ];
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  const refused = refusals.map(([status, description]): [string, Json] => [status, { description, content }]);
  return Object.fromEntries([...refused, ...good, ...said]);
}

const RUN: JsonObject = { type: 'object', required: ['runId'], properties: { runId: { type: 'string' } } };

function schemeOf({ auth, keyHeader }: ApiRoute): { name: string; scheme: JsonObject } | undefined {
  if (auth === 'jwt') return { name: 'token', scheme: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } };
  if (auth !== 'api_key') return undefined;
  const scheme = { type: 'apiKey', in: 'header', name: keyHeader };
  return { name: `key-${keyHeader.replace(/[^A-Za-z0-9._-]/g, '_')}`, scheme };
}

/** One field of an object's schema, with the definitions that it may refer to. */
function fieldOf(schema: JsonObject | undefined, name: string, id: string): JsonObject | undefined {
  const fields = isJsonObject(schema?.properties) ? schema.properties : {};
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (!isJsonObject(field)) return undefined;
  const { $defs, definitions } = schema ?? {};
  return placed(
    { ...field, ...($defs === undefined ? {} : { $defs }), ...(definitions === undefined ? {} : { definitions }) },
    `${id}:${name}`,
  );
}

/** A schema inside a document: references in it go on meaning its own parts. */
function placed(schema: JsonObject, id: string): JsonObject {
  const { $schema: _, ...rest } = schema;
  if (!JSON.stringify(rest).includes('"$ref"')) {
    const { $defs: _defs, definitions: _definitions, ...plain } = rest;
    return plain;
  }
  return { $id: `urn:sluice:schema:${encodeURIComponent(id)}`, ...rest };
}

const namesIn = (path: string) => [...path.matchAll(/:([A-Za-z0-9_]+)/g)].map((match) => match[1] ?? '');
