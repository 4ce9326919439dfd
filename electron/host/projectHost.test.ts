import { readFileSync, rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuid } from 'uuid';
import { expect, test, vi } from 'vitest';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { diskFailure } from '../store/atomicFile.ts';
import { FILE, newProject, open } from './openProject.fixture.ts';

/** Waits as long as a slow machine may need. */
const until = <T>(work: () => T | Promise<T>, options = {}) =>
  vi.waitFor(work, { timeout: 60_000, interval: 20, ...options });

const changedLines = (before: string, after: string) => {
  const [a, b] = [before.split('\n'), after.split('\n')];
  expect(b).toHaveLength(a.length);
  return b.filter((line, i) => line !== a[i]);
};

test('one field changed on the canvas changes one line of the file, and comments and line ends stay', async () => {
  const { dir, disk } = await newProject((text) => text.replaceAll('\n', '\r\n'));
  const before = disk.read();
  const { project, set, events } = await open(dir);
  const revision = project.edit([set('post_d5w6', ['method'], 'PUT')]);
  expect(revision).toBe(1);
  expect(disk.read()).toBe(before);
  await project.flush();
  expect(changedLines(before, disk.read())).toEqual(['      method: PUT\r']);
  expect(disk.read()).toContain('# a retry files nothing twice\r\n');
  // The watcher sees our own write and says nothing.
  await sleep(500);
  expect(events).toHaveLength(1);
  expect(project.revision()).toBe(1);
});

test('an edit is in the file a moment later without anybody asking', async () => {
  const { dir, disk } = await newProject();
  const { project, set } = await open(dir);
  project.edit([set('post_d5w6', ['method'], 'PUT')]);
  await until(() => expect(disk.read()).toContain('method: PUT'));
});

test('a change in a text editor reaches the canvas beside edits that are not in the file yet', async () => {
  const { dir, disk } = await newProject();
  const { project, set, step, events } = await open(dir);
  project.edit([set('post_d5w6', ['method'], 'PUT')]);
  disk.replace('timeoutMs: 60000', 'timeoutMs: 4000 # by hand');
  await until(() => expect(step('score_m4t8')?.timeoutMs).toBe(4000));
  await until(() => expect(disk.read()).toContain('method: PUT'));
  expect(disk.read()).toContain('timeoutMs: 4000 # by hand');
  expect(step('post_d5w6')?.config.method).toBe('PUT');
  const outside = events.filter(
    (event) => event.type === 'project.changed' && event.origin === 'file' && event.ops.length > 0,
  );
  expect(outside).toHaveLength(1);
});

test('where both changed the same field the file stands and ours is kept', async () => {
  const { dir, disk } = await newProject();
  const { project, set, step } = await open(dir);
  project.edit([set('post_d5w6', ['method'], 'PUT')]);
  disk.replace('method: POST', 'method: PATCH');
  await project.rescan();
  expect(step('post_d5w6')?.config.method).toBe('PATCH');
  await project.flush();
  expect(disk.read()).toContain('method: PATCH');
  expect(project.conflicts.list('open')).toMatchObject([
    {
      kind: 'value',
      base: 'POST',
      theirs: 'PATCH',
      ours: 'PUT',
      chosen: 'theirs',
      where: 'local',
      who: { theirs: 'The files' },
    },
  ]);
});

test('a step that the canvas removed and the file changed comes back with its edges', async () => {
  const { dir, disk } = await newProject();
  const { project, step, workflowId } = await open(dir);
  const edges = () =>
    Object.keys(project.tree().workflows[workflowId]?.edges ?? {}).filter((key) => key.includes('score_m4t8'));
  const before = edges();
  project.edit([{ type: 'removeStep', workflowId, stepId: 'score_m4t8' }]);
  disk.replace('timeoutMs: 60000', 'timeoutMs: 4000');
  await project.rescan();
  expect(step('score_m4t8')?.timeoutMs).toBe(4000);
  expect(edges().sort()).toEqual(before.sort());
});

test.each([
  ['a half-typed line', (text: string) => text.replace('method: POST', 'method: "PO'), /valid YAML/],
  ['a duplicate key', (text: string) => text.replace('name: Triage issues', 'name: A\nname: B'), /stands here twice/],
  ['merge markers', (text: string) => `<<<<<<< HEAD\n${text}\n=======\n>>>>>>> other\n`, /conflict markers/],
  ['half a file', (text: string) => text.slice(0, text.indexOf('steps:') + 30), /./],
])('%s: the file is left alone, the canvas goes on, and both are kept once it is mended', async (_what, damage, why) => {
  const { dir, disk } = await newProject();
  const { project, set, step, events } = await open(dir);
  const good = disk.read();
  const damaged = damage(good);
  disk.write(damaged);
  await project.rescan();
  expect(project.unreadable()).toMatchObject([{ file: FILE, message: expect.stringMatching(why) }]);
  expect(events.at(-1)).toMatchObject({ type: 'project.changed', ops: [], unreadable: [{ file: FILE }] });
  expect(step('post_d5w6')?.config.method).toBe('POST');

  project.edit([
    set('post_d5w6', ['method'], 'PUT'),
    { type: 'setVariable', environment: 'local', name: 'threshold', value: 4 },
  ]);
  await project.flush();
  expect(disk.read()).toBe(damaged);
  expect(readFileSync(join(dir, 'environments/local.yaml'), 'utf8')).toContain('threshold: 4');

  disk.write(good.replace('timeoutMs: 60000', 'timeoutMs: 4000'));
  await project.rescan();
  await project.flush();
  expect(project.unreadable()).toEqual([]);
  expect(step('post_d5w6')?.config.method).toBe('PUT');
  expect(disk.read()).toContain('method: PUT');
  expect(disk.read()).toContain('timeoutMs: 4000');
});

