import { v7 as newId } from 'uuid';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { callNames } from '#shared/contract/contract.ts';
import { hostApi } from '#shared/contract/hostApi.ts';
import { commitOf } from '#shared/merge/ops.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { allButContainers } from '../../tests/fixtures/noContainers.ts';
import { openWindow, signInOnPages, tryWindow, type WebWindow } from '../../tests/fixtures/webWindow.ts';

let cloud: TestCloud;
let robin: Person;
let kim: Person;
let cookie: string;
const windows: WebWindow[] = [];

beforeAll(async () => {
  cloud = await startTestCloud({}, allButContainers());
  robin = await cloud.newPerson('Robin');
  kim = await cloud.newPerson('Kim');
  cookie = await signInOnPages(cloud.url, robin);
});
afterEach(() => {
  for (const window of windows.splice(0)) window.close();
});
afterAll(() => cloud.stop());

async function windowOf(ofCookie = cookie): Promise<WebWindow> {
  const window = await openWindow(cloud.url, ofCookie);
  windows.push(window);
  return window;
}

/** A project that begins as the template of two steps does. */
async function projectIn(window: WebWindow, name = 'Hello') {
  const { id: projectId } = await window.host.projects.create({ name, template: 'hello' });
  const { tree, revision } = await window.host.projects.open({ projectId });
  const [workflowId = ''] = Object.keys(tree.workflows);
  const stepIds = Object.keys(tree.workflows[workflowId]?.steps ?? {});
  return { projectId, workflowId, stepIds, tree, revision };
}

const renamed = (workflowId: string, stepId: string, name: string): Edit => {
  return { type: 'renameStep', workflowId, stepId, name };
};

/** As another device sends it. */
async function push(person: Person, projectId: string, edit: Edit): Promise<{ status: number; body: unknown }> {
  const head = await person.call<{ revision: number; tree: Tree }>('GET', `/v1/projects/${projectId}/head`);
  const about = { commitId: newId(), deviceId: newId(), baseRevision: head.body.revision, origin: 'canvas' as const };
  const commit = commitOf(head.body.tree, applyEdit(head.body.tree, edit), about);
  return person.call('POST', `/v1/projects/${projectId}/commits`, { commit });
}

