import { z } from 'zod';
import { defineConnector } from '../stepType.ts';

const HeaderName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'must be the name of a header');

/** A signature of the sender's own making (formats.md 14). */
export const HmacScheme = z
  .strictObject({
    header: HeaderName.meta({ title: 'Header of the signature', placeholder: 'X-Signature' }),
    prefix: z.string().max(40).default('').meta({ title: 'Text before it', placeholder: 'sha256=' }),
    algorithm: z.enum(['sha1', 'sha256', 'sha512']).default('sha256').meta({ title: 'Algorithm' }),
    encoding: z.enum(['hex', 'base64']).default('hex').meta({ title: 'Encoding' }),
    format: z
      .string()
      .max(200)
      .regex(/\{body\}/, 'must hold {body}')
      .default('{body}')
      .meta({
        title: 'What is signed',
        help: 'May hold {timestamp}, {id} and {body}.',
        placeholder: '{timestamp}.{body}',
      }),
    timestampHeader: HeaderName.optional().meta({
      title: 'Header of the time',
      help: 'Seconds or milliseconds since 1970. Deliveries older than five minutes are refused. Only as safe as the signature: name {timestamp} in what is signed.',
    }),
    idHeader: HeaderName.optional().meta({ title: 'Header of the delivery id' }),
  })
  .refine(({ format, timestampHeader }) => !format.includes('{timestamp}') || timestampHeader !== undefined, {
    message: 'must name the header of the time, since the time is signed',
    path: ['timestampHeader'],
  })
  .refine(({ format, idHeader }) => !format.includes('{id}') || idHeader !== undefined, {
    message: 'must name the header of the delivery id, since it is signed',
    path: ['idHeader'],
  });
export type HmacScheme = z.infer<typeof HmacScheme>;

export const VerifyScheme = z.enum([
  'none',
  'github',
  'stripe',
  'slack',
  'shopify',
  'sluice',
  'hmac',
  'basic',
  'header',
  'jwt',
]);
export type VerifyScheme = z.infer<typeof VerifyScheme>;

/** What a webhook listens to and how it knows its sender. Literal: it is read before there is a run. */
export const WebhookConfig = z.strictObject({
  path: z
    .string()
    .regex(
      /^[A-Za-z0-9_-]+(?:\/(?:[A-Za-z0-9_-]+|:[A-Za-z][A-Za-z0-9_]*))*$/,
      'must be parts of letters, digits, _ and -, or :name',
    )
    .max(200)
    .meta({
      title: 'Path',
      help: 'Where it listens on this machine: /hooks/<path>. A part :name is given as a parameter.',
      placeholder: 'github',
      expression: false,
      order: 1,
    }),
  methods: z
    .array(z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']))
    .min(1)
    .default(['POST'])
    .meta({ title: 'Methods', expression: false, order: 2 }),
  answer: z.enum(['at_once', 'respond']).default('at_once').meta({
    title: 'Answer',
    help: 'At once with 202, or by a respond step of the workflow.',
    expression: false,
    order: 3,
  }),
  verify: VerifyScheme.default('none').meta({
    title: 'Check the sender as',
    help: 'The secret stands in the connection.',
    expression: false,
    order: 4,
  }),
  hmac: HmacScheme.optional().meta({ title: 'Signature', showWhen: { verify: 'hmac' }, expression: false, order: 5 }),
  maxBytes: z
    .int()
    .min(1)
    .max(10_485_760)
    .default(1_048_576)
    .meta({ title: 'Largest body, in bytes', expression: false, order: 6 }),
  idHeader: HeaderName.optional().meta({
    title: 'Header of the delivery id',
    help: 'A repeated id starts nothing and gets the first answer again. For senders whose scheme has none.',
    expression: false,
    order: 7,
  }),
});
export type WebhookConfig = z.infer<typeof WebhookConfig>;

/** Who may call a webhook. Two secrets while one is being replaced: either is accepted. */
export const webhook = defineConnector({
  name: 'webhook',
  title: 'Webhook sender',
  connection: z.strictObject({
    secret: z.string().max(20_000).optional().meta({
      title: 'Secret',
      help: 'Shared with the sender: signing secret, password, value of the header, or key of the tokens (text, or a public key in PEM).',
      widget: 'secret',
      order: 1,
    }),
    oldSecret: z
      .string()
      .max(20_000)
      .optional()
      .meta({ title: 'Former secret', help: 'Accepted too, while senders change over.', widget: 'secret', order: 2 }),
    username: z.string().max(500).optional().meta({ title: 'User name', help: 'For basic.', order: 3 }),
    header: HeaderName.optional().meta({
      title: 'Header',
      help: 'For header.',
      placeholder: 'X-Webhook-Token',
      order: 4,
    }),
    algorithm: z
      .enum(['HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES256', 'EdDSA'])
      .default('HS256')
      .meta({ title: 'Algorithm of the tokens', help: 'For jwt.', order: 5 }),
    issuer: z
      .string()
      .max(500)
      .optional()
      .meta({ title: 'Issuer', help: 'For jwt: who must have made the token.', order: 6 }),
    audience: z
      .string()
      .max(500)
      .optional()
      .meta({ title: 'Audience', help: 'For jwt: whom it must be meant for.', order: 7 }),
  }),
});
/** The secret part of a `webhook` connection record. */
export type WebhookSecrets = z.input<typeof webhook.connection>;
