import { html } from '#shared/html.ts';
import { isJsonObject, type JsonObject } from '#shared/json.ts';
import type { EventOf } from '#shared/run/events.ts';
import type { Page } from '../connectors/trigger/page.ts';

export type Wait = EventOf<'run.waiting'>;
type Field = { name: string; title?: string; type: 'text' | 'number' | 'boolean'; required: boolean };

/** Which wait a page is about: a run may come to another one while somebody reads. */
export const placeOf = ({ path = [], stepId, iteration }: Wait) => [...path, `${stepId}:${iteration}`].join('/');

/** The fields that an approval wants filled in. */
export function fieldsOf({ details }: Wait): Field[] {
  const fields = Array.isArray(details?.fields) ? details.fields : [];
  return fields.filter(isJsonObject) as unknown as Field[];
}

/** Asks for a decision, or for the word that a run waits for. Looking at it answers nothing. */
export function askPage(wait: Wait, { typed = {}, problem }: { typed?: JsonObject; problem?: string } = {}): Page {
  const message = typeof wait.details?.message === 'string' ? wait.details.message : undefined;
  const isApproval = wait.reason === 'approval';
  const comment = typeof typed.comment === 'string' ? typed.comment : '';
  return {
    title: isApproval ? 'A workflow asks for your decision' : 'A workflow waits for an answer',
    body: html`${message !== undefined && html`<p>${message}</p>`}
${problem !== undefined && html`<div class="faults" role="alert">${problem}</div>`}
<form method="post">
<input type="hidden" name="wait" value="${placeOf(wait)}">
${isApproval && fieldsOf(wait).map((field) => fieldMarkup(field, typed[`field.${field.name}`]))}
<div class="field"><label for="comment">Comment</label><textarea id="comment" name="comment" maxlength="10000">${comment}</textarea></div>
<div class="actions">
${
  isApproval
    ? html`<button type="submit" name="answer" value="approve">Approve</button>
<button type="submit" name="answer" value="reject" class="quiet" formnovalidate>Reject</button>`
    : html`<button type="submit" name="answer" value="yes">Let it go on</button>`
}
</div>
</form>`,
  };
}

export const answeredPage: Page = {
  title: 'Thank you',
  body: html`<p>Your answer is with the workflow. You can close this page.</p>`,
};

export const nothingPage: Page = {
  title: 'Nothing waits here',
  body: html`<p>The workflow does not wait for an answer, or somebody has answered already.</p>`,
};

function fieldMarkup({ name, title = name, type, required }: Field, typed: JsonObject[string] | undefined) {
  const id = `field.${name}`;
  const value = typeof typed === 'string' ? typed : '';
  if (type === 'boolean') {
    return html`<div class="check"><input type="checkbox" id="${id}" name="${id}" value="yes"${value === 'yes' && html` checked`}><label for="${id}">${title}</label></div>`;
  }
  return html`<div class="field"><label for="${id}">${title}${required && html` (needed)`}</label><input id="${id}" name="${id}" value="${value}" maxlength="10000"${type === 'number' && html` inputmode="decimal"`}${required && html` required`}></div>`;
}
