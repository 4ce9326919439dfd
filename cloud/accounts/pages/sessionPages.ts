import type { SessionRecord } from '#shared/contract/cloud/sessions.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import { html } from '#shared/html.ts';
import type { MountedService } from '../../server/mount.ts';
import { formOf, orAgain, type Pages, send } from './pages.ts';
import { type Page, type Problem, problemNote } from './views.ts';

/** A person looks where they are signed in, and ends what they do not know. */
export function sessionPages(
  { add, mustBeSignedIn, cookieName, cookieOptions }: Pages,
  { own }: { own: MountedService<typeof cloudApi.sessions> },
): void {
  add('GET', '/sessions', 'sessions', 'read', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (session) send(res, sessionsPage(await own.list({}, { ...caller, session })));
  });

  add('POST', '/sessions', 'endSessions', 'sign_in', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const asker = { ...caller, session };
    const { end = '' } = formOf(req);
    const before = await own.list({}, asker);
    const attempt = async () => {
      if (end === 'others') await own.revokeAll({ keepThisOne: true }, asker);
      else await own.revoke({ sessionId: end }, asker);
      if (end !== session.family) return res.redirect(303, '/sessions');
      res.clearCookie(cookieName, cookieOptions).redirect(303, '/sign-in');
    };
    await orAgain(attempt, res, (problem) => sessionsPage(before, problem));
  });
}

function sessionsPage(sessions: SessionRecord[], problem?: Problem): Page {
  const one = ({ id, name, ip, userAgent, lastSeenAt, current }: SessionRecord) =>
    html`<li><div><strong>${name}${current && ' (this one)'}</strong><span>${ip}, last seen ${lastSeenAt.slice(0, 16).replace('T', ' ')} UTC</span><span>${userAgent}</span></div>
<form method="post" action="/sessions"><button type="submit" class="link" name="end" value="${id}" aria-label="End the sign-in on ${name}">End</button></form></li>`;
  return {
    title: 'Devices and sign-ins',
    lead: 'What you end here is refused within five seconds.',
    body: html`${problemNote(problem)}
<ul class="list">${sessions.map(one)}</ul>
${sessions.length > 1 && html`<form method="post" action="/sessions"><button type="submit" name="end" value="others" class="quiet">End all but this one</button></form>`}
<a class="button quiet" href="/signed-in">Back</a>`,
  };
}
