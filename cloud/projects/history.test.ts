import { randomBytes } from 'node:crypto';
import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitOf, type Origin } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, step, treeOf, workflowIdOf } from '../../tests/fixtures/control.ts';
import { listCommits } from './commitStore.ts';
import { createHistoryService } from './historyService.ts';
import { SNAPSHOT_ABOVE, SNAPSHOT_EVERY } from './takeCommit.ts';
import { createTreeCache } from './treeCache.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

async function bench() {
  const tenant = await control.newTenant();
  const { actor, projectId } = tenant;
  await control.push(
    actor,
    treeOf(projectId, { start: step('trigger.manual'), one: step('items.limit', { count: 1 }) }),
  );
  const head = await control.projects.head({ projectId }, actor);
  let at = { revision: head.revision, tree: head.tree as Tree };
  /** Pushes on top of the last one. */
  const push = async (tree: Tree, about: { origin?: Origin; message?: string } = {}) => {
    const base = { commitId: newId(), deviceId: tenant.userId, baseRevision: at.revision, origin: 'canvas' as Origin };
    const commit = commitOf(at.tree, tree, { ...base, ...about });
    const { revision } = await control.projects.push({ projectId, commit, conflicts: [] }, actor);
    at = { revision, tree };
    return revision;
  };
  return { ...tenant, tree: at.tree, push, workflowId: workflowIdOf(projectId) };
}

test('the history says who changed which parts and why, newest first, by the names they had', async () => {
  const { actor, projectId, tree, push, workflowId } = await bench();
  const workflow = tree.workflows[workflowId];
  const one = workflow?.steps.one;
  if (!workflow || !one) throw new Error('no step');
  const next = {
    ...tree,
    scripts: { 'score.ts': 'export {};\n' },
    workflows: {
      [workflowId]: {
        ...workflow,
        steps: { ...workflow.steps, one: { ...one, name: 'First few', config: { count: 5 } } },
        edges: { 'start.main->one.main': {} },
        layout: { one: [1, 2] as [number, number] },
      },
    },
  };
  const revision = await push(next, { origin: 'restore', message: 'As it was on Monday' });
  await push({ ...next, scripts: {} });
  const { data, nextCursor } = await control.history.list({ projectId, limit: 2 }, actor);
  expect(data.map((entry) => entry.changes)).toEqual([
    [{ path: ['scripts', 'score.ts'], name: 'score.ts', what: 'removed' }],
    [
      { path: ['workflows', workflowId, 'steps', 'one'], name: 'First few', what: 'changed' },
      { path: ['workflows', workflowId, 'edges', 'start.main->one.main'], name: 'start → First few', what: 'added' },
      { path: ['scripts', 'score.ts'], name: 'score.ts', what: 'added' },
      { path: ['workflows', workflowId, 'layout'], name: 'Work', what: 'changed' },
    ],
  ]);
  expect(data[1]).toMatchObject({
    revision,
    hash: merkleHash(next),
    authorName: 'Owner',
    origin: 'restore',
    message: 'As it was on Monday',
    changeCount: 4,
  });
  const older = await control.history.list({ projectId, limit: 2, cursor: nextCursor }, actor);
  expect(older.data.map((entry) => entry.revision)).toEqual([1]);
  expect(older.nextCursor).toBeUndefined();
});

test('any revision can be had again as it was, from a snapshot and the commits since', async () => {
  const { actor, projectId, tree, push } = await bench();
  const trees: Tree[] = [tree];
  const last = SNAPSHOT_EVERY + 5;
  for (let i = 2; i <= last; i++) {
    const next = { ...(trees.at(-1) as Tree), scripts: { [`s${i % 7}.ts`]: `export const n = ${i};\n` } };
    await push(next);
    trees.push(next);
  }
  const snapshots = await control.ownerSql<{ revision: number }>(
    'select revision from tree_snapshot where project_id = $1 order by revision',
    [projectId],
  );
  expect(snapshots.map(({ revision }) => revision)).toEqual([0, SNAPSHOT_EVERY]);
  // Another process, which has seen nothing of it.
  const elsewhere = createHistoryService({ ...control, database: control.db, trees: createTreeCache() });
  for (const revision of [1, 2, 100, SNAPSHOT_EVERY - 1, SNAPSHOT_EVERY, SNAPSHOT_EVERY + 1, last]) {
    const at = await elsewhere.at({ projectId, revision }, actor);
    expect(at.tree).toEqual(trees[revision - 1]);
    expect(at.hash).toBe(merkleHash(trees[revision - 1]));
  }
  expect((await elsewhere.at({ projectId, revision: 0 }, actor)).tree.workflows).toEqual({});
  await expect(elsewhere.at({ projectId, revision: last + 1 }, actor)).rejects.toMatchObject({
    code: 'revision.not_found',
  });
});

