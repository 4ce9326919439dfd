import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import express, { type Request, type Response, Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { RateClass } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import type { Caller, SignedIn } from '../../server/actor.ts';
import type { MountDeps } from '../../server/mount.ts';
import type { AccountService } from '../accountService.ts';
import { requireUncommon } from '../passwords.ts';
import { BROWSER_MS, type SessionService } from '../sessionService.ts';
import { type Authorization, authorizationQuery, readAuthorization, readNext, redirectBack } from './authorization.ts';
import { STYLESHEET } from './stylesheet.ts';
import * as views from './views.ts';

export type PageDeps = MountDeps & { publicUrl: string; sessions: SessionService; accounts: AccountService };

type Handler = (req: Request, res: Response, caller: Caller) => Promise<void> | void;

/** The few pages of the control plane, made here, without a script: sign up, sign in, confirm, connect a device. */
export function pageRouter(deps: PageDeps): Router {
  const { accounts, sessions, publicUrl, limits } = deps;
  const router = Router();
  const https = publicUrl.startsWith('https:');
  // Browsers take a `__Host-` cookie over https only; on loopback there is none.
  const cookieName = https ? '__Host-sluice' : 'sluice';
  const cookieOptions = { httpOnly: true, sameSite: 'lax', secure: https, path: '/' } as const;
  const add = (method: 'GET' | 'POST', path: string, name: string, rate: RateClass, handler: Handler) =>
    addPage(router, deps, { method, path, name: `pages.${name}`, rate }, handler);
  const signedIn = (req: Request): Promise<SignedIn | undefined> => {
    const cookie = readCookie(req, cookieName);
    return cookie === undefined ? Promise.resolve(undefined) : sessions.browserSession(cookie);
  };
  const sendBack = async (res: Response, userId: string, authorization: Authorization) => {
    const code = await sessions.issueCode(userId, authorization);
    res.redirect(303, redirectBack(authorization, publicUrl, { code }));
  };
  const deviceOf = (authorization: Authorization | undefined) =>
    authorization && views.deviceCard(authorization.device, authorization.redirectUri);

  add('GET', '/sign-up', 'signUp', 'read', (req, res) => {
    send(res, views.signUpPage({ name: '', email: '', next: readNext(req.query.next).next }));
  });

  add('POST', '/sign-up', 'register', 'sign_in', async (req, res, caller) => {
    const { name, email, password, next: wanted } = formOf(req);
    const { next } = readNext(wanted);
    const attempt = async () => {
      const input = parse(cloudApi.auth.register.input, { name, email, password }, 'What you entered');
      requireUncommon(input.password, input.email);
      // After the checks, so that a slip of the keys uses up no try.
      await limits.take('sign_up', caller.ip);
      await accounts.register(input, caller);
      send(res, views.checkMailPage(input.email, next));
    };
    await orAgain(attempt, res, (problem) => views.signUpPage({ name: name ?? '', email: email ?? '', next, problem }));
  });

  add('GET', '/sign-in', 'signIn', 'read', async (req, res) => {
    const { next, authorization } = readNext(req.query.next);
    if (await signedIn(req)) return res.redirect(303, next);
    send(res, views.signInPage({ email: '', next, device: deviceOf(authorization) }));
  });

  add('POST', '/sign-in', 'startSession', 'sign_in', async (req, res, caller) => {
    const { email, password, next: wanted } = formOf(req);
    const { next, authorization } = readNext(wanted);
    const attempt = async () => {
      const input = parse(cloudApi.auth.signIn.input, { email, password }, 'What you entered');
      const userId = await accounts.checkPassword(input.email, input.password, caller);
      res.cookie(cookieName, await sessions.signInBrowser(userId, caller), { ...cookieOptions, maxAge: BROWSER_MS });
      // The button said "and connect this device", below the name of the device.
      if (authorization) await sendBack(res, userId, authorization);
      else res.redirect(303, next);
    };
    await orAgain(attempt, res, (problem) =>
      views.signInPage({ email: email ?? '', next, problem, device: deviceOf(authorization) }),
    );
  });

  add('GET', '/verify', 'verify', 'read', (req, res) => {
    send(res, views.verifyPage(typeof req.query.token === 'string' ? req.query.token : ''));
  });

  // Not by GET: programs that look into mails follow its links.
  add('POST', '/verify', 'confirm', 'sign_in', async (req, res, caller) => {
    const { token = '' } = formOf(req);
    const attempt = async () => {
      await accounts.verifyEmail(parse(cloudApi.auth.verifyEmail.input, { token }, 'The link'), caller);
      send(res, views.verifiedPage());
    };
    await orAgain(attempt, res, (problem) => views.verifyPage(token, problem));
  });

  add('GET', '/forgot', 'forgot', 'read', (_req, res) => send(res, views.forgotPage('')));

  add('POST', '/forgot', 'sendLink', 'sign_in', async (req, res, caller) => {
    const { email } = formOf(req);
    const attempt = async () => {
      const input = parse(cloudApi.auth.forgotPassword.input, { email }, 'What you entered');
      await limits.take('reset', caller.ip);
      await accounts.forgotPassword(input, caller);
      send(res, views.linkSentPage(input.email));
    };
    await orAgain(attempt, res, (problem) => views.forgotPage(email ?? '', problem));
  });

  add('GET', '/reset', 'reset', 'read', (req, res) => {
    send(res, views.resetPage(typeof req.query.token === 'string' ? req.query.token : ''));
  });

  add('POST', '/reset', 'setPassword', 'sign_in', async (req, res, caller) => {
    const { token = '', password } = formOf(req);
    const attempt = async () => {
      const input = parse(cloudApi.auth.resetPassword.input, { token, password }, 'What you entered');
      await accounts.resetPassword(input, caller);
      res.clearCookie(cookieName, cookieOptions);
      send(res, views.passwordSetPage());
    };
    await orAgain(attempt, res, (problem) => views.resetPage(token, problem));
  });

  add('GET', '/authorize', 'authorize', 'read', async (req, res) => {
    const authorization = readAuthorization(req.query);
    const session = await signedIn(req);
    const query = authorizationQuery(authorization);
    if (!session) return res.redirect(303, `/sign-in?next=${encodeURIComponent(`/authorize?${query}`)}`);
    send(
      res,
      views.connectPage({
        email: session.email,
        query,
        device: views.deviceCard(authorization.device, authorization.redirectUri),
      }),
    );
  });

  add('POST', '/authorize', 'connect', 'sign_in', async (req, res) => {
    const authorization = readAuthorization(req.query);
    if (formOf(req).decision !== 'allow') {
      return res.redirect(303, redirectBack(authorization, publicUrl, { error: 'access_denied' }));
    }
    const session = await signedIn(req);
    if (session) await sendBack(res, session.userId, authorization);
    else res.redirect(303, `/sign-in?next=${encodeURIComponent(`/authorize?${authorizationQuery(authorization)}`)}`);
  });

  add('GET', '/signed-in', 'signedIn', 'read', async (req, res) => {
    const session = await signedIn(req);
    if (session) send(res, views.signedInPage(session.name, session.email));
    else res.redirect(303, '/sign-in');
  });

  add('POST', '/sign-out', 'endSession', 'sign_in', async (req, res, caller) => {
    const session = await signedIn(req);
    if (session) await sessions.end(session, caller);
    res.clearCookie(cookieName, cookieOptions).redirect(303, '/sign-in');
  });

  const font = readFileSync(
    createRequire(import.meta.url).resolve('@fontsource-variable/inter/files/inter-latin-wght-normal.woff2'),
  );
  const asset = (path: string, name: string, type: string, content: string | Buffer) =>
    add('GET', path, name, 'monitor', (_req, res) => {
      res.setHeader('Cache-Control', 'public, max-age=3600');
      res.type(type).send(content);
    });
  asset('/assets/pages.css', 'stylesheet', 'text/css', STYLESHEET);
  asset('/assets/inter.woff2', 'font', 'font/woff2', font);
  return router;
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
async function orAgain(
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
};

function problemOf({ message, advice, details, code }: SluiceError): views.Problem {
  const issue = code === 'request.invalid' && Array.isArray(details?.issues) ? details.issues[0] : undefined;
  if (!issue || typeof issue !== 'object' || Array.isArray(issue) || advice !== undefined) return { message, advice };
  const field = FIELDS[String(issue.path)];
  return field
    ? { message: `${field} ${field === FIELDS.password ? String(issue.message) : 'is missing or not as it must be'}.` }
    : { message };
}

function send(res: Response, page: views.Page, status = 200): void {
  if (status === 429) res.setHeader('Retry-After', '60');
  res.setHeader('Cache-Control', 'no-store');
  res.status(status).type('html').send(views.document(page));
}

function formOf(req: Request): Record<string, string | undefined> {
  const body: Record<string, unknown> = typeof req.body === 'object' && req.body !== null ? req.body : {};
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, typeof value === 'string' ? value : undefined]),
  );
}

function readCookie(req: Request, name: string): string | undefined {
  for (const part of (req.get('cookie') ?? '').split(';')) {
    const [key, value] = part.trim().split('=');
    if (key === name && value && value.length < 200) return value;
  }
  return undefined;
}
