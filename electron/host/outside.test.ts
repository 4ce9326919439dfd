import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { FILE, newProject, open } from './openProject.fixture.ts';

/** Git as a person would use it, without this computer's own settings. */
function gitIn(dir: string) {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  const who = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
  const git = (...args: string[]) =>
    execFileSync('git', [...who, ...args], { cwd: dir, env, stdio: 'pipe' }).toString();
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-q', '-m', 'First');
  return git;
}

const deletions = (events: HostEvent[]) =>
  events.flatMap((event) => (event.type === 'deletion.pending' ? [event.deletion] : []));

test('a vanished workflow file waits for a word: confirmed, what it held goes, and an undo brings it back', async () => {
  const { dir } = await newProject();
  const { project, workflowId, events } = await open(dir);
  const name = project.tree().workflows[workflowId]?.name;
  rmSync(join(dir, FILE));
  await project.rescan();
  expect(project.deletion()).toMatchObject({ files: [{ file: FILE, title: name }] });
  expect(deletions(events)).toMatchObject([{ files: [{ file: FILE }] }]);
  expect(project.unreadable()).toMatchObject([{ file: FILE, why: 'gone' }]);
  expect(project.tree().workflows[workflowId]).toBeDefined();
  await project.confirmDeletion();
  expect(project.tree().workflows[workflowId]).toBeUndefined();
  expect([project.deletion(), project.unreadable(), deletions(events).at(-1)]).toEqual([undefined, [], undefined]);
  project.undo();
  await project.flush();
  expect(project.tree().workflows[workflowId]?.name).toBe(name);
  expect(existsSync(join(dir, FILE))).toBe(true);
});

test('a vanished file that was not meant to go is written again with every change since', async () => {
  const { dir, disk } = await newProject();
  const before = disk.read();
  const { project, set } = await open(dir);
  rmSync(join(dir, FILE));
  await project.rescan();
  project.edit([set('post_d5w6', ['method'], 'PUT')]);
  await project.restoreDeleted();
  expect(disk.read()).toBe(before.replace('method: POST', 'method: PUT'));
  expect([project.deletion(), project.unreadable()]).toEqual([undefined, []]);
});

test('a file that comes back by itself needs no word', async () => {
  const { dir } = await newProject();
  const { project } = await open(dir);
  renameSync(join(dir, FILE), join(dir, 'away'));
  await project.rescan();
  expect(project.deletion()).toBeDefined();
  renameSync(join(dir, 'away'), join(dir, FILE));
  await project.rescan();
  expect([project.deletion(), project.unreadable(), project.revision()]).toEqual([undefined, [], 0]);
});

test('a project without its sluice.yaml is never taken for deleted', async () => {
  const { dir } = await newProject();
  const { project } = await open(dir);
  const text = readFileSync(join(dir, 'sluice.yaml'), 'utf8');
  rmSync(join(dir, 'sluice.yaml'));
  await project.rescan();
  await expect(project.confirmDeletion()).rejects.toMatchObject({ code: 'file.not_found' });
  await project.restoreDeleted();
  expect(readFileSync(join(dir, 'sluice.yaml'), 'utf8')).toBe(text);
});

test('merge markers are named with their line, and Git’s two sides are put together by structure', async () => {
  const { dir, disk } = await newProject();
  const git = gitIn(dir);
  git('checkout', '-q', '-b', 'other');
  disk.write(disk.read().replace('method: POST', 'method: PATCH').replace('timeoutMs: 60000', 'timeoutMs: 3000'));
  git('commit', '-qam', 'Theirs');
  git('checkout', '-q', 'main');
  disk.write(disk.read().replace('method: POST', 'method: PUT').replace('timeoutMs: 60000', 'timeoutMs: 60000 # slow'));
  git('commit', '-qam', 'Ours');
  const { project, step } = await open(dir);
  // The project's own driver is not installed here, so Git merges by line.
  expect(() => git('merge', '-q', 'other')).toThrow();
  expect(disk.read()).toContain('<<<<<<<');
  await project.rescan();
  const line =
    disk
      .read()
      .split('\n')
      .findIndex((one) => one.startsWith('<<<<<<<')) + 1;
  expect(project.unreadable()).toMatchObject([{ file: FILE, line, why: 'markers', canMerge: true }]);
  expect(step('post_d5w6')?.config.method).toBe('PUT');

  expect(await project.mergeMarked(FILE)).toMatchObject({ conflicts: 1 });
  await project.flush();
  expect(disk.read()).not.toContain('<<<<<<<');
  expect(disk.read()).toContain('timeoutMs: 3000 # slow');
  expect(step('score_m4t8')?.timeoutMs).toBe(3000);
  expect(project.unreadable()).toEqual([]);
  expect(project.conflicts.list('open')).toMatchObject([
    { kind: 'value', theirs: 'PATCH', ours: 'PUT', who: { theirs: 'The other branch', ours: 'This branch' } },
  ]);
});

