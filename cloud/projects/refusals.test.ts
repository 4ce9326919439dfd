import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { SluiceError } from '#shared/error.ts';
import { type Commit, commitOf, type Op } from '#shared/merge/ops.ts';
import { permissionsOf } from '#shared/permission.ts';
import { PLANS } from '#shared/plan.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, step, treeOf, workflowIdOf } from '../../tests/fixtures/control.ts';
import type { Actor } from '../server/actor.ts';
import { TREE_BYTES, WORKFLOW_BYTES } from './projectPolicy.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

async function bench(plan: 'free' | 'pro' = 'pro') {
  const tenant = await control.newTenant(plan);
  const { actor, projectId } = tenant;
  await control.push(
    actor,
    treeOf(projectId, { start: step('trigger.manual'), one: step('items.limit', { count: 1 }) }),
  );
  const head = await control.projects.head({ projectId }, actor);
  const tree = head.tree as Tree;
  const commit = (next: Tree, more: Partial<Commit> = {}): Commit => ({
    ...commitOf(tree, next, { commitId: newId(), deviceId: newId(), baseRevision: head.revision, origin: 'canvas' }),
    ...more,
  });
  const withScripts = (scripts: Record<string, string>) => commit({ ...tree, scripts });
  const push = async (one: Commit, by: Actor = actor) =>
    control.projects.push({ projectId, commit: one, conflicts: [] }, by);
  return { ...tenant, tree, commit, withScripts, push };
}
type Bench = Awaited<ReturnType<typeof bench>>;

const stored = ({ projectId }: Bench) =>
  control.ownerSql(
    `select h.revision, h.hash, h.tree::text, h.bytes, (select count(*)::int from "commit" where project_id = $1) as commits,
            (select count(*)::int from conflict where project_id = $1) as conflicts
       from project_head h where project_id = $1`,
    [projectId],
  );

/** The push is refused, and leaves nothing behind. */
async function refusal(one: Bench, push: () => unknown): Promise<SluiceError> {
  const before = await stored(one);
  const thrown = await Promise.resolve(push()).then(
    () => undefined,
    (error) => error,
  );
  expect(thrown).toBeInstanceOf(SluiceError);
  expect(await stored(one)).toEqual(before);
  return thrown;
}

const SMALL = 'export {};\n';

test('what the plan has no room for is named, and the rest is taken at the second push', async () => {
  const one = await bench('free');
  const { actor } = one;
  const limit = PLANS.free.storageBytes;
  // Another project of the workspace takes all but 10,000 bytes.
  const other = newId();
  await control.projects.create({ id: other, name: 'Other' }, actor);
  const [mine] = await control.ownerSql<{ bytes: number }>('select bytes from project_head where project_id = $1', [
    one.projectId,
  ]);
  await control.ownerSql('update project_head set bytes = $2 where project_id = $1', [
    other,
    limit - (mine?.bytes ?? 0) - 10_000,
  ]);
  const large = 'x'.repeat(20_000);
  const refused = await refusal(one, () => one.push(one.withScripts({ 'large.ts': large, 'small.ts': SMALL })));
  expect(refused).toMatchObject({
    code: 'plan.limit_exceeded',
    status: 402,
    details: { limit, have: expect.any(Number), paths: [['scripts', 'large.ts']] },
  });
  await one.push(one.withScripts({ 'small.ts': SMALL }));
  // Above the limit, less is still taken.
  await control.ownerSql('update project_head set bytes = $2 where project_id = $1', [other, limit]);
  const { tree, revision } = await control.projects.head({ projectId: one.projectId }, actor);
  const about = { commitId: newId(), deviceId: newId(), baseRevision: revision, origin: 'canvas' as const };
  await one.push(commitOf(tree as Tree, { ...(tree as Tree), scripts: {} }, about));
  // Projects that were deleted take no room, and neither do those of other workspaces.
  await control.ownerSql('update project set deleted_at = now() where id = $1', [other]);
  await control.push(actor, { ...one.tree, scripts: { 'large.ts': large } });
});

