import { Router } from 'express';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { html } from '#shared/html.ts';
import { createPages, formOf, orAgain, type PageDeps, send } from '../accounts/pages/pages.ts';
import { type Page, type Problem, problemNote } from '../accounts/pages/views.ts';
import type { MountedService } from '../server/mount.ts';

/** Where the letter leads that says an account is being deleted. */
export function restorePageRouter(
  deps: PageDeps & { deletion: Pick<MountedService<typeof cloudApi.account>, 'restore'> },
): Router {
  const router = Router();
  const { add } = createPages(router, deps);

  add('GET', '/account/restore', 'restoreAccount', 'read', (req, res) =>
    send(res, askPage(typeof req.query.token === 'string' ? req.query.token : '')),
  );

  // Not by GET: programs that look into mails follow its links.
  add('POST', '/account/restore', 'keepAccount', 'sign_in', async (req, res, caller) => {
    const { token = '' } = formOf(req);
    const attempt = async () => {
      await deps.deletion.restore({ token: token.slice(0, 200) }, caller);
      send(res, keptPage());
    };
    await orAgain(attempt, res, (problem) => askPage(token, problem));
  });
  return router;
}

function askPage(token: string, problem?: Problem): Page {
  return {
    title: 'Keep your account?',
    lead: 'It is being deleted.',
    body: html`<form method="post" action="/account/restore">
<input type="hidden" name="token" value="${token}">
${problemNote(problem)}
<button type="submit">Keep my account</button>
</form>`,
  };
}

function keptPage(): Page {
  return {
    title: 'Your account stays',
    body: html`<p>Nothing was erased, and workspaces that were deleted with it are back. If it was not you who wanted to delete it, <a href="/forgot">set another password</a> now.</p>
<a class="button" href="/sign-in">Sign in</a>`,
  };
}