test('markers in a script leave the script as it was, and without Git nothing is offered', async () => {
  const { dir } = await newProject();
  writeFileSync(join(dir, 'scripts/a.ts'), 'export default 1;\n');
  const { project } = await open(dir);
  writeFileSync(join(dir, 'scripts/a.ts'), '<<<<<<< a\nexport default 2;\n=======\nexport default 3;\n>>>>>>> b\n');
  await project.rescan();
  expect(project.tree().scripts['a.ts']).toBe('export default 1;\n');
  expect(project.unreadable()).toMatchObject([{ file: 'scripts/a.ts', line: 1, why: 'markers' }]);
  expect(project.unreadable()[0]).not.toHaveProperty('canMerge');
  await expect(project.mergeMarked('scripts/a.ts')).rejects.toMatchObject({ code: 'host.not_supported' });
});

test('another branch that is checked out waits for a word where the project is in a workspace', async () => {
  const { dir, disk } = await newProject();
  const git = gitIn(dir);
  git('checkout', '-q', '-b', 'old');
  disk.write(disk.read().replace('method: POST', 'method: PUT'));
  git('commit', '-qam', 'Other');
  git('checkout', '-q', 'main');
  const one = await open(dir);
  const { project, step } = one;
  const switchTo = async (name: string) => {
    git('checkout', '-q', name);
    await project.rescan();
  };
  await switchTo('old');
  expect([step('post_d5w6')?.config.method, project.deletion()]).toEqual(['PUT', undefined]);
  await switchTo('main');

  project.db.setMeta('sync.binding', '{}');
  // A branch that begins where one stands is no switch, and neither is an edit on it.
  git('checkout', '-q', '-b', 'new');
  await vi.waitFor(() => expect(project.db.meta('git.head')).toBe('new'), { timeout: 60_000 });
  disk.write(disk.read().replace('timeoutMs: 60000', 'timeoutMs: 4000'));
  await project.rescan();
  expect([step('score_m4t8')?.timeoutMs, project.deletion()]).toEqual([4000, undefined]);
  git('commit', '-qam', 'New');
  git('checkout', '-q', 'main');
  await project.rescan();
  await project.confirmDeletion();
  await switchTo('old');
  expect(project.deletion()).toMatchObject({ branch: { from: 'main', to: 'old' }, files: [] });
  await switchTo('main');
  expect(project.deletion()).toBeUndefined();
  await switchTo('old');
  await project.confirmDeletion();
  expect([step('post_d5w6')?.config.method, project.deletion()]).toEqual(['PUT', undefined]);
  await switchTo('main');
  await project.restoreDeleted();
  expect([step('post_d5w6')?.config.method, project.deletion()]).toEqual(['PUT', undefined]);
  expect(disk.read()).toContain('method: PUT');
});

test('copies that cloud drives make are named and never read', async () => {
  const { dir, disk } = await newProject();
  const names = [
    'workflows/triage (Ann’s conflicted copy 2026-11-21).yaml',
    'workflows/triage.sync-conflict-20261121-080000-ABCDEFG.yaml',
    'workflows/triage (1).yaml',
    'environments/local 2.yaml',
  ];
  for (const name of names) writeFileSync(join(dir, name), disk.read());
  const { project, workflowId } = await open(dir);
  const warned = project.problems().filter(({ code }) => code === 'file.conflicted_copy');
  expect(warned.map(({ file, severity }) => [file, severity]).sort()).toEqual(
    names.map((name) => [name, 'warning']).sort(),
  );
  expect(project.unreadable()).toEqual([]);
  expect(project.tree().workflows[workflowId]).toBeDefined();
  for (const name of names) rmSync(join(dir, name));
  await project.rescan();
  expect(project.problems().filter(({ code }) => code === 'file.conflicted_copy')).toEqual([]);
});

test('what Git’s merge driver could not decide is shown, once', async () => {
  const { dir } = await newProject();
  const first = await open(dir);
  const id = '0199f2c5-0000-7000-8000-00000000000a';
  const path = ['workflows', first.workflowId, 'steps', 'post_d5w6', 'config', 'method'];
  const conflict = { path, kind: 'value', base: 'POST', ours: 'PUT', theirs: 'PATCH', chosen: 'ours' };
  mkdirSync(join(dir, '.sluice/conflicts'), { recursive: true });
  const record = { id, at: '2026-11-21T08:00:00.000Z', file: FILE, conflicts: [conflict] };
  writeFileSync(join(dir, '.sluice/conflicts', `${id}.json`), JSON.stringify(record));
  writeFileSync(join(dir, '.sluice/conflicts/half.json'), '{"id":');
  await first.project.close();
  for (let n = 0; n < 2; n++) {
    const { project } = await open(dir);
    const who = { theirs: 'The other branch', ours: 'This branch' };
    expect(project.conflicts.list('open')).toMatchObject([{ ...conflict, where: 'local', who }]);
    await project.close();
  }
});