test('a role that may not change some parts is told which, and the rest is taken', async () => {
  const one = await bench();
  const { tree, workflowId } = { ...one, workflowId: workflowIdOf(one.projectId) };
  const workflow = tree.workflows[workflowId];
  if (!workflow) throw new Error('no workflow');
  const renamed = { ...tree, workflows: { [workflowId]: { ...workflow, name: 'Other' } } };
  const viewer = control.actorOf(one.workspaceId, one.userId, 'viewer');
  expect(await refusal(one, () => one.push(one.commit(renamed), viewer))).toMatchObject({
    code: 'access.denied',
    status: 403,
    details: { paths: [['workflows', workflowId, 'name']] },
  });
  const without = new Set(permissionsOf('editor'));
  without.delete('script:write');
  const noScripts = { ...control.actorOf(one.workspaceId, one.userId, 'editor'), permissions: without };
  const both = one.commit({ ...renamed, scripts: { 'a.ts': SMALL } });
  expect(await refusal(one, () => one.push(both, noScripts))).toMatchObject({
    code: 'access.denied',
    details: { paths: [['scripts', 'a.ts']] },
  });
  await one.push(one.commit(renamed), noScripts);
});

test("another workspace's project is missing, word for word like one that never was", async () => {
  const one = await bench();
  const { actor: stranger } = await control.newTenant();
  const commit = one.withScripts({ 'a.ts': SMALL });
  const foreign = await refusal(one, () => one.push(commit, stranger));
  const missing = await refusal(one, () =>
    control.projects.push({ projectId: newId(), commit, conflicts: [] }, stranger),
  );
  expect(foreign.toWire()).toEqual(missing.toWire());
  expect(foreign).toMatchObject({ code: 'project.not_found', status: 404 });
  await one.push(commit);
});

test('a commit on an old base that clashes is to be merged, and one that is from the future as well', async () => {
  const one = await bench();
  await one.push(one.withScripts({ 'a.ts': SMALL }));
  expect(await refusal(one, () => one.push(one.withScripts({ 'a.ts': 'export const a = 1;\n' })))).toMatchObject({
    code: 'project.rebase_required',
    status: 409,
    details: { paths: [['scripts', 'a.ts']] },
  });
  const future = one.commit({ ...one.tree, scripts: { 'b.ts': SMALL } }, { baseRevision: 9 });
  expect(await refusal(one, () => one.push(future))).toMatchObject({ code: 'project.rebase_required' });
  await one.push(one.withScripts({ 'b.ts': SMALL }));
});

test('a workflow or project above its size is refused with both numbers', async () => {
  const one = await bench();
  const workflowId = workflowIdOf(one.projectId);
  const workflow = one.tree.workflows[workflowId];
  if (!workflow) throw new Error('no workflow');
  const big = (bytes: number) =>
    one.commit({
      ...one.tree,
      workflows: {
        [workflowId]: {
          ...workflow,
          steps: { ...workflow.steps, big: step('items.set', { text: 'x'.repeat(bytes) }) },
        },
      },
    });
  expect(await refusal(one, () => one.push(big(WORKFLOW_BYTES)))).toMatchObject({
    code: 'request.too_large',
    status: 413,
    details: { workflowId, limit: WORKFLOW_BYTES },
  });
  const scripts = Object.fromEntries(Array.from({ length: 42 }, (_, i) => [`s${i}.ts`, 'x'.repeat(500_000)]));
  expect(await refusal(one, () => one.push(one.withScripts(scripts)))).toMatchObject({
    code: 'request.too_large',
    details: { limit: TREE_BYTES },
  });
  await one.push(big(WORKFLOW_BYTES - 10_000));
});

