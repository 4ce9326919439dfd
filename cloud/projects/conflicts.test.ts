import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { commitOf } from '#shared/merge/ops.ts';
import { rebaseCommit, type TakenCommit } from '#shared/merge/rebaseCommit.ts';
import type { Step, Tree } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, step, treeOf, workflowIdOf } from '../../tests/fixtures/control.ts';
import type { Signal } from '../runs/signals.ts';
import type { Actor } from '../server/actor.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const DEVICES = { a: newId(), b: newId() };
const STEPS = {
  start: step('trigger.manual'),
  one: step('items.set', { fields: { n: 1 } }, { mode: 'each' }),
  two: step('items.set', { fields: { n: 2 } }, { mode: 'each' }),
};
const EDGES = ['start.main->one.main', 'one.main->two.main'];
const SCRIPT = ['export const a = 1;', 'export const b = 2;', 'export const c = 3;', ''].join('\n');

type Bench = Awaited<ReturnType<typeof bench>>;

async function bench() {
  const tenant = await control.newTenant();
  const { actor, projectId } = tenant;
  await control.push(actor, { ...treeOf(projectId, STEPS, { edges: EDGES }), scripts: { 'a.ts': SCRIPT } });
  const head = await control.projects.head({ projectId }, actor);
  return { ...tenant, base: head.tree as Tree, revision: head.revision, workflowId: workflowIdOf(projectId) };
}

function withSteps(tree: Tree, change: (steps: Record<string, Step>) => Record<string, Step>): Tree {
  const workflowId = workflowIdOf(tree.project.id);
  const workflow = tree.workflows[workflowId];
  if (!workflow) throw new Error('no workflow');
  const steps = change({ ...workflow.steps });
  const isThere = (id = '') => Object.hasOwn(steps, id);
  const edges = Object.fromEntries(
    Object.keys(workflow.edges)
      .filter((key) => key.split('->').every((end) => isThere(end.split('.')[0])))
      .map((key) => [key, {}]),
  );
  return { ...tree, workflows: { [workflowId]: { ...workflow, steps, edges } } };
}

const setN = (tree: Tree, id: string, n: number) =>
  withSteps(tree, (steps) => ({ ...steps, [id]: { ...(steps[id] as Step), config: { fields: { n } } } }));
const take = (tree: Tree, id: string) => withSteps(tree, ({ [id]: _, ...rest }) => rest);

/** Machine A has pushed `theirs`; machine B, which had not heard of it, made `ours`, merges as a desktop does, and pushes. */
async function meet({ actor, projectId, base, revision }: Bench, theirs: Tree, ours: Tree, b: Actor = actor) {
  const about = (deviceId: string, tree: Tree) =>
    commitOf(base, tree, { commitId: newId(), deviceId, baseRevision: revision, origin: 'canvas' });
  await control.projects.push({ projectId, commit: about(DEVICES.a, theirs), conflicts: [] }, actor);
  const mine = about(DEVICES.b, ours);
  await expect(control.projects.push({ projectId, commit: mine, conflicts: [] }, b)).rejects.toMatchObject({
    code: 'project.rebase_required',
  });
  const { commits } = await control.projects.commits({ projectId, since: revision }, b);
  const newer = commits.map((one) => ({ ...one, author: one.authorName })) as TakenCommit[];
  const { rebased, conflicts } = rebaseCommit(base, newer, mine, b.name);
  if (!rebased) throw new Error('nothing to push');
  const answer = await control.projects.push({ projectId, commit: rebased, conflicts }, b);
  return { answer, rebased, conflicts };
}

const openOf = async ({ projectId }: Bench, actor: Actor) =>
  (await control.conflicts.list({ projectId, status: 'open', limit: 20 }, actor)).data;
const headOf = ({ projectId, actor }: Bench) => control.projects.head({ projectId }, actor);
const configOf = (tree: unknown, id: string) => {
  const { workflows } = tree as Tree;
  return Object.values(workflows)[0]?.steps[id]?.config;
};

