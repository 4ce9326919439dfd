import { html } from '#shared/html.ts';
import type { Page } from '../accounts/pages/views.ts';

/** What a person sees who opens the address of a run that waits for a reply. Looking answers nothing. */
export function answerPage(message: string | undefined): Page {
  return {
    title: 'A workflow waits for an answer',
    body: html`${message !== undefined && html`<p>${message}</p>`}
<form method="post">
<div class="field"><label for="comment">Comment</label><input id="comment" name="comment" maxlength="1000" autocomplete="off"></div>
<button type="submit" name="answer" value="yes">Let it go on</button>
</form>`,
  };
}

export function answeredPage(): Page {
  return { title: 'Thank you', body: html`<p>The workflow goes on. You can close this page.</p>` };
}

export function nothingPage(): Page {
  return {
    title: 'Nothing waits here',
    body: html`<p>The workflow does not wait for an answer, or somebody has answered already.</p>`,
  };
}
