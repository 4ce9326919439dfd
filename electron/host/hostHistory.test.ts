import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { startSignedOutHost } from './signedOutHost.fixture.ts';

async function openedProject() {
  const { host, client } = startSignedOutHost(mkdtempSync(join(tmpdir(), 'sluice-history-')));
  onTestFinished(() => host.close());
  const events: HostEvent[] = [];
  host.subscribe((event) => events.push(event));
  const { id: projectId, dir } = await client.projects.create({ name: 'Hello', template: 'hello' });
  await client.projects.open({ projectId });
  const set = (value: string) =>
    client.documents.edit({ projectId, edits: [{ type: 'setVariable', environment: 'local', name: 'word', value }] });
  const word = async () => (await client.projects.open({ projectId })).tree.environments.local?.vars.word;
  return { client, events, projectId, dir, set, word };
}

test('a clash of a file and the canvas is listed, answered, and the answer can be undone, without any workspace', async () => {
  const { client, events, projectId, dir, set, word } = await openedProject();
  const file = join(dir, 'environments/local.yaml');
  const before = await word();
  const text = readFileSync(file, 'utf8');
  await set('mine');
  writeFileSync(file, text.replace(String(before), 'theirs'));
  await vi.waitFor(() => expect(events).toContainEqual({ type: 'conflicts.changed', projectId, open: 1 }), {
    timeout: 60_000,
  });
  const [entry] = await client.conflicts.list({ projectId });
  expect(entry).toMatchObject({ kind: 'value', where: 'local', base: before, theirs: 'theirs', ours: 'mine' });
  expect(await word()).toBe('theirs');
  const conflictId = entry?.id ?? '';
  await expect(client.conflicts.resolve({ projectId, conflictId: projectId, choice: 'ours' })).rejects.toMatchObject({
    code: 'conflict.not_found',
  });
  const { conflict } = await client.conflicts.resolve({ projectId, conflictId, choice: 'edit', value: 'both' });
  expect(conflict).toMatchObject({ status: 'resolved', resolution: 'edit' });
  expect([await word(), await client.conflicts.list({ projectId })]).toEqual(['both', []]);
  expect(events).toContainEqual({ type: 'conflicts.changed', projectId, open: 0 });
  await expect(client.conflicts.resolve({ projectId, conflictId, choice: 'ours' })).rejects.toMatchObject({
    code: 'conflict.resolved',
  });
  expect(await client.documents.undo({ projectId })).toMatchObject({ done: true, canRedo: true });
  expect(await word()).toBe('theirs');
  expect(await client.documents.redo({ projectId })).toMatchObject({ done: true, canRedo: false });
  expect(await word()).toBe('both');
});

test('the history goes page by page, a point of it is compared, named and restored', async () => {
  const { client, projectId, set, word } = await openedProject();
  for (const value of ['one', 'two', 'three']) {
    await set(value);
    await client.documents.setScript({ projectId, path: 'a.ts', text: `export default '${value}';\n` });
  }
  const first = await client.history.list({ projectId, limit: 4 });
  const rest = await client.history.list({ projectId, limit: 4, cursor: first.nextCursor });
  expect([...first.data, ...rest.data].map(({ revision }) => revision)).toEqual([6, 5, 4, 3, 2, 1]);
  expect(rest.nextCursor).toBeUndefined();
  expect(first.data[0]).toMatchObject({
    where: 'local',
    origin: 'canvas',
    changes: [{ name: 'a.ts', what: 'changed' }],
  });
  await expect(client.history.list({ projectId, where: 'cloud' })).rejects.toMatchObject({
    code: 'workspace.not_found',
  });

  const against = { kind: 'revision', where: 'local', revision: 2 } as const;
  const { before, ops, changes } = await client.documents.changes({ projectId, against });
  expect(before.environments.local?.vars.word).toBe('one');
  expect(ops.map(({ path }) => path[0]).sort()).toEqual(['environments', 'scripts']);
  expect(changes).toMatchObject([{ subject: 'script', kind: 'changed', title: 'a.ts' }]);
  await expect(client.documents.changes({ projectId, against: { kind: 'head' } })).rejects.toMatchObject({
    code: 'workspace.not_found',
  });

  await client.history.name({ projectId, where: 'local', revision: 2, name: 'As it was good' });
  await client.history.restore({ projectId, where: 'local', revision: 2 });
  expect(await word()).toBe('one');
  const { data } = await client.history.list({ projectId });
  expect(data[0]).toMatchObject({ revision: 7, origin: 'restore', message: 'Restored revision 2' });
  expect(data.find(({ revision }) => revision === 2)?.name).toBe('As it was good');
  expect((await client.history.at({ projectId, where: 'local', revision: 6 })).tree.scripts['a.ts']).toContain('three');
});

test('what a project is now can be saved as a project of its own, and the first one stays', async () => {
  const { client, projectId, dir, set, word } = await openedProject();
  const file = 'environments/local.yaml';
  writeFileSync(join(dir, file), `# by hand\n${readFileSync(join(dir, file), 'utf8')}`);
  await set('mine');
  const copy = await client.projects.copy({ projectId, name: 'Hello again' });
  expect(copy).toMatchObject({ name: 'Hello again', trusted: true, workflowCount: 1, sync: { state: 'local_only' } });
  expect([copy.id === projectId, copy.dir === dir]).toEqual([false, false]);
  const { tree } = await client.projects.open({ projectId: copy.id });
  const { tree: first } = await client.projects.open({ projectId });
  expect(tree).toEqual({ ...first, project: { ...first.project, id: copy.id, name: 'Hello again' } });
  expect(readFileSync(join(copy.dir, file), 'utf8')).toContain('# by hand\n');
  await client.documents.edit({ projectId: copy.id, edits: [{ type: 'renameProject', name: 'Other' }] });
  expect([(await client.projects.list({})).length, await word()]).toEqual([2, 'mine']);
});