async function refusalOf(call: () => unknown): Promise<SluiceError> {
  try {
    await call();
  } catch (thrown) {
    if (thrown instanceof SluiceError) return thrown;
    throw thrown;
  }
  throw new Error('It was not refused.');
}

/** Another person of the same workspace. */
async function colleague({ workspaceId }: Bench, name: string): Promise<Actor> {
  const { userId } = await control.newTenant();
  await control.ownerSql('update user_account set name = $2 where id = $1', [userId, name]);
  return { ...control.actorOf(workspaceId, userId, 'editor'), name };
}

test('a conflict of one machine is seen and decided on another, as one audited commit, and publishing waits for it', async () => {
  const one = await bench();
  const { actor, projectId, base, workspaceId } = one;
  const kim = await colleague(one, 'Kim');
  const told: Signal[] = [];
  const stop = control.signals.subscribe((signal) => void told.push(signal));
  const { answer } = await meet(one, setN(base, 'one', 7), setN(base, 'one', 8), kim);
  expect(told).toContainEqual({ kind: 'conflicts', workspaceId, projectId });

  const [conflict] = await openOf(one, actor);
  expect(conflict).toMatchObject({
    kind: 'value',
    path: ['workflows', one.workflowId, 'steps', 'one', 'config', 'fields', 'n'],
    base: 1,
    theirs: 7,
    ours: 8,
    chosen: 'theirs',
    status: 'open',
    createdBy: 'Kim',
    who: { theirs: 'Owner', ours: 'Kim' },
  });
  const publish = (expectedRevision: number) =>
    control.versions.create({ projectId, expectedRevision, note: '' }, actor);
  await expect(publish(answer.revision)).rejects.toMatchObject({
    code: 'project.conflicts_open',
    details: { open: 1 },
  });

  const decided = await control.conflicts.resolve({ projectId, conflictId: conflict?.id ?? '', choice: 'ours' }, actor);
  stop();
  expect(decided).toMatchObject({
    revision: answer.revision + 1,
    conflict: { status: 'resolved', resolution: 'ours', resolvedBy: 'Owner' },
  });
  const head = await headOf(one);
  expect([head.revision, head.hash]).toEqual([decided.revision, decided.hash]);
  expect(configOf(head.tree, 'one')).toEqual({ fields: { n: 8 } });
  expect(await openOf(one, kim)).toEqual([]);
  const { commits } = await control.projects.commits({ projectId, since: answer.revision }, actor);
  expect(commits).toHaveLength(1);
  const audit = await control.ownerSql(
    'select action, actor_id, resource_id from audit_entry where workspace_id = $1',
    [workspaceId],
  );
  expect(audit.filter((entry) => (entry as { action: string }).action === 'conflict.resolve')).toEqual([
    { action: 'conflict.resolve', actor_id: actor.userId, resource_id: conflict?.id },
  ]);
  expect((await publish(decided.revision)).revision).toBe(decided.revision);
});

test('a push that comes twice brings its conflicts once, and one that is refused brings none', async () => {
  const one = await bench();
  const { actor, projectId, base } = one;
  const { rebased, conflicts, answer } = await meet(one, setN(base, 'one', 7), setN(base, 'one', 8));
  expect(await control.projects.push({ projectId, commit: rebased, conflicts }, actor)).toEqual(answer);
  expect(await openOf(one, actor)).toHaveLength(1);
  const stale = {
    ...rebased,
    commitId: newId(),
    baseRevision: one.revision,
    ops: commitOf(base, setN(base, 'one', 9), { ...rebased, message: '' }).ops,
  };
  const other = conflicts.map((record) => ({ ...record, id: newId() }));
  await expect(control.projects.push({ projectId, commit: stale, conflicts: other }, actor)).rejects.toMatchObject({
    code: 'project.rebase_required',
  });
  expect(await openOf(one, actor)).toHaveLength(1);
});

