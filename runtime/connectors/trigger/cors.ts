import { z } from 'zod';

/** Which pages of other origins may call a route from a browser. */
export const Cors = z
  .strictObject({
    origins: z
      .array(
        z
          .string()
          .max(300)
          .regex(/^(?:\*|https?:\/\/[^/\s*?#@]+)$/, 'must be an origin such as https://app.example.com, or *'),
      )
      .min(1)
      .max(50)
      .meta({ title: 'Origins', placeholder: 'https://app.example.com' }),
    credentials: z.boolean().default(false).meta({
      title: 'With cookies and signed-in browsers',
      help: 'Only for origins that are listed.',
    }),
    headers: z
      .array(z.string().regex(/^[A-Za-z0-9-]{1,100}$/, 'must be the name of a header'))
      .max(50)
      .default(['Content-Type', 'Authorization', 'X-API-Key'])
      .meta({ title: 'Headers that may be sent' }),
    expose: z
      .array(z.string().regex(/^[A-Za-z0-9-]{1,100}$/, 'must be the name of a header'))
      .max(50)
      .default([])
      .meta({ title: 'Headers of the answer that the page may read' }),
    maxAgeSeconds: z.int().min(0).max(86_400).default(600).meta({ title: 'Seconds that a browser remembers it' }),
  })
  .refine(({ origins, credentials }) => !credentials || !origins.includes('*'), {
    message: 'must list the origins, since any page could act in the name of whoever looks at it',
    path: ['origins'],
  });
export type Cors = z.infer<typeof Cors>;

/** What every answer to a page of an origin says. An origin is named only if it is listed, never because it asked. */
export function corsHeaders(cors: Cors | undefined, origin: string | undefined): Record<string, string> {
  if (!cors) return {};
  const any = cors.origins.includes('*');
  const vary: Record<string, string> = any ? {} : { vary: 'Origin' };
  if (origin === undefined || !(any || cors.origins.includes(origin))) return vary;
  return {
    ...vary,
    'access-control-allow-origin': any ? '*' : origin,
    ...(cors.credentials ? { 'access-control-allow-credentials': 'true' } : {}),
    ...(cors.expose.length > 0 ? { 'access-control-expose-headers': cors.expose.join(', ') } : {}),
  };
}

/** The answer to a browser that asks before it calls: nothing is run for it. */
export function preflightHeaders(cors: Cors, origin: string, methods: readonly string[]): Record<string, string> {
  const headers = corsHeaders(cors, origin);
  if (headers['access-control-allow-origin'] === undefined) return headers;
  return {
    ...headers,
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': cors.headers.join(', '),
    'access-control-max-age': String(cors.maxAgeSeconds),
  };
}
