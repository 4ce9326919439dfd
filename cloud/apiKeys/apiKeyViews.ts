import { type ApiKeyRecord, KEY_PRESETS } from '#shared/contract/cloud/apiKeys.ts';
import type { Workspace } from '#shared/contract/cloud/common.ts';
import { type Html, html } from '#shared/html.ts';
import { type Page, type Problem, problemNote } from '../accounts/pages/views.ts';

type View = { workspaces: Workspace[]; workspaceId: string; keys: ApiKeyRecord[]; problem?: Problem };

const day = (time: string) => time.slice(0, 10);

function keyRow(workspaceId: string, key: ApiKeyRecord): Html {
  const { id, name, prefix, scopes, createdByName, expiresAt, lastUsedAt, lastUsedIp, graceUntil } = key;
  const used = lastUsedAt ? `last used ${day(lastUsedAt)} from ${lastUsedIp}` : 'never used';
  const button = (action: string, text: string) =>
    html`<form method="post" action="/api-keys/${action}"><input type="hidden" name="workspace" value="${workspaceId}"><input type="hidden" name="key" value="${id}"><button type="submit" class="link" aria-label="${text} ${name}">${text}</button></form>`;
  return html`<li><div><strong>${name}</strong><code>${prefix}…</code><span>${used}; until ${day(expiresAt)}; made by ${createdByName}</span>
${graceUntil !== undefined && html`<span>The key before is taken until ${graceUntil.slice(0, 16).replace('T', ' ')} UTC.</span>`}<span>${scopes.join(', ')}</span></div>
${button('rotate', 'Rotate')}${button('revoke', 'Revoke')}</li>`;
}

export function apiKeysPage({ workspaces, workspaceId, keys, problem }: View): Page {
  const here = workspaces.find(({ id }) => id === workspaceId);
  const others = workspaces.filter(({ id }) => id !== workspaceId);
  return {
    title: 'API keys',
    lead: `of ${here?.name ?? 'this workspace'}`,
    body: html`<p>With a key a program acts in this workspace. Give it to the program as <code>SLUICE_API_KEY</code>.</p>
${problemNote(problem)}
<ul class="list">${keys.map((key) => keyRow(workspaceId, key))}</ul>
<form method="post" action="/api-keys">
<input type="hidden" name="workspace" value="${workspaceId}">
<div class="field"><label for="name">Name</label><input id="name" name="name" required maxlength="80" placeholder="The build server"></div>
<div class="field"><label for="preset">What it may do</label><select id="preset" name="preset">${Object.entries(KEY_PRESETS).map(([id, { title }]) => html`<option value="${id}">${title}</option>`)}</select></div>
<div class="field"><label for="days">For how many days</label><input id="days" name="days" type="number" min="1" max="365" value="90" required></div>
<button type="submit">Make a key</button>
</form>
<a class="button quiet" href="/signed-in">Back</a>`,
    below: html`${others.map(({ id, name }) => html`<a href="/api-keys?workspace=${id}">Keys of ${name}</a>`)}`,
  };
}

export function newKeyPage(secret: string, workspaceId: string): Page {
  return {
    title: 'Your new key',
    lead: 'It is shown this once.',
    body: html`<pre>${secret}</pre>
<p>Keep it where your build keeps its secrets, and nowhere else.</p>
<a class="button" href="/api-keys?workspace=${workspaceId}">I have kept it</a>`,
  };
}

export function noKeysHerePage(): Page {
  return {
    title: 'API keys',
    body: html`<p>There is no such workspace, or you may not make keys there. Ask an owner or admin of it.</p>
<a class="button quiet" href="/signed-in">Back</a>`,
  };
}
