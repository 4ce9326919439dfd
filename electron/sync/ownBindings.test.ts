import { cpSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { boundProject, cloudServer, desktop, until, variable } from '../../tests/fixtures/syncDesktop.ts';

test('a folder that another computer bound syncs here only when somebody here binds it', async () => {
  const cloud = await cloudServer();
  const stranger = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, stranger);
  await stranger.edit(id, variable('word', 'theirs'));
  await stranger.reaches(id, 'synced');
  await stranger.close();
  const here = await desktop(cloud);
  const folder = join(here.dataDir, 'gift');
  cpSync(dir, folder, { recursive: true });
  // What waits to be sent there waits in the folder's own database.
  const db = new DatabaseSync(join(folder, '.sluice', 'state.db'));
  const put = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  put.run('sync.answers', JSON.stringify([{ conflictId: id, choice: 'ours' }]));
  db.close();
  const [{ hash, revision }, asked] = [{ ...head() }, cloud.requests.length];

  await here.client.projects.openFolder({ dir: folder });
  await here.edit(id, variable('word', 'evil'));
  const local = { state: 'local_only', reason: expect.stringContaining('not this computer') };
  expect(await here.stateOf(id)).toMatchObject(local);
  expect(here.events.some((event) => event.type === 'project.sync')).toBe(false);
  await expect(here.client.sync.now({ projectId: id })).rejects.toMatchObject({ code: 'workspace.not_found' });
  // All else that needs a workspace says so too.
  await expect(here.client.publish.preview({ projectId: id, environment: 'production' })).rejects.toMatchObject({
    code: 'workspace.not_found',
  });
  await here.client.projects.close({ projectId: id });
  await here.client.projects.open({ projectId: id });
  expect(await here.stateOf(id)).toMatchObject(local);
  expect(cloud.requests.slice(asked).filter((line) => line.includes('/v1/projects'))).toEqual([]);
  expect([head().hash, head().revision]).toEqual([hash, revision]);

  // With a word it is sent, from then on by itself, also after a restart.
  const bound = await here.client.sync.bind({ projectId: id, workspaceId: cloud.workspaceId });
  expect(bound.workspaceId).toBe(cloud.workspaceId);
  expect(bound.reason ?? '').not.toContain('not this computer');
  expect(cloud.requests.slice(asked).some((line) => line.includes('resolve'))).toBe(false);
  await here.edit(id, variable('mine', '1'));
  await until(() => expect(head().tree.environments.local?.vars.mine).toBe('1'));
  await here.close();
  const again = await desktop(cloud, here);
  await again.edit(id, variable('mine', '2'));
  await until(() => expect(head().tree.environments.local?.vars.mine).toBe('2'));
});

test('a bound folder that is moved goes on syncing; a copy of one that is still there does not', async () => {
  const cloud = await cloudServer();
  const one = await desktop(cloud);
  const { id, dir, head } = await boundProject(cloud, one);
  const word = () => head().tree.environments.local?.vars.word;
  const [copy, moved] = [join(one.dataDir, 'copy'), join(one.dataDir, 'moved')];
  await one.client.projects.forget({ projectId: id });
  cpSync(dir, copy, { recursive: true });
  await one.client.projects.openFolder({ dir: copy });
  await one.edit(id, variable('word', 'copy'));
  expect(await one.stateOf(id)).toMatchObject({ state: 'local_only', reason: expect.stringContaining('is a copy') });
  await expect(one.client.sync.now({ projectId: id })).rejects.toMatchObject({ code: 'workspace.not_found' });
  await one.client.projects.forget({ projectId: id });
  expect(word()).not.toBe('copy');

  renameSync(dir, moved);
  await one.client.projects.openFolder({ dir: moved });
  await one.edit(id, variable('word', 'moved'));
  await until(() => expect(word()).toBe('moved'));
  await one.reaches(id, 'synced');
  await one.client.projects.forget({ projectId: id });
  // The original is where it went to, so the copy is still one.
  await one.client.projects.openFolder({ dir: copy });
  await one.client.projects.open({ projectId: id });
  expect(await one.stateOf(id)).toMatchObject({ state: 'local_only' });
});

test('where it cannot be looked up any more what was bound, projects open, and are bound again', async () => {
  const cloud = await cloudServer();
  const first = await desktop(cloud);
  const { id, head } = await boundProject(cloud, first);
  await first.close();
  writeFileSync(join(first.dataDir, 'bindings.db'), 'no database\n'.repeat(1_000));
  const again = await desktop(cloud, first);
  await again.edit(id, variable('word', 'Moin'));
  expect(await again.stateOf(id)).toMatchObject({ state: 'local_only', reason: expect.stringMatching(/\S/) });
  await again.client.sync.bind({ projectId: id, workspaceId: cloud.workspaceId });
  await again.edit(id, variable('later', 'x'));
  await until(() => expect(head().tree.environments.local?.vars.later).toBe('x'));
});
