import { type Html, html } from '#shared/html.ts';
import type { FormConfig, FormField } from './formConfig.ts';
import type { FormFault, Typed } from './formValues.ts';
import type { Page } from './page.ts';

export const TOKEN_FIELD = 'sluice_token';

/** `problem`: why what was sent was not taken, where it is not a field's fault. `owner`: whose form it is. */
export type Shown = {
  token: string;
  typed?: Typed;
  faults?: readonly FormFault[];
  problem?: string;
  owner?: string;
};

/** The page of a form: labels, help and faults belong to their fields, and what was typed stays. */
export function formPage(config: FormConfig, { token, typed = {}, faults = [], problem, owner }: Shown): Page {
  const { title, description, fields, button } = config;
  const hasFiles = fields.some(({ type }) => type === 'file');
  const isBack = faults.length > 0 || problem !== undefined;
  return {
    title: isBack ? `Not sent yet: ${title}` : title,
    body: html`${description !== undefined && html`<p>${description}</p>`}
${isBack && summary(config, faults, problem, hasFiles)}
<form method="post"${hasFiles && html` enctype="multipart/form-data"`}>
<input type="hidden" name="${TOKEN_FIELD}" value="${token}">
${fields.map((field) => fieldMarkup(field, own(typed, field.name), faults.find(({ name }) => name === field.name)?.message))}
<div class="actions"><button type="submit">${button}</button></div>
</form>
${owner !== undefined && html`<p class="hint">A form of ${owner}, not of Sluice. Never write your Sluice password here.</p>`}`,
  };
}

/** A field may have the name of something that every object has. */
const own = (typed: Typed, name: string) => (Object.hasOwn(typed, name) ? typed[name] : undefined);

export function thanksPage({ thanks }: FormConfig): Page {
  return { title: 'Thank you', body: html`<p role="status">${thanks}</p>` };
}

/** Says first what is wrong, with a way to each field. */
function summary({ fields }: FormConfig, faults: readonly FormFault[], problem: string | undefined, hasFiles: boolean) {
  const labelOf = (name: string) => fields.find((field) => field.name === name)?.label ?? name;
  return html`<div class="faults" role="alert">
<h2>${problem ?? 'Please look at this again'}</h2>
${faults.length > 0 && html`<ul>${faults.map(({ name, message }) => html`<li><a href="#${name}">${labelOf(name)}</a>: ${message}</li>`)}</ul>`}
${hasFiles && html`<p>Files have to be chosen again.</p>`}
</div>`;
}

function fieldMarkup(field: FormField, typed: string | undefined, fault: string | undefined): Html {
  const { name, label = name, required, help, type } = field;
  const ids = [help !== undefined ? `${name}-help` : '', fault !== undefined ? `${name}-fault` : ''].filter(Boolean);
  const about = html`id="${name}" name="${name}"${required && html` required`}${ids.length > 0 && html` aria-describedby="${ids.join(' ')}"`}${fault !== undefined && html` aria-invalid="true"`}`;
  const more = html`${help !== undefined && html`<div class="hint" id="${name}-help">${help}</div>`}
${fault !== undefined && html`<div class="fault" id="${name}-fault">${fault}</div>`}`;
  if (type === 'checkbox') {
    const ticked = typed !== undefined && typed !== '';
    return html`<div class="field">
<div class="check"><input type="checkbox" value="yes" ${about}${ticked && html` checked`}><label for="${name}">${label}</label></div>
${more}
</div>`;
  }
  return html`<div class="field">
<label for="${name}">${label}${!required && html` (optional)`}</label>
${more}
${inputMarkup(field, about, typed ?? '')}
</div>`;
}

function inputMarkup(field: FormField, about: Html, typed: string): Html {
  const { type, options = [], types, minLength, maxLength, min, max } = field;
  if (type === 'textarea') {
    // The first line break of a textarea is not part of its text.
    return html`<textarea ${about} ${lengths(minLength, maxLength ?? 10_000)}>\n${typed}</textarea>`;
  }
  if (type === 'select') {
    return html`<select ${about}><option value="">Choose…</option>${options.map((option) => html`<option${option === typed && html` selected`}>${option}</option>`)}</select>`;
  }
  if (type === 'file') return html`<input type="file" ${about}${types && html` accept="${types.join(',')}"`}>`;
  // Not `type=number`: a browser would empty it of anything else that was typed.
  if (type === 'number') return html`<input type="text" inputmode="decimal" ${about} value="${typed}">`;
  if (type === 'date') {
    return html`<input type="date" ${about} value="${typed}"${min !== undefined && html` min="${min}"`}${max !== undefined && html` max="${max}"`}>`;
  }
  const kind = type === 'email' ? html`type="email" autocomplete="email"` : html`type="text"`;
  return html`<input ${kind} ${about} value="${typed}" ${lengths(minLength, maxLength ?? 1_000)}>`;
}

function lengths(minLength: number | undefined, maxLength: number): Html {
  return html`${minLength !== undefined && html`minlength="${minLength}" `}maxlength="${maxLength}"`;
}
