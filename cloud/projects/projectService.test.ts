import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitOf } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, step, treeOf, workflowIdOf } from '../../tests/fixtures/control.ts';
import type { Database } from '../platform/database.ts';
import { createProjectService } from './projectService.ts';
import { createTreeCache } from './treeCache.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const about = (baseRevision: number) => ({
  commitId: newId(),
  deviceId: '0199f2c0-0000-7000-8000-000000000009',
  baseRevision,
  origin: 'canvas' as const,
});

async function projectOfTwo() {
  const tenant = await control.newTenant();
  const { actor, projectId } = tenant;
  const tree = treeOf(projectId, {
    start: step('trigger.manual'),
    one: step('items.set', { fields: { n: 1 } }, { mode: 'each' }),
    two: step('items.set', { fields: { n: 2 } }, { mode: 'each' }),
  });
  await control.push(actor, tree);
  const head = await control.projects.head({ projectId }, actor);
  return { ...tenant, tree: head.tree as Tree, revision: head.revision };
}

function withConfig(tree: Tree, stepId: string, config: Record<string, number>): Tree {
  const workflowId = workflowIdOf(tree.project.id);
  const workflow = tree.workflows[workflowId];
  const old = workflow?.steps[stepId];
  if (!workflow || !old) throw new Error('no such step');
  const steps = { ...workflow.steps, [stepId]: { ...old, config: { fields: config } } };
  return { ...tree, workflows: { [workflowId]: { ...workflow, steps } } };
}

test('a commit moves the head by one, and everybody can fetch it whole', async () => {
  const { actor, projectId, tree, revision } = await projectOfTwo();
  const commit = commitOf(tree, withConfig(tree, 'one', { n: 7 }), about(revision));
  const answer = await control.projects.push({ projectId, commit, conflicts: [] }, actor);
  expect(answer).toEqual({ revision: revision + 1, hash: commit.resultHash, rebased: false });
  const since = await control.projects.commits({ projectId, since: revision }, actor);
  expect(since.commits.map((one) => one.commit)).toEqual([commit]);
  expect(since).toMatchObject({ revision: revision + 1, hash: commit.resultHash });
});

test('the same commit again gets its first answer and moves nothing', async () => {
  const { actor, projectId, tree, revision } = await projectOfTwo();
  const commit = commitOf(tree, withConfig(tree, 'one', { n: 7 }), about(revision));
  const first = await control.projects.push({ projectId, commit, conflicts: [] }, actor);
  const second = await control.projects.push({ projectId, commit, conflicts: [] }, actor);
  expect(second).toEqual(first);
  expect((await control.projects.head({ projectId }, actor)).revision).toBe(revision + 1);
});

test('a commit on an old base is rebased when nobody touched the same things', async () => {
  const { actor, projectId, tree, revision } = await projectOfTwo();
  const mine = commitOf(tree, withConfig(tree, 'one', { n: 7 }), about(revision));
  const theirs = commitOf(tree, withConfig(tree, 'two', { n: 8 }), about(revision));
  await control.projects.push({ projectId, commit: theirs, conflicts: [] }, actor);
  const answer = await control.projects.push({ projectId, commit: mine, conflicts: [] }, actor);
  expect(answer).toMatchObject({ revision: revision + 2, rebased: true });
  const { tree: both, hash } = await control.projects.head({ projectId }, actor);
  const steps = both.workflows[workflowIdOf(projectId)]?.steps;
  expect([steps?.one?.config, steps?.two?.config]).toEqual([{ fields: { n: 7 } }, { fields: { n: 8 } }]);
  expect(hash).toBe(answer.hash);
});

test('a commit that clashes is refused with the paths, and changes nothing', async () => {
  const { actor, projectId, tree, revision } = await projectOfTwo();
  const mine = commitOf(tree, withConfig(tree, 'one', { n: 7 }), about(revision));
  const theirs = commitOf(tree, withConfig(tree, 'one', { n: 8 }), about(revision));
  await control.projects.push({ projectId, commit: theirs, conflicts: [] }, actor);
  await expect(control.projects.push({ projectId, commit: mine, conflicts: [] }, actor)).rejects.toMatchObject({
    code: 'project.rebase_required',
    details: { paths: [['workflows', workflowIdOf(projectId), 'steps', 'one', 'config', 'fields', 'n']] },
  });
  expect((await control.projects.head({ projectId }, actor)).revision).toBe(revision + 1);
});

test('many writers at once all get in, each with a revision of its own', async () => {
  const { actor, projectId, tree, revision } = await projectOfTwo();
  const workflowId = workflowIdOf(projectId);
  const commits = Array.from({ length: 12 }, (_, i) => {
    const workflow = tree.workflows[workflowId];
    if (!workflow) throw new Error('no workflow');
    const steps = { ...workflow.steps, [`extra_${i}`]: step('items.limit', { count: i + 1 }) };
    return commitOf(tree, { ...tree, workflows: { [workflowId]: { ...workflow, steps } } }, about(revision));
  });
  const answers = await Promise.all(
    commits.map((commit) => control.projects.push({ projectId, commit, conflicts: [] }, actor)),
  );
  expect(answers.map((answer) => answer.revision).sort((a, b) => a - b)).toEqual(
    commits.map((_, i) => revision + 1 + i),
  );
  const head = await control.projects.head({ projectId }, actor);
  expect(Object.keys(head.tree.workflows[workflowId]?.steps ?? {})).toHaveLength(15);
});