test('of two records under one id neither is lost, and the same one twice is one', async () => {
  const one = await bench();
  const { actor, projectId, base } = one;
  const about = { commitId: newId(), deviceId: DEVICES.a, baseRevision: one.revision, origin: 'canvas' as const };
  const record = {
    id: newId(),
    commitId: about.commitId,
    path: ['scripts', 'a.ts'],
    kind: 'text' as const,
    chosen: 'theirs' as const,
    who: {},
    theirs: 'a',
  };
  const conflicts = ['b', 'c', 'b'].map((ours) => ({ ...record, ours }));
  await control.projects.push({ projectId, commit: commitOf(base, setN(base, 'one', 5), about), conflicts }, actor);
  const open = await openOf(one, actor);
  expect(open.map(({ ours }) => ours).sort()).toEqual(['b', 'c']);
  expect(new Set(open.map(({ id }) => id)).size).toBe(2);
  expect(open.map(({ id }) => id)).toContain(record.id);
});

test('what stands already is kept as it is now; the other answer never replaces what nobody has seen', async () => {
  const one = await bench();
  const { actor, projectId, base } = one;
  await meet(one, setN(base, 'one', 7), setN(base, 'one', 8));
  const [conflict] = await openOf(one, actor);
  const conflictId = conflict?.id ?? '';
  await control.push(actor, setN((await headOf(one)).tree as Tree, 'one', 100));
  const before = await headOf(one);
  const refused = await refusalOf(() => control.conflicts.resolve({ projectId, conflictId, choice: 'ours' }, actor));
  expect(refused).toMatchObject({ code: 'conflict.place_changed', details: { was: expect.any(String) } });
  expect(await headOf(one)).toEqual(before);
  expect(await openOf(one, actor)).toHaveLength(1);
  // Having seen it, the person decides all the same.
  await control.conflicts.resolve(
    { projectId, conflictId, choice: 'edit', value: 55, was: String(refused.details?.was) },
    actor,
  );
  expect(configOf((await headOf(one)).tree, 'one')).toEqual({ fields: { n: 55 } });
  await expect(control.conflicts.resolve({ projectId, conflictId, choice: 'ours' }, actor)).rejects.toMatchObject({
    code: 'conflict.resolved',
  });

  const two = await bench();
  await meet(two, setN(two.base, 'one', 7), setN(two.base, 'one', 8));
  await control.push(two.actor, setN((await headOf(two)).tree as Tree, 'one', 100));
  const [same] = await openOf(two, two.actor);
  const ids = { projectId: two.projectId, conflictId: same?.id ?? '' };
  await control.conflicts.resolve({ ...ids, choice: 'theirs' }, two.actor);
  expect(configOf((await headOf(two)).tree, 'one')).toEqual({ fields: { n: 100 } });
});

test('a step that was kept goes with its edges once somebody says so, unless somebody built on it meanwhile', async () => {
  for (const built of [false, true]) {
    const one = await bench();
    const { actor, projectId, base, workflowId } = one;
    // A takes the step away, B changes it: B's is kept.
    await meet(one, take(base, 'two'), setN(base, 'two', 8));
    const [conflict] = await openOf(one, actor);
    expect(conflict).toMatchObject({ kind: 'delete_vs_edit', chosen: 'ours' });
    const kept = (await headOf(one)).tree as Tree;
    expect(Object.keys(kept.workflows[workflowId]?.edges ?? {})).toEqual(EDGES);
    if (built) {
      const workflow = kept.workflows[workflowId];
      if (!workflow) throw new Error('no workflow');
      const edges = { ...workflow.edges, 'start.main->two.main': {} };
      await control.push(actor, { ...kept, workflows: { [workflowId]: { ...workflow, edges } } });
    }
    const decide = control.conflicts.resolve({ projectId, conflictId: conflict?.id ?? '', choice: 'theirs' }, actor);
    if (built) await expect(decide).rejects.toMatchObject({ code: 'conflict.place_changed' });
    else await decide;
    const { steps, edges } = ((await headOf(one)).tree as Tree).workflows[workflowId] ?? {};
    expect(Object.keys(steps ?? {})).toEqual(built ? ['start', 'one', 'two'] : ['start', 'one']);
    expect(Object.keys(edges ?? {})).toEqual(built ? [...EDGES, 'start.main->two.main'] : [EDGES[0]]);
  }
});

