import { html } from '#shared/html.ts';
import type { ConnectedAccount, Waiting } from '../providers/providerSignIn.ts';
import { type Page, type Problem, problemNote } from './views.ts';

/** Somebody came back from a provider with an address that has an account: whose it is, they have to show. */
export function connectAccountPage({ title, name, email }: Waiting, mine: string, problem?: Problem): Page {
  return {
    title: `Connect ${title}?`,
    lead: `signed in as ${mine}`,
    body: html`<p>From now on ${name}, ${email} at ${title}, would sign in to this account of Sluice.</p>
${problemNote(problem)}
<form method="post" action="/connect">
<button type="submit" name="decision" value="connect">Connect ${title}</button>
<button type="submit" name="decision" value="cancel" class="quiet">Cancel</button>
</form>`,
    below: html`<form method="post" action="/sign-out"><span>Not you? <button type="submit" class="link">Sign out</button></span></form>`,
  };
}

export function connectedAccountsPage(accounts: ConnectedAccount[], problem?: Problem): Page {
  const one = ({ provider, title, email }: ConnectedAccount) =>
    email === undefined
      ? html`<li><div><strong>${title}</strong><span>not connected</span></div><a href="/sign-in/with/${provider}?next=%2Fconnected-accounts">Connect</a></li>`
      : html`<li><div><strong>${title}</strong><span>${email}</span></div><form method="post" action="/connected-accounts/remove"><input type="hidden" name="provider" value="${provider}"><button type="submit" class="link">Disconnect</button></form></li>`;
  return {
    title: 'Connected accounts',
    lead: 'They sign you in like your password does.',
    body: html`${problemNote(problem)}
<ul class="list">${accounts.map(one)}</ul>
${accounts.length === 0 && html`<p>None is set up on this control plane.</p>`}
<a class="button quiet" href="/signed-in">Back</a>`,
  };
}