test('what is no project afterwards is refused with the place', async () => {
  const one = await bench();
  const path = ['workflows', workflowIdOf(one.projectId), 'steps', 'one', 'onError'];
  const [op] = one.commit({ ...one.tree, scripts: { 'a.ts': SMALL } }).ops;
  const was = commitOf({ ...one.tree, scripts: { 'a.ts': 'stop' } }, one.tree, { ...one.commit(one.tree), message: '' })
    .ops[0] as Op & { was: string };
  const ops: Op[] = [op as Op, { op: 'set', path, value: 'explode', was: was.was }];
  expect(await refusal(one, () => one.push(one.commit(one.tree, { ops })))).toMatchObject({
    code: 'project.invalid',
    status: 422,
    details: { path },
  });
  const lie = { ...one.withScripts({ 'a.ts': SMALL }), resultHash: 'a'.repeat(64) };
  expect(await refusal(one, () => one.push(lie))).toMatchObject({ code: 'project.invalid' });
  await one.push(one.withScripts({ 'a.ts': SMALL }));
});

test('nobody changes a project that is locked, not even who locked it; once unlocked the same push is taken', async () => {
  const one = await bench();
  const { actor, projectId, workspaceId } = one;
  const locked = await control.projects.lock({ projectId }, actor);
  expect(locked.locked).toEqual({ at: expect.any(String), byName: 'Owner' });
  const commit = one.withScripts({ 'a.ts': SMALL });
  expect(await refusal(one, () => one.push(commit))).toMatchObject({
    code: 'project.locked',
    status: 423,
    message: 'Owner has locked the project, so nobody can change it.',
  });
  await control.projects.lock({ projectId }, actor);
  expect((await control.projects.unlock({ projectId }, actor)).locked).toBeUndefined();
  const answer = await one.push(commit);
  // What was taken before the lock is answered as it was.
  await control.projects.lock({ projectId }, actor);
  expect(await one.push(commit)).toEqual(answer);
  const audit = await control.ownerSql<{ action: string }>(
    "select action from audit_entry where workspace_id = $1 and action like 'project.%' order by seq",
    [workspaceId],
  );
  expect(audit.map(({ action }) => action)).toEqual(['project.lock', 'project.unlock', 'project.lock']);
  const { access } = cloudApi.projects.lock;
  expect([permissionsOf('admin').has(access), permissionsOf('editor').has(access)]).toEqual([true, false]);
});

test('pushes that come while a project is being locked are in before it or refused', async () => {
  const one = await bench();
  const { actor, projectId } = one;
  const commits = Array.from({ length: 8 }, (_, i) => one.withScripts({ [`s${i}.ts`]: SMALL }));
  const pushes = commits.map((commit) => one.push(commit).catch((thrown: SluiceError) => thrown.code));
  const locking = control.projects.lock({ projectId }, actor);
  const outcomes = await Promise.all(pushes);
  const { revision } = await locking;
  const taken = outcomes.filter((outcome) => typeof outcome === 'object');
  expect(taken.length).toBe(revision - 1);
  expect(outcomes.filter((outcome) => outcome === 'project.locked')).toHaveLength(8 - taken.length);
});

test('a format that the server does not know is refused, and the one it knows is taken', async () => {
  const one = await bench();
  const commit = one.withScripts({ 'a.ts': SMALL });
  expect(await refusal(one, () => one.push({ ...commit, format: 2 }))).toMatchObject({
    code: 'client.upgrade_required',
    status: 426,
    details: { format: 2, known: 1 },
  });
  expect(
    cloudApi.projects.push.input.safeParse({ projectId: one.projectId, commit: { ...commit, format: 0 } }).success,
  ).toBe(false);
  await one.push(commit);
});

test('a push with a record that cannot be kept takes neither the commit nor the record', async () => {
  const one = await bench();
  const commit = one.withScripts({ 'a.ts': SMALL });
  const record = {
    id: newId(),
    commitId: commit.commitId,
    path: ['scripts', 'a.ts'],
    kind: 'text' as const,
    theirs: 'a',
    ours: 'b',
    chosen: 'theirs' as const,
    who: {},
  };
  const conflicts = (ours: string) => [{ ...record, ours }];
  const { projectId, actor } = one;
  const refused = await refusal(one, () =>
    control.projects.push({ projectId, commit, conflicts: conflicts('a\0b') }, actor),
  );
  expect(refused.code).toBe('request.invalid');
  await control.projects.push({ projectId, commit, conflicts: conflicts('b') }, actor);
  expect((await stored(one))[0]).toMatchObject({ conflicts: 1 });
});
