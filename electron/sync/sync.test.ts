import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { boundProject, cloudServer, desktop, elsewhere, until, variable } from '../../tests/fixtures/syncDesktop.ts';

test('binding sends the project; each edit follows by itself in one request, and both sides have one hash', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  expect(head().hash).toBe(merkleHash(await one.tree(id)));
  await until(() => expect(cloud.watching()).toBe(1));
  await one.client.sync.now({ projectId: id });
  const before = cloud.requests.length;
  await one.edit(id, variable('word', 'Moin'));
  await until(() => expect(head().tree.environments.local?.vars.word).toBe('Moin'));
  await one.reaches(id, 'synced');
  expect(cloud.requests.slice(before).filter((line) => line.startsWith('POST'))).toHaveLength(1);
  const told = one.events.flatMap((event) => (event.type === 'project.sync' ? event.sync.state : []));
  expect(told).toContain('ahead');
});

test('what others commit arrives through the feed, in the tree and in the files', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir } = await boundProject(cloud, one);
  await until(() => expect(cloud.watching()).toBe(1));
  elsewhere(cloud, id, variable('word', 'Salut'));
  await until(async () => expect((await one.tree(id)).environments.local?.vars.word).toBe('Salut'), {
    timeout: 60_000,
  });
  await until(() => expect(readFileSync(join(dir, 'environments', 'local.yaml'), 'utf8')).toContain('Salut'), {
    timeout: 60_000,
  });
  expect(one.events.some((event) => event.type === 'project.changed' && event.origin === 'sync')).toBe(true);
  await one.reaches(id, 'synced');
});

test('a push that was taken while its answer was lost is one revision', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  const { revision } = head();
  cloud.mood.dropNextAnswer = true;
  await one.edit(id, variable('word', 'Moin'));
  await one.reaches(id, 'synced');
  expect(head().revision).toBe(revision + 1);
  expect(head().hash).toBe(merkleHash(await one.tree(id)));
});

test('a push whose sender died after it was taken goes again with the same id after the restart', async () => {
  const cloud = await cloudServer();
  const first = await desktop(cloud);
  const { id, head } = await boundProject(cloud, first);
  const { revision } = head();
  cloud.mood.dropNextAnswer = true;
  let pushed = 0;
  // What is retried before the restart never gets through.
  cloud.mood.beforePush = async () => {
    if (pushed++ > 0) throw new SluiceError('service.unavailable', 'Not now.');
  };
  await first.edit(id, variable('word', 'Moin'));
  await until(() => expect(pushed).toBeGreaterThan(0));
  await first.close();
  cloud.mood.beforePush = undefined;
  const again = await desktop(cloud, first);
  await again.client.projects.open({ projectId: id });
  await again.reaches(id, 'synced');
  expect(head().revision).toBe(revision + 1);
  expect(head().taken.filter(({ commit }) => commit.ops.some(({ path }) => path.includes('word')))).toHaveLength(1);
});

test('edits made while the server was away are saved, marked, and sent when it is back; those that cancel out are not', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, one);
  const { revision } = head();
  await cloud.stop();
  for (const value of ['a', 'b', 'c']) await one.edit(id, variable('word', value));
  await one.edit(id, variable('other', 'x'));
  await one.edit(id, { type: 'setVariable', environment: 'local', name: 'other' });
  await one.reaches(id, 'ahead');
  await until(async () => expect(await one.client.account.state({})).toMatchObject({ status: 'unreachable' }));
  await until(() => expect(readFileSync(join(dir, 'environments', 'local.yaml'), 'utf8')).toContain('word: c'));
  // The history here keeps each of them.
  const { data } = await one.client.history.list({ projectId: id, limit: 5 });
  expect(data.map(({ where, origin }) => [where, origin])).toEqual(Array(5).fill(['local', 'canvas']));
  await cloud.start();
  await one.reaches(id, 'synced');
  expect(head().tree.environments.local?.vars.word).toBe('c');
  expect(head().revision).toBe(revision + 1);
  expect(
    head()
      .taken.at(-1)
      ?.commit.ops.map(({ path }) => path.at(-1)),
  ).not.toContain('other');
});

test('offline edits here and elsewhere in different places are both there afterwards', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  await cloud.stop();
  await one.edit(id, variable('mine', '1'));
  elsewhere(cloud, id, variable('theirs', '2'));
  await cloud.start();
  await one.reaches(id, 'synced');
  expect(head().tree.environments.local?.vars).toMatchObject({ mine: '1', theirs: '2' });
  expect(merkleHash(await one.tree(id))).toBe(head().hash);
});

