import { z } from 'zod';
import { defineConnector } from '../stepType.ts';

const HeaderName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'must be the name of a header');

/** Who may call a route: keys that callers send, or what their tokens are checked with. */
export const route = defineConnector({
  name: 'route',
  title: 'Callers of routes',
  connection: z.strictObject({
    keys: z.string().max(50_000).optional().meta({
      title: 'API keys',
      help: 'One in each line, at least 16 characters long; with a name before it, the run sees who called.',
      placeholder: 'shop: 0d9f…',
      widget: 'secret',
      order: 1,
    }),
    header: HeaderName.default('X-API-Key').meta({ title: 'Header of the key', order: 2 }),
    tokenKey: z.string().max(50_000).optional().meta({
      title: 'Key of the tokens',
      help: 'A shared secret of at least 32 characters, a public key in PEM, or the text of a JWKS.',
      widget: 'secret',
      order: 3,
    }),
    algorithm: z
      .enum(['HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])
      .default('HS256')
      .meta({ title: 'Algorithm of the tokens', help: 'Only this one is accepted, whatever a token says.', order: 4 }),
    issuer: z.string().max(500).optional().meta({ title: 'Issuer', help: 'Who must have made the token.', order: 5 }),
    audience: z
      .string()
      .max(500)
      .optional()
      .meta({ title: 'Audience', help: 'Whom the token must be meant for.', order: 6 }),
  }),
});
export type RouteSecrets = z.infer<typeof route.connection>;
