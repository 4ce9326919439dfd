import { z } from 'zod';
import { JsonObject } from '#shared/json.ts';
import { Cors } from './cors.ts';
import { PATH_GRAMMAR } from './pathPattern.ts';

/** The most that all files of a request may have together: they are held in memory until they are checked. */
const MOST_FILES = 52_428_800;

const schema = (title: string, help: string, order: number) =>
  JsonObject.optional().meta({
    title,
    help,
    placeholder: '{ "type": "object", "properties": { } }',
    widget: 'json',
    expression: false,
    order,
  });

/** A file that a multipart request may bring. */
const RouteFile = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, 'must be a name such as photo')
    .meta({ title: 'Field' }),
  required: z.boolean().default(false).meta({ title: 'Needed' }),
  types: z
    .array(z.string().regex(/^[a-z0-9.+-]+\/(?:\*|[a-z0-9.+-]+)$/i, 'must be a type such as image/png or image/*'))
    .max(20)
    .optional()
    .meta({ title: 'Types', help: 'As the sender says it: it is not looked into.' }),
  maxBytes: z.int().min(1).max(MOST_FILES).default(5_242_880).meta({ title: 'Largest size, in bytes' }),
});

/** What a route listens to, whom it lets in and what a request must look like. Literal: it is read before there is a run. */
export const RouteConfig = z
  .strictObject({
    method: z
      .enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
      .default('GET')
      .meta({ title: 'Method', help: 'A route for GET also answers HEAD.', expression: false, order: 1 }),
    path: z.string().regex(PATH_GRAMMAR, 'must be parts of letters, digits, ., _ and -, or :name').max(200).meta({
      title: 'Path',
      help: 'Where it listens: /api/<path>. A part :name is given as a parameter.',
      placeholder: '/items/:id',
      expression: false,
      order: 2,
    }),
    summary: z
      .string()
      .max(300)
      .optional()
      .meta({ title: 'What it does', help: 'For the description of the API.', expression: false, order: 3 }),
    auth: z
      .enum(['none', 'api_key', 'jwt'])
      .default('none')
      .meta({
        title: 'Who may call it',
        labels: { none: 'Everybody', api_key: 'Who has an API key', jwt: 'Who has a token (JWT)' },
        help: 'Keys and secrets stand in the connection.',
        expression: false,
        order: 4,
      }),
    params: schema(
      'Schema of the path’s parameters',
      'A JSON Schema. Numbers are read as numbers where it says so.',
      5,
    ),
    query: schema('Schema of the query', 'A JSON Schema of an object; a default stands for what is missing.', 6),
    headers: schema('Schema of the headers', 'A JSON Schema of an object; names in lower case.', 7),
    body: schema('Schema of the body', 'A JSON Schema; for forms of their fields.', 8),
    accepts: z
      .array(z.enum(['json', 'form', 'multipart', 'text', 'bytes']))
      .min(1)
      .max(5)
      .default(['json'])
      .meta({ title: 'Bodies it takes', help: 'Others are refused with 415.', expression: false, order: 9 }),
    files: z.array(RouteFile).max(10).default([]).meta({
      title: 'Files',
      help: 'Of a multipart body. Each becomes a file of the item.',
      widget: 'json',
      expression: false,
      order: 10,
    }),
    maxBytes: z
      .int()
      .min(1)
      .max(10_485_760)
      .default(1_048_576)
      .meta({ title: 'Largest body, in bytes', help: 'Files count by themselves.', expression: false, order: 11 }),
    cors: Cors.optional().meta({
      title: 'Pages of other origins',
      help: 'Which may call it from a browser (CORS).',
      widget: 'json',
      expression: false,
      order: 12,
    }),
    answer: z
      .enum(['respond', 'at_once'])
      .default('respond')
      .meta({
        title: 'Answer',
        labels: { respond: 'By a respond step', at_once: 'At once with 202' },
        expression: false,
        order: 13,
      }),
    answers: z
      .record(
        z.string().regex(/^[1-5]\d\d$/, 'must be a status such as 200'),
        z.strictObject({ description: z.string().max(300), body: JsonObject.optional() }),
      )
      .optional()
      .meta({
        title: 'What it answers',
        help: 'By status: a description and the body’s JSON Schema, for the description of the API.',
        widget: 'json',
        expression: false,
        order: 14,
      }),
  })
  .refine(({ files }) => new Set(files.map(({ name }) => name)).size === files.length, {
    message: 'must name each file once',
    path: ['files'],
  })
  .refine(({ files }) => files.reduce((sum, { maxBytes }) => sum + maxBytes, 0) <= MOST_FILES, {
    message: `must take at most ${MOST_FILES} bytes together`,
    path: ['files'],
  })
  .refine(({ files, accepts }) => files.length === 0 || accepts.includes('multipart'), {
    message: 'must hold multipart, since the route takes files',
    path: ['accepts'],
  });
export type RouteConfig = z.infer<typeof RouteConfig>;