test('where both changed the same, the cloud’s value stands, and a record with both answers goes with the push', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  const [workflowId = ''] = Object.keys(head().tree.workflows);
  await cloud.stop();
  const rename = (name: string): Edit => ({ type: 'renameStep', workflowId, stepId: 'greet_c4r7', name });
  const before = head().tree.workflows[workflowId]?.steps.greet_c4r7?.name;
  await one.edit(id, rename('Mine'), variable('mine', '1'));
  elsewhere(cloud, id, rename('Theirs'));
  await cloud.start();
  await one.reaches(id, 'conflict');
  const nameOf = (tree: Tree) => tree.workflows[workflowId]?.steps.greet_c4r7?.name;
  expect(nameOf(await one.tree(id))).toBe('Theirs');
  await until(() => expect(head().conflicts).toHaveLength(1));
  expect(head().tree.environments.local?.vars.mine).toBe('1');
  const path = ['workflows', workflowId, 'steps', 'greet_c4r7', 'name'];
  const answers = { base: before, theirs: 'Theirs', ours: 'Mine', chosen: 'theirs' };
  expect(head().conflicts).toMatchObject([{ path, kind: 'value', ...answers, who: { theirs: 'Sam', ours: 'Robin' } }]);
  await until(async () => expect(await one.stateOf(id)).toMatchObject({ state: 'conflict', conflicts: 1, pending: 0 }));
  const [entry] = await one.client.conflicts.list({ projectId: id });
  expect(entry).toMatchObject({ ...answers, where: 'cloud', status: 'open' });

  const conflictId = entry?.id ?? '';
  const { conflict } = await one.client.conflicts.resolve({ projectId: id, conflictId, choice: 'ours' });
  expect(conflict).toMatchObject({ status: 'resolved', resolution: 'ours', resolvedBy: 'Robin' });
  expect([nameOf(head().tree), nameOf(await one.tree(id))]).toEqual(['Mine', 'Mine']);
  await one.reaches(id, 'synced');
  expect(await one.client.conflicts.list({ projectId: id })).toEqual([]);
  const opened = one.events.flatMap((event) => (event.type === 'conflicts.changed' ? event.open : []));
  expect(opened).toEqual(expect.arrayContaining([1, 0]));
  await expect(one.client.conflicts.resolve({ projectId: id, conflictId, choice: 'ours' })).rejects.toMatchObject({
    code: 'conflict.resolved',
  });
});

test('an answer that is given while nobody can be told is told when somebody can', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  await cloud.stop();
  await one.edit(id, variable('word', 'mine'));
  elsewhere(cloud, id, variable('word', 'theirs'));
  await cloud.start();
  await until(() => expect(head().conflicts).toHaveLength(1));
  await until(async () =>
    expect(await one.client.conflicts.list({ projectId: id })).toMatchObject([{ where: 'cloud' }]),
  );
  await cloud.stop();
  const [entry] = await one.client.conflicts.list({ projectId: id });
  await one.client.conflicts.resolve({ projectId: id, conflictId: entry?.id ?? '', choice: 'ours' });
  expect((await one.tree(id)).environments.local?.vars.word).toBe('mine');
  expect(await one.client.conflicts.list({ projectId: id })).toEqual([]);
  expect(head().conflicts).toMatchObject([{ status: 'open' }]);
  await cloud.start();
  await one.reaches(id, 'synced');
  expect(head().conflicts).toMatchObject([{ status: 'resolved', resolution: 'ours' }]);
  expect(head().tree.environments.local?.vars.word).toBe('mine');
});

test('a viewer’s edits stay here, with the reason, and others’ still arrive', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  const { revision } = head();
  cloud.mood.refuse = new SluiceError('access.denied', 'You may not change some of this.', { advice: 'Ask an owner.' });
  await one.edit(id, variable('word', 'Moin'));
  await one.reaches(id, 'cannot_sync');
  expect(await one.stateOf(id)).toMatchObject({ reason: 'You may not change some of this. Ask an owner.', pending: 1 });
  elsewhere(cloud, id, variable('theirs', '2'));
  await until(
    async () => expect((await one.tree(id)).environments.local?.vars).toMatchObject({ theirs: '2', word: 'Moin' }),
    { timeout: 60_000 },
  );
  expect(head().revision).toBe(revision + 1);
  // An editor again: everything goes.
  cloud.mood.refuse = undefined;
  expect(await one.client.sync.now({ projectId: id })).toMatchObject({ state: 'synced' });
  expect(head().tree.environments.local?.vars).toMatchObject({ theirs: '2', word: 'Moin' });
});

