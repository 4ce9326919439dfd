import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { boundProject, cloudServer, desktop, elsewhere, until, variable } from '../../tests/fixtures/syncDesktop.ts';

const FILE = 'workflows/hello.yaml';

test.each([
  ['access.denied', 403],
  ['project.not_found', 404],
  ['plan.limit_exceeded', 402],
  ['client.upgrade_required', 426],
  ['project.locked', 423],
  ['project.invalid', 422],
] as const)('where a push is answered %s (%i), the work stays here, is seen, and is sent once it may be', async (code, status) => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, one);
  const { hash } = head();
  cloud.mood.refuse = new SluiceError(code, 'Refused for a reason.', { advice: 'Do this.' });
  expect(cloud.mood.refuse.status).toBe(status);
  await one.edit(id, variable('word', 'Moin'));
  await one.reaches(id, 'cannot_sync');
  const seen = {
    reason: 'Refused for a reason. Do this.',
    pending: 1,
    refused: { code, next: expect.stringMatching(/\S/) },
  };
  expect(await one.stateOf(id)).toMatchObject(seen);
  await until(() =>
    expect(one.events.findLast((event) => event.type === 'project.sync')).toMatchObject({ projectId: id, sync: seen }),
  );
  expect((await one.tree(id)).environments.local?.vars.word).toBe('Moin');
  await until(() => expect(readFileSync(join(dir, 'environments/local.yaml'), 'utf8')).toContain('word: Moin'));
  expect(head().hash).toBe(hash);

  // Nothing of it depends on the program staying open.
  await one.close();
  const again = await desktop(cloud, one);
  await again.client.projects.open({ projectId: id });
  expect((await again.tree(id)).environments.local?.vars.word).toBe('Moin');
  await again.reaches(id, 'cannot_sync');
  expect(await again.stateOf(id)).toMatchObject({ pending: 1, refused: { code } });
  cloud.mood.refuse = undefined;
  expect(await again.client.sync.now({ projectId: id })).toMatchObject({ state: 'synced', pending: 0 });
  expect(head().tree.environments.local?.vars.word).toBe('Moin');
});

test('where the project was taken out of the workspace, it stays here whole, is edited, and says what to do', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir } = await boundProject(cloud, one);
  const kept = cloud.projects.get(id);
  if (!kept) throw new Error('It was not there.');
  cloud.projects.delete(id);
  await one.edit(id, variable('word', 'Moin'));
  await one.reaches(id, 'cannot_sync');
  expect(await one.stateOf(id)).toMatchObject({
    refused: { code: 'project.not_found', next: expect.stringContaining('Save it as a new project') },
  });
  expect((await one.client.projects.list({})).map((project) => project.id)).toContain(id);
  expect((await one.tree(id)).environments.local?.vars.word).toBe('Moin');
  expect(existsSync(join(dir, FILE))).toBe(true);
  // Put back, as from the bin: nothing was forgotten.
  cloud.projects.set(id, kept);
  expect(await one.client.sync.now({ projectId: id })).toMatchObject({ state: 'synced' });
  expect(kept.tree.environments.local?.vars.word).toBe('Moin');
});

