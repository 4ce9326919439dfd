import { type Response, Router } from 'express';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { html } from '#shared/html.ts';
import { findUser } from '../accounts/accountStore.ts';
import { createPages, formOf, orAgain, type PageDeps, send } from '../accounts/pages/pages.ts';
import { type Page, type Problem, problemNote } from '../accounts/pages/views.ts';
import type { Database } from '../platform/database.ts';
import type { MountedService } from '../server/mount.ts';
import type { Exports } from './exportRoutes.ts';

export type AccountPageDeps = PageDeps & {
  db: Database;
  deletion: Pick<MountedService<typeof cloudApi.account>, 'delete'>;
  exports: Pick<Exports, 'person'>;
};

/** A person has what is kept about them, and leaves. */
export function accountPageRouter(deps: AccountPageDeps): Router {
  const { db, deletion, exports, logger } = deps;
  const router = Router();
  const { add, mustBeSignedIn, cookieName, cookieOptions } = createPages(router, deps);
  const hasPassword = async (userId: string) => Boolean((await findUser(db, userId))?.passwordHash);

  add('GET', '/account', 'account', 'read', async (req, res) => {
    const session = await mustBeSignedIn(req, res);
    if (session) send(res, accountPage(session.email));
  });

  // Not by GET: it is written down that somebody asked, and a link from elsewhere is nobody's wish.
  add('POST', '/account/export', 'exportAccount', 'write', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (session) await orCutOff(() => exports.person(res, { ...caller, session }), res);
  });

  add('GET', '/account/delete', 'leave', 'read', async (req, res) => {
    const session = await mustBeSignedIn(req, res);
    if (session) send(res, deletePage({ email: session.email, withPassword: await hasPassword(session.userId) }));
  });

  add('POST', '/account/delete', 'deleteAccount', 'sign_in', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const { confirm = '', password = '' } = formOf(req);
    const withPassword = await hasPassword(session.userId);
    const attempt = async () => {
      const asked = { confirm: confirm.slice(0, 254), ...(withPassword && { password: password.slice(0, 200) }) };
      const { eraseAfter } = await deletion.delete(asked, { ...caller, session });
      res.clearCookie(cookieName, cookieOptions);
      send(res, leftPage(session.email, eraseAfter));
    };
    await orAgain(attempt, res, (problem) => deletePage({ email: session.email, withPassword, confirm, problem }));
  });

  /** What has begun to be sent has no room for a page any more: it ends without its last line, and is not whole. */
  async function orCutOff(work: () => Promise<void>, res: Response): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      if (!res.headersSent) throw thrown;
      if (!res.closed) logger.error('An export ended early.', { error: String(thrown) });
      res.destroy();
    }
  }
  return router;
}

function accountPage(email: string): Page {
  return {
    title: 'Your data',
    lead: `of the account ${email}`,
    body: html`<p>Everything about you: your account, your sign-ins, and what you did in each workspace. It is a file of lines of JSON; if its last line is missing, it is not whole.</p>
<form method="post" action="/account/export"><button type="submit">Download your data</button></form>
<p>What a whole workspace holds is exported in its settings.</p>
<a class="button quiet" href="/account/delete">Delete your account</a>
<a class="button quiet" href="/signed-in">Back</a>`,
  };
}

type DeleteView = { email: string; withPassword: boolean; confirm?: string; problem?: Problem };

function deletePage({ email, withPassword, confirm = '', problem }: DeleteView): Page {
  return {
    title: 'Delete your account',
    lead: 'You can take it back for 30 days.',
    body: html`<p>You are signed out everywhere, and workspaces that nobody else belongs to are deleted with all that is in them. What you made in workspaces of others stays there, without your name.</p>
<form method="post" action="/account/delete">
<div class="field"><label for="confirm">Your e-mail address</label><input id="confirm" name="confirm" type="email" autocomplete="off" required maxlength="254" value="${confirm}" aria-describedby="hint"><span id="hint" class="hint">Type ${email} to go on.</span></div>
${withPassword && html`<div class="field"><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required maxlength="200"></div>`}
${problemNote(problem)}
<button type="submit" class="destroy">Delete my account</button>
</form>
<a class="button quiet" href="/account">Keep it</a>`,
  };
}

function leftPage(email: string, eraseAfter: string): Page {
  return {
    title: 'Your account is being deleted',
    lead: 'You are signed out everywhere.',
    body: html`<p>A letter to <strong>${email}</strong> has a link that takes it all back until ${eraseAfter.slice(0, 16).replace('T', ' ')} UTC. Then everything that names you is erased.</p>
<a class="button quiet" href="/sign-in">To the sign-in page</a>`,
  };
}