test('what was edited while a file could not be read survives a restart', async () => {
  const { dir, disk } = await newProject();
  const good = disk.read();
  const first = await open(dir);
  disk.write('steps: {');
  await first.project.rescan();
  first.project.edit([first.set('post_d5w6', ['method'], 'PUT')]);
  await first.project.close();
  expect(disk.read()).toBe('steps: {');

  const second = await open(dir);
  expect(second.project.unreadable()).toHaveLength(1);
  expect(second.step('post_d5w6')?.config.method).toBe('PUT');
  disk.write(good);
  await second.project.rescan();
  await second.project.flush();
  expect(disk.read()).toBe(good.replace('method: POST', 'method: PUT'));
});

test('a file that vanishes is no deletion, and deleting on the canvas settles it', async () => {
  const { dir } = await newProject();
  const { project, workflowId } = await open(dir);
  rmSync(join(dir, FILE));
  await project.rescan();
  expect(project.unreadable()).toMatchObject([{ file: FILE, message: expect.stringContaining('is gone') }]);
  expect(project.tree().workflows[workflowId]).toBeDefined();
  const tests = Object.entries(project.tree().tests).filter(([, one]) => one.workflow === workflowId);
  project.edit([
    ...tests.map(([slug]): Edit => ({ type: 'removeCase', slug })),
    { type: 'removeWorkflow', workflowId },
  ]);
  await project.flush();
  expect(project.unreadable()).toEqual([]);
});

test('a whole folder that is away for a moment changes nothing', async () => {
  const { dir } = await newProject();
  const { project } = await open(dir);
  const before = project.tree();
  await rename(dir, `${dir}-away`);
  await project.rescan();
  expect(project.tree()).toEqual(before);
  await rename(`${dir}-away`, dir);
  await project.rescan();
  expect(project.unreadable()).toEqual([]);
  expect(project.revision()).toBe(0);
});

test('a workflow file under another name is the same workflow', async () => {
  const { dir } = await newProject();
  const { project, workflowId } = await open(dir);
  await rename(join(dir, FILE), join(dir, 'workflows/issues.yaml'));
  await project.rescan();
  expect(project.unreadable()).toEqual([]);
  expect(project.tree().workflows[workflowId]?.slug).toBe('issues');
});

test('a full disk leaves the file as it was; the change is durable and written after a restart', async () => {
  const { dir, disk } = await newProject();
  const before = disk.read();
  const first = await open(dir, {
    write: async (path) => {
      throw diskFailure(path, { code: 'ENOSPC' });
    },
  });
  first.project.edit([first.set('post_d5w6', ['method'], 'PUT')]);
  await expect(first.project.flush()).rejects.toMatchObject({ code: 'disk.failed' });
  expect(first.project.problems()).toContainEqual(
    expect.objectContaining({ code: 'disk.failed', severity: 'warning' }),
  );
  expect(disk.read()).toBe(before);
  await first.project.close();

  const second = await open(dir);
  expect(second.step('post_d5w6')?.config.method).toBe('PUT');
  await until(() => expect(changedLines(before, disk.read())).toEqual(['      method: PUT']));
});

test('a change made while the project was closed meets what was not written yet', async () => {
  const { dir, disk } = await newProject();
  const full = async (path: string) => {
    throw diskFailure(path, { code: 'ENOSPC' });
  };
  const first = await open(dir, { write: full });
  first.project.edit([first.set('post_d5w6', ['method'], 'PUT')]);
  first.project.edit([first.set('post_d5w6', ['method'], 'PATCH')]);
  await first.project.close();
  disk.replace('timeoutMs: 60000', 'timeoutMs: 4000');
  const { step, project } = await open(dir);
  expect(step('post_d5w6')?.config.method).toBe('PATCH');
  expect(step('score_m4t8')?.timeoutMs).toBe(4000);
  await project.flush();
  expect(disk.read()).toContain('method: PATCH');
  expect(disk.read()).toContain('timeoutMs: 4000');
});

