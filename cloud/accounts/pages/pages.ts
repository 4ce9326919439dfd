import express, { type CookieOptions, type Request, type Response, type Router } from 'express';
import type { RateClass } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { Caller, SignedIn } from '../../server/actor.ts';
import type { MountDeps } from '../../server/mount.ts';
import type { SessionService } from '../sessionService.ts';
import { cookieNameOf, readCookie } from './cookie.ts';
import * as views from './views.ts';

export type PageDeps = MountDeps & { publicUrl: string; sessions: SessionService };

export type Handler = (req: Request, res: Response, caller: Caller) => Promise<void> | void;

/** How pages are added to a router, and who looks at them. */
export type Pages = {
  add(method: 'GET' | 'POST', path: string, name: string, rate: RateClass, handler: Handler): void;
  signedIn(req: Request): Promise<SignedIn | undefined>;
  /** Signed in, or undefined where the browser was sent to the sign-in page. */
  mustBeSignedIn(req: Request, res: Response): Promise<SignedIn | undefined>;
  cookieName: string;
  cookieOptions: CookieOptions;
};

export function createPages(router: Router, deps: PageDeps): Pages {
  const https = deps.publicUrl.startsWith('https:');
  const cookieName = cookieNameOf(deps.publicUrl);
  const signedIn = (req: Request): Promise<SignedIn | undefined> => {
    const cookie = readCookie(req.get('cookie'), cookieName);
    return cookie === undefined ? Promise.resolve(undefined) : deps.sessions.browserSession(cookie);
  };
  return {
    cookieName,
    cookieOptions: { httpOnly: true, sameSite: 'lax', secure: https, path: '/' },
    signedIn,
    async mustBeSignedIn(req, res) {
      const session = await signedIn(req);
      const here = req.method === 'GET' ? placeOf(req.originalUrl, deps.publicUrl) : req.path;
      // A header that carried any address back would grow past what clients read.
      if (!session) res.redirect(303, here.length > 2_000 ? '/sign-in' : `/sign-in?next=${encodeURIComponent(here)}`);
      return session;
    },
    add: (method, path, name, rate, handler) =>
      addPage(router, deps, { method, path, name: `pages.${name}`, rate }, handler),
  };
}

/** Path and query alone: who asks may name another host in front of them. */
function placeOf(address: string, publicUrl: string): string {
  if (!URL.canParse(address, publicUrl)) return '/';
  const { pathname, search } = new URL(address, publicUrl);
  return `${pathname}${search}`;
}

type PageRoute = { method: 'GET' | 'POST'; path: string; name: string; rate: RateClass };

/** A route whose failures are pages too. What changes something is taken from our own pages only. */
function addPage(router: Router, deps: PageDeps, route: PageRoute, handler: Handler): void {
  deps.routes.add({ ...route, access: 'public' });
  const origin = new URL(deps.publicUrl).origin;
  const handle = async (req: Request, res: Response) => {
    res.locals.route = route.name;
    try {
      const caller = (await deps.authenticate(req, res, 'public')) as Caller;
      await deps.limits.take(route.rate, caller.ip);
      if (route.method === 'POST' && req.get('origin') !== origin) {
        throw new SluiceError('access.denied', 'This form was not sent from a page of ours.', {
          advice: `Open ${deps.publicUrl} and try again.`,
        });
      }
      await handler(req, res, caller);
    } catch (thrown) {
      const error = SluiceError.from(thrown);
      if (error.code === 'internal')
        deps.logger.error('A page failed because of a bug.', { route: route.name, error: String(error.cause) });
      send(res, views.problemPage(problemOf(error)), error.status);
    }
  };
  if (route.method === 'GET') router.get(route.path, handle);
  else router.post(route.path, express.urlencoded({ extended: false, limit: '20kb', parameterLimit: 20 }), handle);
}

/** Shows the form again, with what went wrong. A bug is not for the person to mend, and goes on. */
export async function orAgain(
  attempt: () => Promise<void>,
  res: Response,
  form: (problem: views.Problem) => views.Page,
): Promise<void> {
  try {
    await attempt();
  } catch (thrown) {
    const error = SluiceError.from(thrown);
    if (error.code === 'internal') throw thrown;
    send(res, form(problemOf(error)), error.status);
  }
}

const FIELDS: Record<string, string> = {
  email: 'The e-mail address',
  password: 'The password',
  name: 'The name',
  token: 'The link',
  code: 'The code',
};

export function problemOf({ message, advice, details, code }: SluiceError): views.Problem {
  const issue = code === 'request.invalid' && Array.isArray(details?.issues) ? details.issues[0] : undefined;
  if (!issue || typeof issue !== 'object' || Array.isArray(issue) || advice !== undefined) return { message, advice };
  const field = FIELDS[String(issue.path)];
  return field
    ? { message: `${field} ${field === FIELDS.password ? String(issue.message) : 'is missing or not as it must be'}.` }
    : { message };
}

export function send(res: Response, page: views.Page, status = 200): void {
  if (status === 429) res.setHeader('Retry-After', '60');
  res.setHeader('Cache-Control', 'no-store');
  res.status(status).type('html').send(views.document(page));
}

export function formOf(req: Request): Record<string, string | undefined> {
  const body: Record<string, unknown> = typeof req.body === 'object' && req.body !== null ? req.body : {};
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, typeof value === 'string' ? value : undefined]),
  );
}