test('the page is given to whoever is signed in, and everybody else is led to the sign-in and back', async () => {
  const open = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${cloud.url}${path}`, { redirect: 'manual', headers });
  const stranger = await open('/app/runs');
  expect([stranger.status, stranger.headers.get('location')]).toEqual([303, '/sign-in?next=%2Fapp%2Fruns']);
  const member = await open('/app/runs', { cookie });
  // Without a build there is no page to give, but no way to the sign-in either.
  expect([200, 503]).toContain(member.status);
  const home = await open('/');
  expect([home.status, home.headers.get('location')]).toEqual([303, '/app']);
});

test('a socket is opened for a page of ours only, and answers whoever is signed in there', async () => {
  for (const headers of [{ cookie, origin: 'https://example.com' }, { cookie }, { cookie, origin: 'null' }]) {
    const { status } = await tryWindow(cloud.url, headers as Record<string, string>);
    expect(status).toBe(403);
  }
  const stranger = await tryWindow(cloud.url, { origin: cloud.url });
  expect(await new Promise((done) => stranger.socket.on('close', done))).toBe(4401);
  const wrong = await tryWindow(cloud.url, { origin: cloud.url, cookie: 'sluice=slb_not-a-session' });
  expect(await new Promise((done) => wrong.socket.on('close', done))).toBe(4401);

  const window = await windowOf();
  expect(await window.host.account.state({})).toMatchObject({ status: 'signed_in', user: { id: robin.userId } });
});

test('the cookie of the pages opens nothing but the pages: the API takes a token', async () => {
  const body = { id: newId(), name: 'Forged' };
  const headers = { 'sluice-workspace': robin.workspaceId };
  const forged = await send(cloud.url, 'POST', '/v1/projects', body, { ...headers, cookie, origin: cloud.url });
  expect(forged.status).toBe(401);
  expect((await robin.call('POST', '/v1/projects', body)).status).toBe(200);
});

test('says what a host in the cloud cannot do, and refuses it in words', async () => {
  const window = await windowOf();
  const described = await window.host.host.describe({});
  expect(described).toMatchObject({ shell: 'web', can: { local: false, chooseFolder: false, keychain: false } });
  await expect(window.host.projects.openFolder({ dir: '/etc' })).rejects.toMatchObject({ code: 'host.not_supported' });
  await expect(window.call('projects.takeOver', {})).rejects.toMatchObject({ code: 'request.not_found' });
});

test('an edit is a commit of the workspace when it is answered, and is told to other windows', async () => {
  const [here, there] = [await windowOf(), await windowOf()];
  const { projectId, workflowId, stepIds, revision } = await projectIn(here);
  await there.host.projects.open({ projectId });
  const [stepId = ''] = stepIds;
  const answer = await here.host.documents.edit({ projectId, edits: [renamed(workflowId, stepId, 'Ring')] });
  expect(answer.revision).toBe(revision + 1);
  const head = await robin.call<{ revision: number; tree: Tree }>('GET', `/v1/projects/${projectId}/head`);
  expect(head.body.revision).toBe(answer.revision);
  expect(head.body.tree.workflows[workflowId]?.steps[stepId]?.name).toBe('Ring');
  const own = await here.heard('project.changed', (event) => event.revision === answer.revision);
  expect(own).toMatchObject({ projectId, origin: 'canvas' });
  const told = await there.heard('project.changed');
  expect(told).toMatchObject({ projectId, revision: answer.revision, origin: 'sync' });
  expect(told.ops.length).toBe(1);
});

test('what another device sends arrives in the window, in order and each once', async () => {
  const window = await windowOf();
  const { projectId, workflowId, stepIds, revision } = await projectIn(window);
  for (const name of ['One', 'Two', 'Three']) {
    expect((await push(robin, projectId, renamed(workflowId, stepIds[0] ?? '', name))).status).toBe(200);
  }
  await window.heard('project.changed', (event) => event.revision === revision + 3);
  const revisions = window.events.flatMap((event) =>
    event.type === 'project.changed' && event.projectId === projectId ? [event.revision] : [],
  );
  expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  const { tree } = await window.host.projects.open({ projectId });
  expect(tree.workflows[workflowId]?.steps[stepIds[0] ?? '']?.name).toBe('Three');
});

test('two windows that change the same field at once lose neither answer', async () => {
  const [here, there] = [await windowOf(), await windowOf()];
  const { projectId, workflowId, stepIds } = await projectIn(here);
  await there.host.projects.open({ projectId });
  const [stepId = ''] = stepIds;
  await Promise.all([
    here.host.documents.edit({ projectId, edits: [renamed(workflowId, stepId, 'Left')] }),
    there.host.documents.edit({ projectId, edits: [renamed(workflowId, stepId, 'Right')] }),
  ]);
  const [{ tree }, { tree: other }, open] = await Promise.all([
    here.host.projects.open({ projectId }),
    there.host.projects.open({ projectId }),
    here.host.conflicts.list({ projectId, status: 'all' }),
  ]);
  const name = tree.workflows[workflowId]?.steps[stepId]?.name;
  expect(other).toEqual(tree);
  // Either one saw the other's before it was sent, or both answers are in a record.
  const answers = [name, ...open.flatMap(({ theirs, ours }) => [theirs, ours])];
  if (open.length > 0) expect(answers).toEqual(expect.arrayContaining(['Left', 'Right']));
  else expect(['Left', 'Right']).toContain(name);
});

test('a connection of a project is tried by the workspace, and none that is for a computer', async () => {
  const window = await windowOf();
  const { projectId } = await projectIn(window);
  const secret = { secret: 'long enough to be one' };
  const entered = { projectId, connector: 'webhook', secret, hosts: [] };
  expect(await window.host.connections.test({ ...entered, where: 'hosted' })).toMatchObject({ ok: true });
  await expect(window.host.connections.test({ ...entered, where: 'local' })).rejects.toMatchObject({
    message: 'A page cannot try what is for a computer.',
  });
  await expect(window.host.connections.test({ ...entered, where: 'hosted', projectId: newId() })).rejects.toMatchObject(
    { code: 'project.not_found' },
  );
});

test('a project of another workspace answers as one that is not there, whatever is asked', async () => {
  const window = await windowOf();
  const theirs = await windowOf(await signInOnPages(cloud.url, kim));
  const { projectId } = await projectIn(theirs, 'Private');
  const missing = newId();
  const own = (await projectIn(window)).projectId;
  const asked = (id: string) => [
    window.host.projects.open({ projectId: id }),
    window.host.documents.text({ projectId: id, workflowId: id }),
    window.host.publish.versions({ projectId: id }),
    window.host.publish.preview({ projectId: id, environment: 'production' }),
    window.host.hosted.runs({ projectId: id }),
    window.host.conflicts.list({ projectId: id }),
    window.host.history.list({ projectId: id }),
    window.cloud(robin.workspaceId).projects.head({ projectId: id }),
  ];
  const refusals = async (id: string) =>
    (await Promise.allSettled(asked(id))).map((one) =>
      one.status === 'rejected' ? { code: one.reason.code, message: one.reason.message } : one.status,
    );
  const foreign = await refusals(projectId);
  expect(foreign).toEqual(await refusals(missing));
  expect(foreign.every((one) => typeof one === 'object' && one.code === 'project.not_found')).toBe(true);
  const answered = (await Promise.allSettled(asked(own))).filter((one) => one.status === 'fulfilled').length;
  // All but the text of a workflow that has the project's own id.
  expect(answered).toBe(foreign.length - 1);

  const inTheirs = window.cloud(kim.workspaceId).projects.list({});
  await expect(inTheirs).rejects.toMatchObject({ code: 'workspace.not_found' });
  await expect(window.cloud(missing).projects.list({})).rejects.toMatchObject({ code: 'workspace.not_found' });
  expect((await theirs.cloud(kim.workspaceId).projects.list({})).data.map(({ id }) => id)).toContain(projectId);
});

test('calls that need no session, or a credential of their own, are not to be had through the page', async () => {
  const window = await windowOf();
  const { auth } = window.cloud();
  const { email, password } = robin;
  await expect(auth.signIn({ email, password })).rejects.toMatchObject({ code: 'request.not_found' });
  await expect(auth.forgotPassword({ email })).rejects.toMatchObject({ code: 'request.not_found' });
  for (const name of ['toString', '__proto__.x', 'projects.constructor']) {
    await expect(window.call(name, {})).rejects.toMatchObject({ code: 'request.not_found' });
  }
  expect(await auth.whoami({})).toMatchObject({ user: { id: robin.userId } });
});

test('a window is closed within seconds when its session ends', async () => {
  const its = await signInOnPages(cloud.url, robin);
  const [window, other] = [await windowOf(its), await windowOf()];
  await window.host.account.signOut({});
  expect(await window.closed).toBe(4401);
  expect(await other.host.account.state({})).toMatchObject({ status: 'signed_in' });
});

test('two windows in one project see each other, and see each other go', async () => {
  const [here, there] = [await windowOf(), await windowOf()];
  const { projectId, workflowId, stepIds } = await projectIn(here);
  await here.host.projects.open({ projectId });
  await there.host.projects.open({ projectId });
  await there.host.presence.tell({ projectId, workflowId, selection: stepIds.slice(0, 1) });
  const came = await here.heard('presence.changed', ({ people }) => people.length === 1);
  expect(came.people[0]).toMatchObject({ name: 'Robin', workflowId, selection: stepIds.slice(0, 1) });
  const told = here.events.length;
  there.close();
  const gone = await here.heard('presence.changed', (event) => here.events.indexOf(event) >= told);
  expect(gone).toMatchObject({ projectId, people: [] });
});

test('whoever is a member no more loses the project in an open window, with all news of it', async () => {
  const [mine, theirs] = [await windowOf(), await windowOf(await signInOnPages(cloud.url, kim))];
  const { projectId, workflowId, stepIds } = await projectIn(mine, 'Shared');
  const id = newId();
  await cloud.database.ownerSql(
    `insert into membership (workspace_id, id, user_id, role) values ($1, $2, $3, 'viewer')`,
    [robin.workspaceId, id, kim.userId],
  );
  await expect.poll(() => theirs.host.projects.open({ projectId }).then(Boolean, () => false), WAIT).toBe(true);
  expect((await theirs.host.projects.open({ projectId })).info.readOnly).toBe(true);
  expect((await mine.host.projects.open({ projectId })).info.readOnly).toBe(false);
  const edits = [renamed(workflowId, stepIds[0] ?? '', 'By a viewer')];
  await expect(theirs.host.documents.edit({ projectId, edits })).rejects.toMatchObject({ code: 'access.denied' });
  await mine.host.documents.edit({ projectId, edits: [renamed(workflowId, stepIds[0] ?? '', 'Seen')] });
  await theirs.heard('project.changed', (event) => event.projectId === projectId);

  await cloud.database.ownerSql('update membership set deleted_at = now() where id = $1', [id]);
  const refused = () => theirs.host.projects.open({ projectId }).then(String, (error: { code: string }) => error.code);
  await expect.poll(refused, WAIT).toBe('workspace.not_found');
  const told = theirs.events.length;
  await mine.host.documents.edit({ projectId, edits: [renamed(workflowId, stepIds[0] ?? '', 'Not seen')] });
  await mine.host.presence.tell({ projectId, selection: [] });
  await theirs.host.account.state({});
  expect(theirs.events.length).toBe(told);
});

const WAIT = { timeout: 60_000 };

test('of 200 pages of strangers none gets a socket, and the page of ours does', async () => {
  const { host, hostname, port } = new URL(cloud.url);
  const hostile = [
    'null',
    'https://example.com',
    `https://${host}`,
    `http://${hostname}`,
    `http://${hostname}:${Number(port) + 1}`,
    `http://localhost:${port}`,
    `http://${host}.example.com`,
    `http://example.com/${cloud.url}`,
    `http://x@${host}`,
    `${cloud.url}/`,
    cloud.url.toUpperCase(),
    'file://',
    '',
  ];
  const origins = Array.from({ length: 200 }, (_, i) => hostile[i] ?? `http://rebound-${i}.example.com:${port}`);
  const refused: number[] = [];
  for (const origin of origins) refused.push((await tryWindow(cloud.url, { cookie, origin })).status);
  expect(refused.filter((status) => status !== 403)).toEqual([]);
  const window = await windowOf();
  expect(await window.host.host.describe({})).toMatchObject({ shell: 'web' });
});

