import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';

/** What a desktop asks for when it opens the browser (RFC 8252, RFC 7636). */
export type Authorization = { redirectUri: string; state: string; codeChallenge: string; device: string };

const Query = z.object({
  response_type: z.literal('code', 'must be code').default('code'),
  redirect_uri: z.string().max(500),
  state: z.string().min(8, 'needs at least 8 characters').max(500),
  code_challenge: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be a SHA-256 in base64url'),
  code_challenge_method: z.literal('S256', 'must be S256'),
  device: z.string().trim().min(1).max(120).default('Sluice desktop'),
});

/** @throws SluiceError request.invalid; nobody is sent anywhere by a request that is not as it must be */
export function readAuthorization(query: unknown): Authorization {
  const read = parse(Query, query, 'The sign-in request');
  const url = URL.canParse(read.redirect_uri) ? new URL(read.redirect_uri) : undefined;
  const loopback =
    url?.protocol === 'http:' && url.hostname === '127.0.0.1' && !url.username && !url.password && !url.hash;
  if (!url || !loopback) {
    throw new SluiceError(
      'request.invalid',
      'The sign-in request would send you somewhere else than to this computer.',
      {
        advice: 'Start the sign-in from the app again.',
      },
    );
  }
  return { redirectUri: read.redirect_uri, state: read.state, codeChallenge: read.code_challenge, device: read.device };
}

/** The query of `/authorize` again, from what was read of it. */
export function authorizationQuery({ redirectUri, state, codeChallenge, device }: Authorization): string {
  return new URLSearchParams({
    response_type: 'code',
    redirect_uri: redirectUri,
    state,
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
    device,
  }).toString();
}

/** Where the browser goes back to. `iss` says who answered, so that one server's code is never sent to another (RFC 9207). */
export function redirectBack(
  { redirectUri, state }: Authorization,
  iss: string,
  answer: { code: string } | { error: string },
): string {
  const url = new URL(redirectUri);
  for (const [name, value] of Object.entries({ ...answer, state, iss })) url.searchParams.set(name, value);
  return url.href;
}

const LOCAL = 'http://local.invalid';

/** Pages of ours that somebody may be sent to sign in for, with the one thing that their address may carry. */
const PAGES: Record<string, string | undefined> = {
  '/second-factor': undefined,
  '/invitation': 'token',
  '/device': undefined,
  '/connect': undefined,
  '/connected-accounts': undefined,
  '/sessions': undefined,
  '/account': undefined,
  '/account/delete': undefined,
  '/api-keys': 'workspace',
  '/connections/connect': 'connection',
};

/** Where a form goes on to: only ever a page of ours. The request is set where that page is `/authorize`. */
export type Next = { next: string; authorization?: Authorization };

export function readNext(value: unknown): Next {
  const home = { next: '/signed-in' };
  if (typeof value !== 'string' || !value.startsWith('/') || !URL.canParse(value, LOCAL)) return home;
  const url = new URL(value, LOCAL);
  if (url.origin !== LOCAL) return home;
  if (Object.hasOwn(PAGES, url.pathname)) {
    const name = PAGES[url.pathname];
    const carried = name === undefined ? null : url.searchParams.get(name);
    const kept = name !== undefined && carried !== null && /^[\w-]{1,200}$/.test(carried);
    return { next: kept ? `${url.pathname}?${name}=${carried}` : url.pathname };
  }
  // The editor's own pages carry nothing but their path.
  if (/^\/app(\/[\w-]{1,80}){0,4}$/.test(url.pathname)) return { next: url.pathname };
  if (url.pathname !== '/authorize') return home;
  try {
    const authorization = readAuthorization(Object.fromEntries(url.searchParams));
    return { next: `/authorize?${authorizationQuery(authorization)}`, authorization };
  } catch {
    return home;
  }
}
