import { Router } from 'express';
import { html } from '#shared/html.ts';
import { createPages, formOf, orAgain, type PageDeps, send } from '../accounts/pages/pages.ts';
import { type Page, type Problem, problemNote } from '../accounts/pages/views.ts';
import type { SessionService } from '../accounts/sessionService.ts';
import type { OwnInvitations } from './ownInvitations.ts';

export type InvitationPageDeps = PageDeps & { sessions: SessionService; invitations: OwnInvitations };

type View = { token: string; workspaceName: string; role: string; invitedByName: string };

/** Where the letter's link leads: it says who asks, and takes the answer of the person whose address was invited. */
export function invitationPages({ invitations, ...deps }: InvitationPageDeps): Router {
  const router = Router();
  const { add, mustBeSignedIn } = createPages(router, deps);

  add('GET', '/invitation', 'invitation', 'read', async (req, res) => {
    const token = typeof req.query.token === 'string' ? req.query.token : '';
    const invitation = await invitations.byToken(token);
    if (!invitation) return send(res, overPage(), 404);
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    if (session.email !== invitation.email) return send(res, otherPersonPage(session.email), 403);
    send(res, askPage({ token, ...invitation }));
  });

  add('POST', '/invitation', 'answerInvitation', 'sign_in', async (req, res, caller) => {
    const { token = '', decision } = formOf(req);
    const invitation = await invitations.byToken(token);
    if (!invitation) return send(res, overPage(), 404);
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const asker = { ...caller, session };
    const { id: invitationId, workspaceName } = invitation;
    const attempt = async () => {
      if (decision === 'accept') {
        await invitations.accept({ invitationId }, asker);
        send(res, joinedPage(workspaceName));
      } else {
        await invitations.decline({ invitationId }, asker);
        send(res, declinedPage(workspaceName));
      }
    };
    await orAgain(attempt, res, (problem) => askPage({ token, ...invitation }, problem));
  });
  return router;
}

function askPage({ token, workspaceName, role, invitedByName }: View, problem?: Problem): Page {
  return {
    title: `Join “${workspaceName}”?`,
    lead: `${invitedByName} invites you as ${role === 'viewer' ? 'a' : 'an'} ${role}.`,
    body: html`<form method="post" action="/invitation">
<input type="hidden" name="token" value="${token}">
${problemNote(problem)}
<button type="submit" name="decision" value="accept">Join the workspace</button>
<button type="submit" name="decision" value="decline" class="quiet">Decline</button>
</form>`,
  };
}

function joinedPage(workspace: string): Page {
  return {
    title: `You have joined “${workspace}”`,
    body: html`<p>You find it in the list of workspaces, in the editor and here. You can close this page.</p>`,
  };
}

function declinedPage(workspace: string): Page {
  return {
    title: 'Declined',
    body: html`<p>You did not join “${workspace}”. Whoever invited you can see that the invitation was declined.</p>`,
  };
}

function overPage(): Page {
  return {
    title: 'This invitation is not open',
    body: html`<p>It was answered, taken back, replaced by another letter, or is older than seven days. Ask whoever invited you to send another one.</p>`,
  };
}

function otherPersonPage(email: string): Page {
  return {
    title: 'This invitation is for somebody else',
    body: html`<p>You are signed in as ${email}, and the letter went to another address. Sign in with that one to answer.</p>
<form method="post" action="/sign-out"><button type="submit" class="quiet">Sign out</button></form>`,
  };
}