test('where the cloud keeps a newer format, nothing is sent, what others do arrives, and the next version sends all', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  await until(() => expect(cloud.watching()).toBe(1));
  await one.client.sync.now({ projectId: id });
  const { revision } = head();
  cloud.tell({ type: 'upgrade_required', format: 99 });
  await one.reaches(id, 'cannot_sync');
  await one.edit(id, variable('word', 'Moin'));
  elsewhere(cloud, id, variable('theirs', '2'));
  await until(
    async () => expect((await one.tree(id)).environments.local?.vars).toMatchObject({ theirs: '2', word: 'Moin' }),
    { timeout: 60_000 },
  );
  expect(await one.stateOf(id)).toMatchObject({
    state: 'cannot_sync',
    refused: { code: 'client.upgrade_required', next: expect.stringContaining('Update Sluice') },
  });
  expect(head().revision).toBe(revision + 1);
  await one.close();
  const updated = await desktop(cloud, one);
  await updated.client.projects.open({ projectId: id });
  await updated.reaches(id, 'synced');
  expect(head().tree.environments.local?.vars).toMatchObject({ theirs: '2', word: 'Moin' });
});

test('where the plan has no room for some of it, everything else is sent, and the rest when there is room', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  const [workflowId = ''] = Object.keys(head().tree.workflows);
  const scripts = { full: true };
  // With the feed up nothing but edits makes it sync.
  await until(() => expect(cloud.watching()).toBe(1));
  await one.client.sync.now({ projectId: id });
  cloud.mood.beforePush = async ({ ops }) => {
    const paths = ops.map(({ path }) => path).filter(([kind]) => kind === 'scripts' || kind === 'machines');
    if (scripts.full && paths.length > 0) {
      throw new SluiceError('plan.limit_exceeded', 'There is no room for a script.', {
        details: { limit: 1, have: 1, paths },
      });
    }
  };
  await one.edit(
    id,
    { type: 'setScript', path: 'big.ts', text: 'export default 1;\n' },
    { type: 'renameStep', workflowId, stepId: 'greet_c4r7', name: 'Hi' },
  );
  await one.reaches(id, 'cannot_sync');
  await until(() => expect(head().tree.workflows[workflowId]?.steps.greet_c4r7?.name).toBe('Hi'));
  expect(head().tree.scripts).toEqual({});
  const refused = {
    code: 'plan.limit_exceeded',
    paths: [['scripts', 'big.ts']],
    next: expect.stringContaining('stay'),
  };
  await until(async () => expect(await one.stateOf(id)).toMatchObject({ refused }));
  // Later edits are sent, and what has no room is not asked for again.
  const asked = cloud.requests.length;
  await one.edit(id, variable('later', 'x'));
  await until(() => expect(head().tree.environments.local?.vars.later).toBe('x'));
  expect(cloud.requests.slice(asked).filter((line) => line.startsWith('POST'))).toHaveLength(1);
  expect((await one.tree(id)).scripts['big.ts']).toBe('export default 1;\n');

  scripts.full = false;
  expect(await one.client.sync.now({ projectId: id })).toMatchObject({ state: 'synced', pending: 0 });
  expect(head().tree.scripts['big.ts']).toBe('export default 1;\n');
  expect(await one.stateOf(id)).not.toHaveProperty('refused');
});

test('a branch that Git switched to is sent when somebody says so, and not before', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, one);
  const file = join(dir, 'environments', 'local.yaml');
  const git = (branch: string, text: string) => {
    mkdirSync(join(dir, '.git'), { recursive: true });
    writeFileSync(join(dir, '.git', 'HEAD'), `ref: refs/heads/${branch}\n`);
    writeFileSync(file, text);
  };
  await one.client.projects.close({ projectId: id });
  git('main', readFileSync(file, 'utf8'));
  await one.client.projects.open({ projectId: id });
  await one.reaches(id, 'synced');
  const { revision } = head();
  git('old', readFileSync(file, 'utf8').replace('vars:', 'vars:\n  old: yes'));
  await one.reaches(id, 'cannot_sync');
  expect((await one.client.projects.open({ projectId: id })).deletion).toMatchObject({
    branch: { from: 'main', to: 'old' },
  });
  await one.client.sync.now({ projectId: id });
  expect(head().revision).toBe(revision);
  await one.client.files.confirmDeletion({ projectId: id });
  await one.reaches(id, 'synced');
  expect(head().tree.environments.local?.vars).toHaveProperty('old');
});