/** Something that happened to the files outside, which must not be taken for what somebody wanted. */
test.each([
  ['broken YAML', (text: string) => text.replace('name: Hello', 'name: Hello\nname: Hello'), 'syntax', 3],
  ['merge markers', (text: string) => `<<<<<<< a\n${text}=======\n${text}>>>>>>> b\n`, 'markers', 1],
  ['half a file', (text: string) => text.slice(0, text.indexOf('uses: code.javascript') + 7), 'syntax', undefined],
  ['a file that is gone', () => undefined, 'gone', 1],
] as const)('%s: nothing is overwritten, nothing is sent as a deletion, and the line is told', async (_what, damage, why, line) => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, one);
  const file = join(dir, FILE);
  const good = readFileSync(file, 'utf8');
  const workflows = merkleHash(head().tree.workflows);
  const damaged = damage(good);
  if (damaged === undefined) rmSync(file);
  else writeFileSync(file, damaged);
  const told = () =>
    one.events
      .flatMap((event) => (event.type === 'project.changed' ? event.unreadable : []))
      .filter((at) => at.file === FILE);
  await until(() => expect(told().at(-1)).toMatchObject({ why, ...(line === undefined ? {} : { line }) }));
  expect(told().at(-1)?.line).toBeGreaterThan(0);

  // Both sides go on, and all else is sent and fetched.
  await one.edit(id, variable('mine', '1'));
  elsewhere(cloud, id, variable('theirs', '2'));
  await until(() => expect(head().tree.environments.local?.vars).toMatchObject({ mine: '1', theirs: '2' }));
  await one.client.sync.now({ projectId: id });
  await until(() => expect(readFileSync(join(dir, 'environments/local.yaml'), 'utf8')).toContain('theirs:'));
  expect(merkleHash(head().tree.workflows)).toBe(workflows);
  expect(existsSync(file) ? readFileSync(file, 'utf8') : undefined).toBe(damaged);
  expect((await one.client.projects.open({ projectId: id })).unreadable).toMatchObject([{ file: FILE, why }]);

  if (damaged === undefined) {
    // With a word it is a deletion, and is sent.
    await one.client.files.confirmDeletion({ projectId: id });
    await until(() => expect(Object.keys(head().tree.workflows)).toEqual([]));
  } else {
    writeFileSync(file, good);
    await until(async () => expect((await one.client.projects.open({ projectId: id })).unreadable).toEqual([]));
    expect(merkleHash(head().tree.workflows)).toBe(workflows);
  }
});

test('a branch without a workflow that Git checks out deletes nothing anywhere before somebody says so', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, one);
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', ...args], {
      cwd: dir,
      env,
      stdio: 'pipe',
    });
  await one.client.projects.close({ projectId: id });
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-q', '-m', 'All');
  git('checkout', '-q', '-b', 'bare');
  git('rm', '-q', FILE, 'tests/greets.yaml');
  git('commit', '-q', '-m', 'Without it');
  git('checkout', '-q', 'main');
  await one.client.projects.open({ projectId: id });
  await one.reaches(id, 'synced');
  const { hash, revision } = head();

  git('checkout', '-q', 'bare');
  const pending = async () => (await one.client.projects.open({ projectId: id })).deletion;
  await until(async () => expect((await pending())?.files.map(({ file }) => file)).toContain(FILE));
  await one.client.sync.now({ projectId: id });
  expect([head().hash, head().revision]).toEqual([hash, revision]);
  expect(existsSync(join(dir, FILE))).toBe(false);
  expect(Object.keys((await one.tree(id)).workflows)).toHaveLength(1);

  git('checkout', '-q', 'main');
  await until(async () => expect(await pending()).toBeUndefined());
  await one.client.sync.now({ projectId: id });
  expect(head().hash).toBe(hash);
});

test('what sync keeps of a project and cannot be read keeps nobody from the project; put into the workspace again, both meet', async () => {
  const cloud = await cloudServer();
  const first = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, first);
  await first.close();
  const db = new DatabaseSync(join(dir, '.sluice', 'state.db'));
  const damage = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  for (const key of ['base', 'tree', 'outgoing', 'refusal', 'answers']) damage.run(`sync.${key}`, '{"half":');
  db.close();
  const again = await desktop(cloud, first);
  await again.edit(id, variable('word', 'Moin'));
  expect(await again.stateOf(id)).toMatchObject({ state: 'local_only' });
  expect(head().tree.environments.local?.vars.word).not.toBe('Moin');
  await again.client.sync.bind({ projectId: id, workspaceId: cloud.workspaceId });
  await until(async () => expect(head().hash).toBe(merkleHash(await again.tree(id))));
  // Nobody knows which of the two is the newer: one stands, the other is in a record.
  const answers = [
    head().tree.environments.local?.vars.word,
    ...head().conflicts.flatMap(({ theirs, ours }) => [theirs, ours]),
  ];
  expect(answers).toContain('Moin');
});
