import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { defineConnector } from '../stepType.ts';

/** Any web service. The hosts it may be used for stand in the connection record. */
export const http = defineConnector({
  name: 'http',
  title: 'HTTP',
  connection: z.strictObject({
    kind: z.enum(['none', 'basic', 'bearer', 'header', 'oauth2']).default('none').meta({
      title: 'Sign in with',
      help: 'How the service wants to be told who you are.',
      order: 1,
    }),
    username: z
      .string()
      .max(500)
      .optional()
      .meta({ title: 'User name', showWhen: { kind: 'basic' }, order: 2 }),
    password: z
      .string()
      .max(5_000)
      .optional()
      .meta({ title: 'Password', showWhen: { kind: 'basic' }, widget: 'secret', order: 3 }),
    token: z
      .string()
      .max(20_000)
      .optional()
      .meta({ title: 'Token', showWhen: { kind: 'bearer' }, widget: 'secret', order: 4 }),
    header: z
      .string()
      .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'must be the name of a header')
      .optional()
      .meta({
        title: 'Header',
        help: 'The name the service expects.',
        showWhen: { kind: 'header' },
        placeholder: 'X-Api-Key',
        order: 5,
      }),
    value: z
      .string()
      .max(20_000)
      .optional()
      .meta({ title: 'Value of the header', showWhen: { kind: 'header' }, widget: 'secret', order: 6 }),
    grant: z
      .enum(['authorization_code', 'client_credentials'])
      .optional()
      .meta({
        title: 'Who signs in',
        help: 'authorization_code: a person, in the browser, once. client_credentials: the program by itself.',
        showWhen: { kind: 'oauth2' },
        order: 7,
      }),
    authorizeUrl: z
      .string()
      .max(2_000)
      .optional()
      .meta({
        title: 'Address to sign in at',
        help: 'Where a person allows it; not needed for client_credentials.',
        showWhen: { kind: 'oauth2' },
        placeholder: 'https://service.example/oauth/authorize',
        order: 8,
      }),
    tokenUrl: z
      .string()
      .max(2_000)
      .optional()
      .meta({
        title: 'Address for tokens',
        showWhen: { kind: 'oauth2' },
        placeholder: 'https://service.example/oauth/token',
        order: 9,
      }),
    clientId: z
      .string()
      .max(1_000)
      .optional()
      .meta({ title: 'Client id', showWhen: { kind: 'oauth2' }, order: 10 }),
    clientSecret: z
      .string()
      .max(5_000)
      .optional()
      .meta({ title: 'Client secret', showWhen: { kind: 'oauth2' }, widget: 'secret', order: 11 }),
    scope: z
      .string()
      .max(2_000)
      .optional()
      .meta({
        title: 'Scope',
        help: 'What it shall be allowed, as the service names it.',
        showWhen: { kind: 'oauth2' },
        order: 12,
      }),
  }),
  sign({ kind, username, password, token, header, value }): Record<string, string> {
    switch (kind) {
      case 'none':
        return {};
      case 'basic':
        return { authorization: `Basic ${Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')}` };
      case 'bearer':
        return { authorization: `Bearer ${needed(token, 'token')}` };
      case 'header':
        return { [needed(header, 'header')]: needed(value, 'value of the header') };
      case 'oauth2':
        // The workspace hands out the token in its place; there is none.
        throw new SluiceError('config.invalid', 'The connection is not connected with the service.', {
          advice:
            'Connect it below Connections of the workspace. It signs in for hosted runs; here, use a token of kind bearer.',
        });
    }
  },
});

function needed(value: string | undefined, what: string): string {
  if (value) return value;
  throw new SluiceError('config.invalid', `The connection has no ${what}.`, {
    advice: 'Open the connection and fill it in.',
  });
}
