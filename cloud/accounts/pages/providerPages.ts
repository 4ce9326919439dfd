import type { Request, Response } from 'express';
import type { Caller } from '../../server/actor.ts';
import type { RateLimits } from '../../server/rateLimits.ts';
import type { ProviderSignIn } from '../providers/providerSignIn.ts';
import { type Next, readNext } from './authorization.ts';
import { readCookie } from './cookie.ts';
import { formOf, orAgain, type Pages, send } from './pages.ts';
import { connectAccountPage, connectedAccountsPage } from './providerViews.ts';

type ProviderPageDeps = {
  providers: ProviderSignIn;
  limits: RateLimits;
  /** After a proof of who it is: the second factor where there is one, then in. */
  enter(res: Response, userId: string, next: Next, caller: Caller): Promise<void>;
};

const ATTEMPT_MS = 10 * 60_000;

/** Away to another provider and back; connecting it with an account that exists; and taking it away again. */
export function providerPages(pages: Pages, { providers, limits, enter }: ProviderPageDeps): void {
  const { add, signedIn, mustBeSignedIn, cookieName, cookieOptions } = pages;
  const attemptCookie = `${cookieName}-provider`;
  const attemptOf = (req: Request) => readCookie(req.get('cookie'), attemptCookie);
  const nameOf = (req: Request) => String(req.params.provider);

  add('GET', '/sign-in/with/:provider', 'leaveForProvider', 'sign_in', async (req, res) => {
    const { cookie, url } = await providers.begin(nameOf(req), readNext(req.query.next).next);
    res.cookie(attemptCookie, cookie, { ...cookieOptions, maxAge: ATTEMPT_MS });
    res.redirect(303, url);
  });

  add('GET', '/sign-in/with/:provider/answer', 'returnFromProvider', 'sign_in', async (req, res, caller) => {
    const answer = new URL(req.originalUrl, 'http://local.invalid').searchParams;
    const session = await signedIn(req);
    const mayRegister = async () => {
      await limits.take('sign_up', caller.ip);
    };
    const outcome = await providers.finish(nameOf(req), attemptOf(req), answer, caller, { session, mayRegister });
    if ('confirm' in outcome) return res.redirect(303, session ? '/connect' : '/sign-in?next=%2Fconnect');
    res.clearCookie(attemptCookie, cookieOptions);
    const next = readNext(outcome.next);
    if (session) res.redirect(303, next.next);
    else await enter(res, outcome.userId, next, caller);
  });

  add('GET', '/connect', 'confirmProvider', 'read', async (req, res) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const waiting = await providers.waiting(attemptOf(req));
    if (waiting) send(res, connectAccountPage(waiting, session.email));
    else res.redirect(303, '/connected-accounts');
  });

  add('POST', '/connect', 'connectProvider', 'sign_in', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const cookie = attemptOf(req);
    const waiting = await providers.waiting(cookie);
    if (formOf(req).decision !== 'connect' || !waiting) {
      return res.clearCookie(attemptCookie, cookieOptions).redirect(303, '/connected-accounts');
    }
    const attempt = async () => {
      const { next } = await providers.connect(cookie, session, caller);
      res.clearCookie(attemptCookie, cookieOptions).redirect(303, readNext(next).next);
    };
    await orAgain(attempt, res, (problem) => connectAccountPage(waiting, session.email, problem));
  });

  add('GET', '/connected-accounts', 'connectedAccounts', 'read', async (req, res) => {
    const session = await mustBeSignedIn(req, res);
    if (session) send(res, connectedAccountsPage(await providers.list(session.userId)));
  });

  add('POST', '/connected-accounts/remove', 'disconnectProvider', 'sign_in', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const accounts = await providers.list(session.userId);
    const attempt = async () => {
      await providers.disconnect(formOf(req).provider ?? '', session, caller);
      res.redirect(303, '/connected-accounts');
    };
    await orAgain(attempt, res, (problem) => connectedAccountsPage(accounts, problem));
  });
}
