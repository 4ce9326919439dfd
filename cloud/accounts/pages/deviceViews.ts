import { html } from '#shared/html.ts';
import type { WaitingDevice } from '../deviceFlow.ts';
import { type Page, type Problem, problemNote } from './views.ts';

export function enterCodePage(code: string, problem?: Problem): Page {
  return {
    title: 'Connect a program',
    lead: 'that shows you a code',
    body: html`<form method="post" action="/device">
<div class="field"><label for="code">Code</label><input id="code" name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" required maxlength="20" placeholder="ABCD-EFGH" value="${code}" autofocus></div>
${problemNote(problem)}
<button type="submit">Continue</button>
</form>`,
    below: html`<span>Did somebody else send you here? Then leave this page: their program would get into your account.</span>`,
  };
}

type ConfirmView = { device: WaitingDevice; email: string; yourIp: string; workspaces: string[]; now: Date };

/** Who wants in, from where, and into what: enough to see that it is not one's own. */
export function confirmDevicePage({ device, email, yourIp, workspaces, now }: ConfirmView): Page {
  const seconds = Math.max(0, Math.round((now.getTime() - device.askedAt.getTime()) / 1_000));
  const elsewhere = device.ip !== yourIp;
  return {
    title: 'Let this program in?',
    lead: `signed in as ${email}`,
    body: html`<div class="device"><div><strong>${device.name}</strong><span>at ${device.ip}, asked ${seconds} seconds ago</span><span>${device.userAgent || 'It does not say what it is.'}</span></div></div>
${elsewhere && html`<p class="note" role="alert">It asks from another address than yours, which is ${yourIp}.</p>`}
<p>It shows the code <strong>${device.code}</strong>. It will be able to read and change what you can in ${workspaces.join(', ')}, until you sign it out.</p>
<form method="post" action="/device/decide">
<input type="hidden" name="code" value="${device.code}">
<button type="submit" name="decision" value="allow">I started it myself: let it in</button>
<button type="submit" name="decision" value="deny" class="quiet">Refuse</button>
</form>`,
    below: html`<form method="post" action="/sign-out"><span>Not you? <button type="submit" class="link">Sign out</button></span></form>`,
  };
}

export function deviceDecidedPage(allowed: boolean): Page {
  return allowed
    ? { title: 'It is let in', body: html`<p>Go back to the program: it goes on by itself in a few seconds.</p>` }
    : { title: 'It was refused', body: html`<p>The program is told so, and nothing was changed.</p>` };
}