test('of a script only the lines that met are decided; all other lines of both, and later ones, stay', async () => {
  const one = await bench();
  const { actor, projectId, base } = one;
  const script = (a: number, b: number, c: number, more = '') =>
    [`export const a = ${a};`, `export const b = ${b};`, `export const c = ${c};`, more].join('\n');
  const long = (text: string) => ({ ...base, scripts: { 'a.ts': `${text}${'\n'.repeat(4)}// end\n` } });
  await control.push(actor, long(script(1, 2, 3)));
  const head = await headOf(one);
  const from = { ...one, base: head.tree as Tree, revision: head.revision };
  const put = (text: string) => long(text);
  await meet(from, put(script(7, 2, 3)), put(`// first\n${script(8, 2, 3)}`));
  const [conflict] = await openOf(one, actor);
  expect(conflict?.kind).toBe('text');
  const now = await headOf(one);
  const scripts = { 'a.ts': `${(now.tree as Tree).scripts['a.ts']}// later\n` };
  await control.push(actor, { ...(now.tree as Tree), scripts });
  await control.conflicts.resolve({ projectId, conflictId: conflict?.id ?? '', choice: 'ours' }, actor);
  const text = ((await headOf(one)).tree as Tree).scripts['a.ts'] ?? '';
  expect(text).toContain('export const a = 8;');
  expect(text).not.toContain('export const a = 7;');
  expect(text).toContain('// first');
  expect(text).toContain('// later');
});

test('a pin that one took away and the other replaced goes, and comes back, with the map that holds it', async () => {
  const pinned = (tree: Tree, bytes?: number): Tree => {
    const workflowId = workflowIdOf(tree.project.id);
    const pin = { hash: String(bytes).padStart(64, '0'), bytes: bytes ?? 0 };
    return { ...tree, pins: bytes === undefined ? {} : { [workflowId]: { one: pin } } };
  };
  const one = await bench();
  const { actor, projectId } = one;
  const first = await control.push(actor, pinned(one.base, 1));
  const from = { ...one, base: pinned(one.base, 1), revision: first.revision };
  await meet(from, pinned(one.base, 2), pinned(one.base));
  const [conflict] = await openOf(one, actor);
  expect(conflict).toMatchObject({ kind: 'delete_vs_edit', path: ['pins', one.workflowId, 'one'], chosen: 'theirs' });
  const ids = { projectId, conflictId: conflict?.id ?? '' };
  await control.conflicts.resolve({ ...ids, choice: 'ours' }, actor);
  expect((await headOf(one)).tree.pins).toEqual({});

  const two = await bench();
  const start = await control.push(two.actor, pinned(two.base, 1));
  await meet({ ...two, base: pinned(two.base, 1), revision: start.revision }, pinned(two.base, 2), pinned(two.base, 3));
  await control.push(two.actor, pinned((await headOf(two)).tree as Tree));
  const [open] = await openOf(two, two.actor);
  const other = { projectId: two.projectId, conflictId: open?.id ?? '', choice: 'ours' as const };
  const refused = await refusalOf(() => control.conflicts.resolve(other, two.actor));
  expect(refused.code).toBe('conflict.place_changed');
  await control.conflicts.resolve({ ...other, was: String(refused.details?.was) }, two.actor);
  expect((await headOf(two)).tree.pins).toEqual(pinned(two.base, 3).pins);
});