test('after a large commit the whole tree is kept, and of many large ones only some are listed at once', async () => {
  const { actor, projectId, tree, push } = await bench();
  // Text that hardly gets smaller when it is compressed.
  const noise = (bytes: number) => randomBytes(bytes / 2).toString('hex');
  const large = (n: number) => ({ ...tree, scripts: { [`s${n}.ts`]: noise(SNAPSHOT_ABOVE + 10_000) } });
  let last = 0;
  for (let n = 0; n < 3; n++) last = await push(large(n));
  const elsewhere = createHistoryService({ ...control, database: control.db, trees: createTreeCache() });
  for (let revision = 1; revision <= last; revision++) {
    expect((await elsewhere.at({ projectId, revision }, actor)).revision).toBe(revision);
  }
  const snapshots = await control.ownerSql('select 1 from tree_snapshot where project_id = $1', [projectId]);
  expect(snapshots).toHaveLength(4);
  const listed = (maxBytes: number) =>
    control.db.withWorkspaceSql(actor, (sql) =>
      listCommits(sql, actor.workspaceId, projectId, { since: 1, limit: 10, maxBytes }),
    );
  expect((await listed(8_000_000)).map(({ revision }) => revision)).toEqual([2, 3, 4]);
  expect((await listed(SNAPSHOT_ABOVE + 100_000)).map(({ revision }) => revision)).toEqual([2]);
  expect((await listed(1)).map(({ revision }) => revision)).toEqual([2]);
});

test('a revision gets a name, another one, and none again', async () => {
  const { actor, projectId, workspaceId, userId } = await bench();
  const named = await control.history.name({ projectId, revision: 1, name: 'Before the move' }, actor);
  expect(named.name).toBe('Before the move');
  await control.history.name({ projectId, revision: 1, name: '‮名前 🧭' }, actor);
  expect((await control.history.list({ projectId, limit: 1 }, actor)).data[0]?.name).toBe('‮名前 🧭');
  await control.history.name({ projectId, revision: 1, name: null }, actor);
  expect((await control.history.list({ projectId, limit: 1 }, actor)).data[0]?.name).toBeUndefined();
  await expect(control.history.name({ projectId, revision: 9, name: 'x' }, actor)).rejects.toMatchObject({
    code: 'revision.not_found',
  });
  const audit = await control.ownerSql(
    "select 1 from audit_entry where workspace_id = $1 and actor_id = $2 and action = 'revision.name'",
    [workspaceId, userId],
  );
  expect(audit).toHaveLength(3);
});

test("another workspace's history answers exactly as one that does not exist", async () => {
  const { projectId } = await bench();
  const { actor: stranger } = await control.newTenant();
  for (const id of [projectId, newId()]) {
    const calls = [
      () => control.history.list({ projectId: id, limit: 20 }, stranger),
      () => control.history.at({ projectId: id, revision: 1 }, stranger),
      () => control.history.name({ projectId: id, revision: 1, name: 'x' }, stranger),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'project.not_found' });
  }
});

test('neither a commit nor a snapshot can be changed or taken away, not even by the owner of the tables', async () => {
  const { projectId } = await bench();
  for (const [table, column] of [
    ['"commit"', 'hash'],
    ['tree_snapshot', 'hash'],
  ]) {
    const rows = await control.ownerSql(`select 1 from ${table} where project_id = $1`, [projectId]);
    expect(rows.length).toBeGreaterThan(0);
    await expect(
      control.ownerSql(`update ${table} set ${column} = 'x' where project_id = $1`, [projectId]),
    ).rejects.toMatchObject({ code: '23001' });
    await expect(control.ownerSql(`delete from ${table} where project_id = $1`, [projectId])).rejects.toMatchObject({
      code: '23001',
    });
  }
});
