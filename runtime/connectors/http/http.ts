import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { AnyJson } from '../fields.ts';
import { defineStepType } from '../stepType.ts';
import { http } from './connector.ts';

const HeaderName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'must be the name of a header');
const Scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

export const request = defineStepType({
  type: 'http.request',
  version: 1,
  title: 'HTTP request',
  description: 'Calls a web address and gives its answer.',
  category: 'network',
  icon: 'globe',
  effect: ({ method, idempotencyHeader }) =>
    method === 'GET' || method === 'HEAD' ? 'idempotent' : idempotencyHeader ? 'keyed' : 'unsafe',
  connector: http,
  mode: 'each',
  config: z.strictObject({
    method: z
      .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      .default('GET')
      .meta({ title: 'Method', order: 1 }),
    url: z
      .string()
      .min(1)
      .max(8_000)
      .meta({ title: 'Address', placeholder: 'https://api.example.com/issues/{{ $json.number }}', order: 2 }),
    query: z
      .record(z.string(), z.union([Scalar, z.array(Scalar)]))
      .optional()
      .meta({ title: 'Query', help: 'Added to the address; null is left out.', widget: 'pairs', order: 3 }),
    headers: z
      .record(HeaderName, Scalar)
      .optional()
      .meta({ title: 'Headers', help: 'Secrets belong into the connection.', widget: 'pairs', order: 4 }),
    body: AnyJson.optional().meta({ title: 'Body', help: 'JSON, or text as it is.', widget: 'json', order: 5 }),
    idempotencyHeader: HeaderName.optional().meta({
      title: 'Header for the idempotency key',
      help: 'If the service knows one, a request that was interrupted can safely be repeated.',
      placeholder: 'Idempotency-Key',
      expression: false,
      order: 6,
    }),
    failOnStatus: z.boolean().default(true).meta({
      title: 'Fail on an answer of 400 and above',
      help: 'Otherwise it is passed on like any other.',
      order: 7,
    }),
    timeoutMs: z.int().min(1).max(300_000).default(30_000).meta({ title: 'Give up after, in milliseconds', order: 8 }),
    maxRedirects: z.int().min(0).max(20).default(5).meta({ title: 'Follow redirects, at most', order: 9 }),
  }),
  output: z.object({
    status: z.int(),
    headers: z.record(z.string(), z.string()),
    body: z.unknown(),
    /** Instead of a body where the answer is neither JSON nor text, or is large. */
    file: z.object({ blob: z.string(), bytes: z.int(), mime: z.string() }).optional(),
  }),
  // A little more than the request itself may take at its default, so that it is the one to say what happened.
  timeoutMs: 35_000,
  async run({ config, http: broker }) {
    const { query, headers, url, ...rest } = config;
    const reply = await broker.send({
      ...rest,
      url: withQuery(url, query),
      ...(headers ? { headers: texts(headers) } : {}),
    });
    const { status, body, binary } = reply;
    const given: Record<string, Json> = { status, headers: reply.headers, body };
    if (binary) given.file = { ...binary };
    return given;
  },
});

type Scalar = z.infer<typeof Scalar>;

function withQuery(text: string, query: Record<string, Scalar | Scalar[]> | undefined): string {
  if (!query || Object.keys(query).length === 0) return text;
  if (!URL.canParse(text))
    throw new SluiceError('config.invalid', `'${text.slice(0, 200)}' is not a web address.`, {
      advice: 'Write it whole, beginning with https://.',
    });
  const url = new URL(text);
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== null) url.searchParams.append(name, String(one));
  }
  return url.href;
}

function texts(headers: Record<string, Scalar>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]])),
  );
}