test('whatever is sent in place of an input, every call refuses it in words and the window goes on', async () => {
  const window = await windowOf();
  const { projectId } = await projectIn(window);
  const before = await window.host.projects.open({ projectId });
  const deep = JSON.parse(`${'[1,'.repeat(90)}1${']'.repeat(90)}`);
  const junk = [
    null,
    7,
    'text',
    [],
    { projectId: '../..', __proto__: null },
    { projectId, ops: deep, edits: deep },
    deep,
  ];
  const answers: string[] = [];
  for (const name of callNames(hostApi)) {
    for (const input of junk) {
      const answer = await window.call(name, input).then(
        () => 'answered',
        (error: { code: string }) => error.code,
      );
      answers.push(answer);
    }
  }
  expect(answers.length).toBeGreaterThan(400);
  expect(answers.filter((code) => code !== 'request.invalid')).toEqual([]);
  const after = await window.host.projects.open({ projectId });
  expect({ ...after, info: before.info }).toEqual(before);
});

test('text that nothing can store is refused in words here too, and other strange text is kept as it is', async () => {
  const window = await windowOf();
  const { projectId } = await projectIn(window);
  const rename = (name: string) =>
    window.host.documents.edit({ projectId, edits: [{ type: 'renameProject', name }] }).then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
  const found = (name: string) => window.cloud().workspaces.create({ name });
  for (const name of ['nul \0', 'half \ud800']) {
    await expect(found(name)).rejects.toMatchObject({ code: 'request.invalid', advice: expect.any(String) });
    expect(['request.invalid', 'edit.invalid']).toContain(await rename(name));
  }
  const strange = '\u202e💥 <img src=x onerror=alert(1)> {{1}}';
  expect((await found(strange)).name).toBe(strange);
  expect(await rename(strange)).toBe('done');
  expect((await window.host.projects.open({ projectId })).tree.project.name).toBe(strange);
});