test('with a sign-in that has ended every project opens, is edited and saved; a new sign-in sends it all', async () => {
  const cloud = await cloudServer();
  const first = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, first);
  const other = await boundProject(cloud, first);
  await first.close();
  cloud.mood.sessionEnded = true;
  const again = await desktop(cloud, { ...first, signIn: false });
  await until(async () =>
    expect(await again.client.account.state({})).toMatchObject({ status: 'expired', user: { name: 'Robin' } }),
  );
  await again.client.projects.open({ projectId: id });
  await again.edit(id, variable('word', 'offline'));
  await again.reaches(id, 'needs_sign_in');
  expect(await again.stateOf(id)).toMatchObject({ pending: 1 });
  await until(() => expect(readFileSync(join(dir, 'environments', 'local.yaml'), 'utf8')).toContain('offline'));
  await again.edit(other.id, variable('word', 'offline too'));
  await again.reaches(other.id, 'needs_sign_in');
  const runs = async () => {
    const [workflowId = ''] = Object.keys((await again.tree(id)).workflows);
    const { runId } = await again.client.runs.start({ projectId: id, workflowId });
    await until(async () =>
      expect((await again.client.runs.get({ runId })).run).toMatchObject({ status: 'succeeded' }),
    );
  };
  await runs();
  await expect(again.client.sync.now({ projectId: id })).rejects.toMatchObject({ code: 'session.expired' });

  const listed = async () => (await again.client.projects.list({})).map((project) => project.id);
  const before = await listed();
  await again.client.account.signOut({});
  expect(await listed()).toEqual(before);
  expect((await again.tree(id)).environments.local?.vars.word).toBe('offline');
  await again.edit(id, variable('later', 'signed out'));
  await runs();
  expect(existsSync(dir)).toBe(true);
  await again.close();
  cloud.mood.sessionEnded = false;
  const back = await desktop(cloud, first);
  await back.client.projects.open({ projectId: id });
  await back.client.projects.open({ projectId: other.id });
  for (const projectId of [id, other.id]) await back.reaches(projectId, 'synced');
  expect(head().tree.environments.local?.vars).toMatchObject({ word: 'offline', later: 'signed out' });
  expect(other.head().tree.environments.local?.vars.word).toBe('offline too');
});

test('a computer that starts while nobody answers opens, edits and runs all it has, and sends it later', async () => {
  const cloud = await cloudServer();
  const first = await desktop(cloud);
  const { id, head } = await boundProject(cloud, first);
  await first.close();
  await cloud.stop();
  const away = await desktop(cloud, { ...first, signIn: false });
  const { tree, info } = await away.client.projects.open({ projectId: id });
  expect(info.sync).toMatchObject({ workspaceId: cloud.workspaceId });
  await away.edit(id, variable('word', 'alone'));
  const [workflowId = ''] = Object.keys(tree.workflows);
  const { runId } = await away.client.runs.start({ projectId: id, workflowId });
  await until(async () => expect((await away.client.runs.get({ runId })).run).toMatchObject({ status: 'succeeded' }), {
    timeout: 60_000,
  });
  expect(head().tree.environments.local?.vars.word).not.toBe('alone');
  await cloud.start();
  await away.reaches(id, 'synced');
  expect(head().tree.environments.local?.vars.word).toBe('alone');
});

test('two checkouts of one project that meet in the cloud keep the edits of both', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, one);
  const two = await desktop(cloud);
  const copy = join(two.dataDir, 'copy');
  await one.client.projects.close({ projectId: id });
  cpSync(dir, copy, { recursive: true });
  rmSync(join(copy, '.sluice'), { recursive: true });
  await one.client.projects.open({ projectId: id });
  await one.edit(id, variable('one', '1'));
  await one.reaches(id, 'synced');

  await two.client.projects.openFolder({ dir: copy });
  await two.client.projects.open({ projectId: id });
  await two.edit(id, variable('two', '2'));
  await two.client.sync.bind({ projectId: id, workspaceId: cloud.workspaceId });
  await two.reaches(id, 'synced');
  await until(async () => expect((await one.tree(id)).environments.local?.vars).toMatchObject({ one: '1', two: '2' }), {
    timeout: 60_000,
  });
  expect(merkleHash(await two.tree(id))).toBe(head().hash);
});