test('a change that no longer fits what is there keeps nobody from opening the project, and is kept', async () => {
  const { dir } = await newProject();
  const first = await open(dir);
  const op = {
    op: 'set' as const,
    path: ['environments', 'local', 'vars', 'threshold'],
    value: 9,
    was: merkleHash('never so'),
  };
  const about = { commitId: uuid(), origin: 'canvas', at: new Date().toISOString() } as const;
  first.project.db.commit({ ...about, ops: [op], back: [], changes: [], changeCount: 1 });
  first.project.db.close();
  const { project } = await open(dir);
  expect(project.tree().environments.local?.vars.threshold).toBe(3);
  expect(project.conflicts.list('open')).toMatchObject([{ path: op.path, theirs: 3, ours: 9 }]);
});

test('of two that open one project the second is told', async () => {
  const { dir } = await newProject();
  await open(dir);
  await expect(open(dir)).rejects.toMatchObject({
    code: 'project.locked',
    message: expect.stringContaining('The test'),
  });
});

test('an edit that is refused changes nothing', async () => {
  const { dir } = await newProject();
  const { project, set, events } = await open(dir);
  const before = project.tree();
  expect(() => project.edit([set('post_d5w6', ['method'], 'PUT'), set('nobody', ['x'], 1)])).toThrow(
    expect.objectContaining({ code: 'edit.invalid' }),
  );
  expect(project.tree()).toBe(before);
  expect(project.revision()).toBe(0);
  expect(events).toEqual([]);
});

test('a problem of a step that is new is told again with its own line, once the file has it', async () => {
  const { dir, disk } = await newProject();
  const { project, workflowId, events } = await open(dir);
  project.edit([
    { type: 'addStep', workflowId, stepId: 'ask_z9y8', uses: 'http.request', name: 'Ask', position: [0, 0] },
  ]);
  await project.flush();
  const told = events.findLast((event) => event.type === 'project.changed');
  const problem = told?.type === 'project.changed' && told.problems.find(({ stepId }) => stepId === 'ask_z9y8');
  if (!problem) throw new Error('The problem was not told.');
  expect(disk.read().split('\n')[problem.line - 1]).toBe('  ask_z9y8:');
  expect(project.problems()).toContainEqual(problem);
});

test('undo puts back what an edit did, and is refused where something else stands now', async () => {
  const { dir } = await newProject();
  const { project, set, step, events } = await open(dir);
  project.edit([set('post_d5w6', ['method'], 'PUT')]);
  const done = events[0] as HostEvent & { type: 'project.changed' };
  const [op] = done.ops;
  const undo = { op: 'set' as const, path: op?.path ?? [], value: 'POST', was: merkleHash('PUT') };
  expect(project.patch([undo])).toBe(2);
  expect(step('post_d5w6')?.config.method).toBe('POST');
  expect(() => project.patch([{ ...undo, value: 'GET' }])).toThrow(SluiceError);
});

test('an edited text is taken as it was typed, a broken one is refused with its line', async () => {
  const { dir, disk } = await newProject();
  const { project, workflowId, step, set } = await open(dir);
  project.edit([set('post_d5w6', ['method'], 'PUT')]);
  const { file, text } = project.text(workflowId);
  expect(file).toBe(FILE);
  expect(text).toContain('method: PUT');

  const typed = text.replace('method: PUT', 'method:    PATCH   # typed so');
  expect(await project.setText(workflowId, typed)).toMatchObject({ accepted: true, revision: 2 });
  expect(disk.read()).toBe(typed);
  expect(step('post_d5w6')?.config.method).toBe('PATCH');

  const broken = await project.setText(workflowId, typed.replace('method:    PATCH', 'method: "PATCH'));
  expect(broken).toMatchObject({ accepted: false, revision: 2, problems: [{ file: FILE, line: expect.any(Number) }] });
  expect(broken.problems[0]?.line).toBeGreaterThan(10);
  const otherId = typed.replace(workflowId, uuid());
  expect(await project.setText(workflowId, otherId)).toMatchObject({
    accepted: false,
    problems: [{ code: 'workflow.id_changed' }],
  });
  expect(disk.read()).toBe(typed);
});

test('pinned items are a file of the project and come back after a restart and an undo', async () => {
  const { dir } = await newProject();
  const first = await open(dir);
  const { project, workflowId } = first;
  const items = [{ json: { n: 1 } }, { json: { n: 2 } }];
  project.setPin(workflowId, 'score_m4t8', items);
  await project.flush();
  const file = join(dir, 'tests/pins/triage.score_m4t8.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(items);
  project.setPin(workflowId, 'score_m4t8', undefined);
  await project.flush();
  expect(() => readFileSync(file)).toThrow();
  const ops = project.db.commitsAfter(0)[0]?.ops ?? [];
  await project.close();
  const second = await open(dir);
  second.project.patch(ops);
  expect(second.project.pinnedItems(workflowId, 'score_m4t8')).toEqual(items);
  await second.project.flush();
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(items);
});