test('a frame that is none ends the window, and nothing else', async () => {
  const other = await windowOf();
  for (const text of ['', '{', '{"id":1}', '{"id":"1","name":"host.describe","input":{}}', `${'['.repeat(300)}`]) {
    const { socket } = await tryWindow(cloud.url, { origin: cloud.url, cookie });
    const closed = new Promise((done) => socket.on('close', done));
    socket.send(text);
    expect(await closed).toBe(1007);
  }
  expect(await other.host.host.describe({})).toMatchObject({ shell: 'web' });
});

test('the sign-in leads back to the place in the editor that was asked for, and to no other address', async () => {
  const after = async (next: string) => {
    const body = new URLSearchParams({ email: robin.email, password: robin.password, next });
    const headers = { origin: cloud.url };
    return (await fetch(`${cloud.url}/sign-in`, { method: 'POST', redirect: 'manual', headers, body })).headers.get(
      'location',
    );
  };
  const project = `/app/p/${newId()}`;
  expect([await after('/app'), await after('/app/runs'), await after(project)]).toEqual(['/app', '/app/runs', project]);
  for (const next of [
    '/app//example.com',
    '/application',
    '/app/%2e%2e//example.com',
    '/app\\example.com',
    '//app/runs',
  ]) {
    expect([next, await after(next)]).toEqual([next, '/signed-in']);
  }
  const forged = await fetch(`${cloud.url}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: 'https://example.com' },
    body: new URLSearchParams({ email: robin.email, password: robin.password, next: '/app' }),
  });
  expect([forged.status, forged.headers.getSetCookie()]).toEqual([403, []]);
});
