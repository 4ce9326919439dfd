import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitOf } from '#shared/merge/ops.ts';
import { PLANS } from '#shared/plan.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, step, treeOf } from '../../tests/fixtures/control.ts';
import { listCommits } from './commitStore.ts';
import { readHead } from './head.ts';
import { createHistoryService } from './historyService.ts';
import { pruneHistory } from './pruneHistory.ts';
import { SNAPSHOT_ABOVE } from './takeCommit.ts';
import { createTreeCache } from './treeCache.ts';

let control: Control;
let owner: Awaited<ReturnType<Control['ownerClient']>>;
beforeAll(async () => {
  control = await createControlBench();
  owner = await control.ownerClient();
});
afterAll(async () => {
  await owner.end();
  await control.close();
});

const DAYS = PLANS.pro.auditDays;
const COMMITS = 14;
/** The commit that is so large that a whole tree is kept with it. */
const WHOLE = 10;

/** A project of fourteen revisions, the tenth of them with a whole tree. */
async function history() {
  const tenant = await control.newTenant('pro');
  const { actor, projectId, workspaceId } = tenant;
  const trees: Tree[] = [];
  let tree = treeOf(projectId, { start: step('trigger.manual') });
  for (let n = 1; n <= COMMITS; n++) {
    const large: Record<string, string> = n === WHOLE ? { 'large.ts': 'x'.repeat(SNAPSHOT_ABOVE + 1) } : {};
    tree = { ...tree, scripts: { 'n.ts': `export const n = ${n};\n`, ...large } };
    await control.push(actor, tree);
    trees.push(tree);
  }
  /** Makes commits older, as only somebody who owns the tables can. */
  const age = async (upTo: number, days: number) => {
    await owner.query('alter table commit disable trigger append_only');
    await owner.query(
      `update commit set created_at = now() - $3::int * interval '1 day' where project_id = $1 and revision <= $2`,
      [projectId, upTo, days],
    );
    await owner.query('alter table commit enable trigger append_only');
  };
  const revisions = async (table: 'commit' | 'tree_snapshot') =>
    (await owner.query(`select revision from ${table} where project_id = $1 order by revision`, [projectId])).rows.map(
      (row) => row.revision as number,
    );
  const prune = (newestKept = 2) => pruneHistory({ ...control, newestKept }, workspaceId);
  /** As a process reads it that has seen nothing yet. */
  const at = (revision: number) =>
    createHistoryService({ ...control, database: control.db, trees: createTreeCache() }).at(
      { projectId, revision },
      actor,
    );
  return { ...tenant, trees, age, revisions, prune, at };
}

test('commits older than the plan keeps go, and what is left can be read as before', async () => {
  const { actor, projectId, workspaceId, trees, age, revisions, prune, at } = await history();
  await control.history.name({ projectId, revision: 3, name: 'First draft' }, actor);
  await owner.query(
    `insert into version (workspace_id, id, project_id, number, revision, tree, content_hash, exec_hash, runtime_hash, created_by_id)
     values ($1, $2, $3, 1, 5, $4, 'c', 'e', 'r', $5)`,
    [workspaceId, newId(), projectId, JSON.stringify(trees[4]), actor.userId],
  );
  const [sent] = (
    await owner.query('select commit_id, base_revision from commit where project_id = $1 and revision = 8', [projectId])
  ).rows;
  expect(sent.base_revision).toBe(7);
  const conflict = (id: string, status: string, commitId: string) =>
    owner.query(
      `insert into conflict (workspace_id, id, project_id, commit_id, path, kind, answers, chosen, who, place_hash, status, created_by_id)
       values ($1, $2, $3, $4, '["scripts","n.ts"]', 'text', '{}', 'theirs', '{}', $5, $6, $7)`,
      [workspaceId, id, projectId, commitId, '0'.repeat(64), status, actor.userId],
    );
  await conflict(newId(), 'open', sent.commit_id);

  // Young ones stay, however many there are.
  expect(await prune()).toBe(0);
  await age(COMMITS - 1, DAYS + 1);
  expect(await prune()).toBe(6);
  expect(await revisions('commit')).toEqual([3, 5, 7, 8, 11, 12, 13, 14]);
  expect(await revisions('tree_snapshot')).toEqual([3, 5, 7, 8, 10]);
  expect(await prune()).toBe(0);

  for (const revision of [3, 5, 7, 8, 11, 12, 13, 14]) {
    expect((await at(revision)).tree, `revision ${revision}`).toEqual(trees[revision - 1]);
  }
  for (const revision of [0, 1, 2, 4, 6, 9, 10]) {
    await expect(at(revision), `revision ${revision}`).rejects.toMatchObject({ code: 'revision.not_found' });
  }
  const listed = await control.history.list({ projectId, limit: 100 }, actor);
  expect(listed.data.map(({ revision }) => revision)).toEqual([14, 13, 12, 11, 8, 7, 5, 3]);
  expect(listed.data.at(-1)?.name).toBe('First draft');
});