test('a project of the workspace is brought to a computer that has nothing of it, once', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  const two = await desktop(cloud);
  const { workspaceId } = cloud;
  const listed = async () => (await two.client.sync.remote({ workspaceId })).data;
  expect(await listed()).toMatchObject([{ id, name: 'Triage' }]);
  const { revision } = head();
  const info = await two.client.sync.clone({ workspaceId, projectId: id });
  expect(info).toMatchObject({ id, trusted: false, sync: { state: 'synced', workspaceId } });
  expect(await listed()).toMatchObject([{ id, dir: info.dir }]);
  expect([merkleHash(await two.tree(id)), head().revision]).toEqual([head().hash, revision]);
  await two.edit(id, variable('from', 'two'));
  await until(async () => expect((await one.tree(id)).environments.local?.vars.from).toBe('two'), {
    timeout: 60_000,
  });
  await expect(two.client.sync.clone({ workspaceId, projectId: id })).rejects.toMatchObject({
    code: 'project.exists',
    details: { dir: info.dir },
  });
  const three = await desktop(cloud);
  await expect(three.client.sync.clone({ workspaceId, projectId: id, dir: three.dataDir })).rejects.toMatchObject({
    code: 'file.exists',
  });
});

test('a pin whose data are on another computer is not taken for deleted here, also after a restart', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, one);
  const [workflowId = ''] = Object.keys(head().tree.workflows);
  const two = await desktop(cloud);
  const copy = join(two.dataDir, 'copy');
  cpSync(dir, copy, { recursive: true, filter: (path) => !path.includes('.sluice') });
  await two.client.projects.openFolder({ dir: copy });
  await two.client.projects.open({ projectId: id });
  await two.client.sync.bind({ projectId: id, workspaceId: cloud.workspaceId });
  const items = [{ json: { n: 1 } }];
  await one.client.documents.setPin({ projectId: id, workflowId, stepId: 'greet_c4r7', items });
  const pinned = (tree: Tree) => tree.pins[workflowId]?.greet_c4r7;
  await until(async () => expect(pinned(await two.tree(id))).toBeDefined());
  await two.reaches(id, 'synced');
  await two.client.projects.close({ projectId: id });
  await two.client.projects.open({ projectId: id });
  await two.edit(id, variable('later', 'x'));
  await two.reaches(id, 'synced');
  expect(head().tree.environments.local?.vars.later).toBe('x');
  expect([pinned(head().tree), pinned(await two.tree(id))]).toEqual([
    pinned(await one.tree(id)),
    pinned(await one.tree(id)),
  ]);
  expect(pinned(head().tree)).toBeDefined();
  // Taken away there on purpose, it goes for all.
  await two.client.documents.setPin({ projectId: id, workflowId, stepId: 'greet_c4r7' });
  await until(async () => expect(pinned(await one.tree(id))).toBeUndefined());
});

test('a base that does not give the server’s hash is fetched anew, and nothing of ours is lost', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, head } = await boundProject(cloud, one);
  await cloud.stop();
  await one.edit(id, variable('mine', '1'));
  elsewhere(cloud, id, variable('theirs', '2'));
  // The server has pruned its log.
  head().taken.length = 0;
  await cloud.start();
  await one.reaches(id, 'synced');
  expect(head().tree.environments.local?.vars).toMatchObject({ mine: '1', theirs: '2' });
  expect(cloud.requests).toContain('GET /v1/projects/:projectId/head');
});

test('a closed project is listed as it stood, and two desktops that both write end at one hash', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, one);
  const two = await desktop(cloud);
  const copy = join(two.dataDir, 'copy');
  cpSync(dir, copy, { recursive: true, filter: (path) => !path.includes('.sluice') });
  await two.client.projects.openFolder({ dir: copy });
  await two.client.projects.open({ projectId: id });
  await two.client.sync.bind({ projectId: id, workspaceId: cloud.workspaceId });
  for (let n = 0; n < 15; n++) {
    await Promise.all([one.edit(id, variable(`one${n}`, '1')), two.edit(id, variable(`two${n}`, '2'))]);
    await new Promise((done) => setTimeout(done, 15));
  }
  await until(
    async () => {
      expect(
        Object.keys(head().tree.environments.local?.vars ?? {}).filter((name) => /^(one|two)\d/.test(name)),
      ).toHaveLength(30);
      expect(merkleHash(await one.tree(id))).toBe(head().hash);
      expect(merkleHash(await two.tree(id))).toBe(head().hash);
    },
    { timeout: 60_000, interval: 50 },
  );
  await one.reaches(id, 'synced');
  await one.client.projects.close({ projectId: id });
  expect(await one.stateOf(id)).toMatchObject({ state: 'synced' });
});
