import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Response, Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { parse } from '#shared/parse.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../platform/database.ts';
import type { Caller } from '../../server/actor.ts';
import type { MountedService } from '../../server/mount.ts';
import type { AccountService } from '../accountService.ts';
import type { DeviceFlow } from '../deviceFlow.ts';
import { requireUncommon } from '../passwords.ts';
import type { ProviderSignIn } from '../providers/providerSignIn.ts';
import type { SecondFactor } from '../secondFactor.ts';
import { BROWSER_MS } from '../sessionService.ts';
import {
  type Authorization,
  authorizationQuery,
  type Next,
  readAuthorization,
  readNext,
  redirectBack,
} from './authorization.ts';
import { devicePages } from './devicePages.ts';
import { createPages, type PageDeps as FrameDeps, formOf, orAgain, send } from './pages.ts';
import { providerPages } from './providerPages.ts';
import { secondFactorPages } from './secondFactorPages.ts';
import { sessionPages } from './sessionPages.ts';
import { STYLESHEET } from './stylesheet.ts';
import * as views from './views.ts';

export type PageDeps = FrameDeps & {
  db: Database;
  clock: Clock;
  accounts: AccountService;
  factor: SecondFactor;
  devices: DeviceFlow;
  providers: ProviderSignIn;
  own: MountedService<typeof cloudApi.sessions>;
};

/** The few pages of the control plane, made here, without a script: sign up, sign in, confirm, connect a device. */
export function pageRouter(deps: PageDeps): Router {
  const { accounts, factor, sessions, providers, publicUrl, limits } = deps;
  const { offered } = providers;
  const router = Router();
  const pages = createPages(router, deps);
  const { add, signedIn, cookieName, cookieOptions } = pages;
  const sendBack = async (res: Response, userId: string, authorization: Authorization) => {
    const code = await sessions.issueCode(userId, authorization);
    res.redirect(303, redirectBack(authorization, publicUrl, { code }));
  };
  /** After the password, and the code where one is asked for. */
  const enter = async (res: Response, userId: string, next: Next, caller: Caller) => {
    res.cookie(cookieName, await sessions.signInBrowser(userId, caller), { ...cookieOptions, maxAge: BROWSER_MS });
    // The button said "and connect this device", below the name of the device.
    if (next.authorization) await sendBack(res, userId, next.authorization);
    else res.redirect(303, next.next);
  };
  const askForCode = async (res: Response, userId: string, next: string) =>
    send(res, views.codePage(await factor.challenge(userId), next));
  const deviceOf = (authorization: Authorization | undefined) =>
    authorization && views.deviceCard(authorization.device, authorization.redirectUri);

  add('GET', '/sign-up', 'signUp', 'read', (req, res) => {
    send(res, views.signUpPage({ name: '', email: '', next: readNext(req.query.next).next, offered }));
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
    await orAgain(attempt, res, (problem) =>
      views.signUpPage({ name: name ?? '', email: email ?? '', next, problem, offered }),
    );
  });

  add('GET', '/sign-in', 'signIn', 'read', async (req, res) => {
    const { next, authorization } = readNext(req.query.next);
    if (await signedIn(req)) return res.redirect(303, next);
    send(res, views.signInPage({ email: '', next, device: deviceOf(authorization), offered }));
  });

  add('POST', '/sign-in', 'startSession', 'sign_in', async (req, res, caller) => {
    const { email, password, next: wanted } = formOf(req);
    const { next, authorization } = readNext(wanted);
    const attempt = async () => {
      const input = parse(cloudApi.auth.signIn.input, { email, password }, 'What you entered');
      const userId = await accounts.checkPassword(input.email, input.password, caller);
      if (await factor.isOn(userId)) await askForCode(res, userId, next);
      else await enter(res, userId, { next, authorization }, caller);
    };
    await orAgain(attempt, res, (problem) =>
      views.signInPage({ email: email ?? '', next, problem, device: deviceOf(authorization), offered }),
    );
  });

  // Whoever opens the address of the form again begins anew: what it was for went with it.
  add('GET', '/sign-in/code', 'passFactorAgain', 'read', (_req, res) => res.redirect(303, '/sign-in'));

  add('POST', '/sign-in/code', 'passFactor', 'sign_in', async (req, res, caller) => {
    const { challenge = '', code = '', next: wanted } = formOf(req);
    const next = readNext(wanted);
    const userId = await factor.openChallenge(challenge);
    const attempt = async () => {
      await factor.pass(userId, code, caller);
      await enter(res, userId, next, caller);
    };
    await orAgain(attempt, res, (problem) => views.codePage(challenge, next.next, problem));
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

  secondFactorPages(pages, deps);
  sessionPages(pages, deps);
  devicePages(pages, deps);
  providerPages(pages, {
    providers,
    limits,
    async enter(res, userId, { next }, caller) {
      if (await factor.isOn(userId)) await askForCode(res, userId, next);
      // Whoever came by a link has pressed no button that says what is connected: the page does, if there is a device.
      else await enter(res, userId, { next }, caller);
    },
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