test('all at once is one commit, and leaves open what was changed since', async () => {
  const one = await bench();
  const { actor, projectId, base } = one;
  const both = (n: number) => setN(setN(base, 'one', n), 'two', n);
  await meet(one, both(7), both(8));
  expect(await openOf(one, actor)).toHaveLength(2);
  await control.push(actor, setN((await headOf(one)).tree as Tree, 'two', 100));
  const before = (await headOf(one)).revision;
  const answer = await control.conflicts.resolveAll({ projectId, choice: 'ours' }, actor);
  expect(answer).toMatchObject({ revision: before + 1, resolved: [expect.any(String)], left: [expect.any(String)] });
  const { tree } = await headOf(one);
  expect([configOf(tree, 'one'), configOf(tree, 'two')]).toEqual([{ fields: { n: 8 } }, { fields: { n: 100 } }]);
  expect((await openOf(one, actor)).map(({ id }) => id)).toEqual(answer.left);
  const rest = await control.conflicts.resolveAll({ projectId, choice: 'theirs' }, actor);
  expect([rest.resolved, rest.left]).toEqual([answer.left, []]);
  expect(await control.conflicts.resolveAll({ projectId, choice: 'theirs' }, actor)).toMatchObject({
    revision: rest.revision,
    resolved: [],
  });
});

test('what needs nobody is listed as decided and holds nothing up', async () => {
  const one = await bench();
  const { actor, projectId, base, workflowId } = one;
  const moved = (x: number): Tree => {
    const workflow = base.workflows[workflowId];
    if (!workflow) throw new Error('no workflow');
    return { ...base, workflows: { [workflowId]: { ...workflow, layout: { one: [x, 0] } } } };
  };
  const { answer } = await meet(one, moved(100), moved(200));
  expect(await openOf(one, actor)).toEqual([]);
  const { data } = await control.conflicts.list({ projectId, status: 'all', limit: 20 }, actor);
  expect(data).toMatchObject([{ kind: 'layout', status: 'resolved' }]);
  expect(data[0]?.resolution).toBeUndefined();
  await control.versions.create({ projectId, expectedRevision: answer.revision, note: '' }, actor);
});

test('a viewer sees conflicts and decides none; other workspaces see that there is nothing', async () => {
  const one = await bench();
  const { actor, projectId, base, workspaceId, userId } = one;
  await meet(one, setN(base, 'one', 7), setN(base, 'one', 8));
  const viewer = control.actorOf(workspaceId, userId, 'viewer');
  const [conflict] = await openOf(one, viewer);
  const ids = { projectId, conflictId: conflict?.id ?? '' };
  await expect(control.conflicts.resolve({ ...ids, choice: 'ours' }, viewer)).rejects.toMatchObject({
    code: 'access.denied',
  });
  expect(await openOf(one, actor)).toHaveLength(1);
  const stranger = await bench();
  const calls = (id: string) => [
    () => control.conflicts.list({ projectId: id, status: 'open', limit: 20 }, stranger.actor),
    () => control.conflicts.resolve({ ...ids, projectId: id, choice: 'ours' }, stranger.actor),
    () => control.conflicts.resolveAll({ projectId: id, choice: 'ours' }, stranger.actor),
  ];
  for (const call of [...calls(projectId), ...calls(newId())]) {
    await expect(call()).rejects.toMatchObject({ code: 'project.not_found' });
  }
  const elsewhere = control.conflicts.resolve(
    { ...ids, projectId: stranger.projectId, choice: 'ours' },
    stranger.actor,
  );
  await expect(elsewhere).rejects.toMatchObject({ code: 'conflict.not_found' });
  await control.conflicts.resolve({ ...ids, choice: 'ours' }, actor);
});

test('conflicts are listed newest first, page by page', async () => {
  const one = await bench();
  const { actor, projectId, base } = one;
  const both = (n: number) => setN(setN(base, 'one', n), 'two', n);
  await meet(one, both(7), both(8));
  const first = await control.conflicts.list({ projectId, status: 'all', limit: 1 }, actor);
  const second = await control.conflicts.list({ projectId, status: 'all', limit: 1, cursor: first.nextCursor }, actor);
  expect(second.nextCursor).toBeUndefined();
  expect(new Set([...first.data, ...second.data].map(({ id }) => id)).size).toBe(2);
  await expect(
    control.conflicts.list({ projectId, status: 'all', limit: 1, cursor: 'made up' }, actor),
  ).rejects.toMatchObject({ code: 'request.invalid' });
});