test('of a burst of commits not each writes the whole tree, and what is read is right at any moment', async () => {
  const { actor, projectId, tree, revision } = await projectOfTwo();
  let written = 0;
  const database: Database = {
    ...control.db,
    withWorkspaceSql: (scope, fn) =>
      control.db.withWorkspaceSql(scope, (sql) =>
        fn({
          query: (text, values) => {
            if (text.includes('update project_head') && values?.[17] !== undefined) written++;
            return sql.query(text, values);
          },
        }),
      ),
  };
  const busy = createProjectService({ ...control, database, trees: createTreeCache() });
  const fresh = () => createProjectService({ ...control, database: control.db, trees: createTreeCache() });
  const commits = Array.from({ length: 30 }, (_, i) =>
    commitOf(tree, { ...tree, scripts: { [`s${i}.ts`]: `export const n = ${i};\n` } }, about(revision)),
  );
  const pushes = commits.map((commit) => busy.push({ projectId, commit, conflicts: [] }, actor));
  for (let i = 0; i < 5; i++) {
    const head = await fresh().head({ projectId }, actor);
    expect(merkleHash(head.tree)).toBe(head.hash);
  }
  await Promise.all(pushes);
  expect(written).toBeLessThan(20);
  expect(written).toBeGreaterThanOrEqual(2);
  const head = await fresh().head({ projectId }, actor);
  expect(head.revision).toBe(revision + 30);
  expect(Object.keys(head.tree.scripts)).toHaveLength(30);
  // The last one waits for nobody, so the stored tree ends at the head, and its size is the true one.
  const [row] = await control.ownerSql<{ tree: Tree; tree_revision: number; bytes: number }>(
    'select tree, tree_revision, bytes from project_head where project_id = $1',
    [projectId],
  );
  expect(row?.tree_revision).toBe(revision + 30);
  expect(row?.bytes).toBe(JSON.stringify(row?.tree).length);
});

test("another workspace's project answers exactly as one that does not exist", async () => {
  const { projectId, tree, revision } = await projectOfTwo();
  const { actor: stranger } = await control.newTenant();
  const commit = commitOf(tree, withConfig(tree, 'one', { n: 7 }), about(revision));
  const calls = (id: string) => [
    () => control.projects.head({ projectId: id }, stranger),
    () => control.projects.commits({ projectId: id, since: 0 }, stranger),
    () => control.projects.push({ projectId: id, commit, conflicts: [] }, stranger),
    () => control.versions.create({ projectId: id, expectedRevision: 1, note: '' }, stranger),
    () => control.versions.list({ projectId: id, limit: 20 }, stranger),
    () => control.environments.list({ projectId: id }, stranger),
    () => control.deployments.list({ projectId: id, limit: 20 }, stranger),
  ];
  const outcome = async (call: () => unknown) => {
    try {
      await call();
      return 'answered';
    } catch (thrown) {
      const { code, message, advice, details } = thrown as Record<string, unknown>;
      return { code, message, advice, details };
    }
  };
  for (const [i, call] of calls(projectId).entries()) {
    const foreign = await outcome(call);
    expect(foreign).toMatchObject({ code: 'project.not_found' });
    expect(foreign).toEqual(await outcome(calls(newId())[i] as () => unknown));
  }
});

test('an id that is taken elsewhere answers as missing, one that is taken here says so', async () => {
  const { actor, projectId } = await projectOfTwo();
  const { actor: stranger } = await control.newTenant();
  await expect(control.projects.create({ id: projectId, name: 'Mine' }, stranger)).rejects.toMatchObject({
    code: 'project.not_found',
  });
  await expect(control.projects.create({ id: projectId, name: 'Mine' }, actor)).rejects.toMatchObject({
    code: 'project.exists',
  });
});

test('a viewer may not push, and is told which paths', async () => {
  const { workspaceId, userId, projectId, tree, revision } = await projectOfTwo();
  const viewer = control.actorOf(workspaceId, userId, 'viewer');
  const commit = commitOf(tree, withConfig(tree, 'one', { n: 7 }), about(revision));
  await expect(control.projects.push({ projectId, commit, conflicts: [] }, viewer)).rejects.toMatchObject({
    code: 'access.denied',
    details: { paths: commit.ops.map(({ path }) => path) },
  });
});

test('a workflow above its size is refused', async () => {
  const { actor, projectId, tree, revision } = await projectOfTwo();
  const workflowId = workflowIdOf(projectId);
  const workflow = tree.workflows[workflowId];
  if (!workflow) throw new Error('no workflow');
  const steps = { ...workflow.steps, big: step('items.set', { fields: { text: 'x'.repeat(1_100_000) } }) };
  const commit = commitOf(tree, { ...tree, workflows: { [workflowId]: { ...workflow, steps } } }, about(revision));
  await expect(control.projects.push({ projectId, commit, conflicts: [] }, actor)).rejects.toMatchObject({
    code: 'request.too_large',
    details: { workflowId },
  });
});

test('the stored tree keeps the order of fields as it was written', async () => {
  const { actor, projectId } = await projectOfTwo();
  const { tree, revision } = await control.projects.head({ projectId }, actor);
  const next = { ...(tree as Tree), scripts: { 'z.ts': 'export {};\n', 'a.ts': 'export {};\n' } };
  await control.projects.push(
    { projectId, commit: commitOf(tree as Tree, next, about(revision)), conflicts: [] },
    actor,
  );
  // Past the cache, from the table itself.
  const [row] = await control.ownerSql<{ tree: Tree }>('select tree from project_head where project_id = $1', [
    projectId,
  ]);
  expect(Object.keys(row?.tree.scripts ?? {})).toEqual(['z.ts', 'a.ts']);
});