test('the head is what it was for every process, and takes what somebody made long before', async () => {
  const { actor, projectId, workspaceId, trees, age, prune } = await history();
  const place = { workspaceId, projectId };
  const read = (cache = createTreeCache()) =>
    control.db.withWorkspaceSql({ workspaceId }, (sql) => readHead(sql, place, cache));
  const [before, cold] = [trees.at(-1) as Tree, createTreeCache()];
  cold.set(place, { revision: 2, hash: merkleHash(trees[1]) }, trees[1] as Tree, 100);
  await age(COMMITS, DAYS + 1);
  // All are old, and the newest two stay.
  expect(await prune()).toBe(10);
  for (const cache of [createTreeCache(), cold]) {
    const head = await read(cache);
    expect([head.revision, head.hash, head.tree]).toEqual([COMMITS, merkleHash(before), before]);
  }
  // A desktop that was away with revision 2 hears of what is left, sees that it does not lead on, and fetches the head.
  const left = await control.db.withWorkspaceSql({ workspaceId }, (sql) =>
    listCommits(sql, workspaceId, projectId, { since: 2, limit: 1_000 }),
  );
  expect(left.map(({ revision }) => revision)).toEqual([11, 12, 13, 14]);
  const about = { commitId: newId(), deviceId: newId(), baseRevision: 2, origin: 'canvas' as const };
  const theirs = trees[1] as Tree;
  const commit = commitOf(theirs, { ...theirs, project: { ...theirs.project, name: 'Named offline' } }, about);
  const taken = await control.projects.push({ projectId, commit, conflicts: [] }, actor);
  expect(taken).toMatchObject({ revision: COMMITS + 1, rebased: true });
  const head = await read();
  expect(head.tree).toEqual({ ...before, project: { ...before.project, name: 'Named offline' } });
});

test('the newest stay however old they are, and other workspaces keep theirs', async () => {
  const [one, other] = [await history(), await history()];
  for (const { age } of [one, other]) await age(COMMITS, 400);
  expect(await one.prune(100)).toBe(0);
  expect(await one.prune(COMMITS - WHOLE + 1)).toBe(0);
  expect(await one.prune(COMMITS - WHOLE)).toBe(10);
  expect(await other.revisions('commit')).toHaveLength(COMMITS);
});

test('the application may prune nothing else: not young ones, not another workspace’s, not what could not be rebuilt', async () => {
  const { workspaceId, projectId, actor, age, revisions, prune } = await history();
  const { workspaceId: foreign } = await control.newTenant();
  const call = (from: string, of: string, upTo: number, days: number) =>
    control.db.withWorkspaceSql({ workspaceId: from }, (sql) =>
      sql.query('select prune_commits($1, $2, $3, $4)', [of, projectId, upTo, days]),
    );
  await expect(call(workspaceId, workspaceId, WHOLE, 30)).rejects.toMatchObject({ code: '23001' });
  await age(COMMITS, 400);
  await expect(call(workspaceId, workspaceId, WHOLE, 0)).rejects.toMatchObject({ code: '42501' });
  await expect(call(foreign, workspaceId, WHOLE, 30)).rejects.toMatchObject({ code: '42501' });
  await expect(call(foreign, foreign, WHOLE, 30)).rejects.toMatchObject({ code: '23001' });
  await expect(call(workspaceId, workspaceId, WHOLE + 1, 30)).rejects.toMatchObject({ code: '23001' });
  await control.history.name({ projectId, revision: 4, name: 'Named and without a tree' }, actor);
  await expect(call(workspaceId, workspaceId, WHOLE, 30)).rejects.toMatchObject({ code: '23001' });
  const plain = control.db.withWorkspaceSql({ workspaceId }, (sql) => sql.query('delete from commit'));
  await expect(plain).rejects.toMatchObject({ code: '42501' });
  expect(await revisions('commit')).toHaveLength(COMMITS);
  // The control: done as the job does it, it goes.
  expect(await prune()).toBe(9);
});
