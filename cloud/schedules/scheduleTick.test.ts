import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import type { Settings } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, eventsOf, step, treeOf } from '../../tests/fixtures/control.ts';
import { awayFromMidnight } from '../../tests/fixtures/midnight.ts';
import { reconcile, resumeDue } from '../worker/reconcile.ts';
import { nextAfter } from './plan.ts';
import { scheduleTick } from './scheduleTick.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const tick = () => scheduleTick({ ...control, database: control.db });
const MINUTE = 60_000;
/** So that no minute passes by itself while a test runs. */
const YEARLY = '0 0 1 1 *';
const EACH_MINUTE = '* * * * *';

async function scheduled(config: JsonObject = {}, plan: 'free' | 'pro' = 'pro', settings: Partial<Settings> = {}) {
  const tenant = await control.newTenant(plan);
  const { actor, projectId, workspaceId } = tenant;
  const tree = treeOf(
    projectId,
    {
      tick: step('trigger.schedule', { cron: YEARLY, ...config }),
      work: step('items.set', { fields: { n: 1 } }, { mode: 'each' }),
    },
    { edges: ['tick.main->work.main'] },
  );
  for (const workflow of Object.values(tree.workflows)) workflow.settings = { ...workflow.settings, ...settings };
  await control.publish(actor, tree);
  /** Makes it due as if its planned time had been so long ago. @returns the planned time */
  const due = async (agoMs = 1_000) => {
    const planned = new Date(Date.now() - agoMs);
    await control.ownerSql('update schedule set next_run_at = $2 where workspace_id = $1', [workspaceId, planned]);
    await control.ownerSql('update schedule_claim set next_run_at = $2, lease_until = null where workspace_id = $1', [
      workspaceId,
      planned,
    ]);
    return planned;
  };
  const fires = () =>
    control.ownerSql<{ planned_at: Date; outcome: string; run_id: string | null }>(
      'select planned_at, outcome, run_id from schedule_fire where workspace_id = $1 order by planned_at',
      [workspaceId],
    );
  const next = async () =>
    (
      await control.ownerSql<{ next_run_at: Date }>('select next_run_at from schedule where workspace_id = $1', [
        workspaceId,
      ])
    )[0]?.next_run_at;
  const runs = async () => (await control.runs.list({ projectId, limit: 100 }, actor)).data.reverse();
  return { ...tenant, tree, due, fires, next, runs };
}

test('a due schedule starts one run with its planned time, and the next is counted from the planned one', async () => {
  const { due, fires, next, runs, workspaceId } = await scheduled();
  const planned = await due(20_000);
  await tick();
  const [run] = await runs();
  expect(run).toMatchObject({ trigger: 'schedule', triggerStepId: 'tick', status: 'queued' });
  expect(await fires()).toEqual([{ planned_at: planned, outcome: 'started', run_id: run?.id }]);
  expect(await next()).toEqual(nextAfter(YEARLY, 'UTC', planned));
  expect(control.rings).toContain(run?.id);
  const agent = await control.newAgent(workspaceId);
  const [assignment] = (await agent.next()).runs;
  expect(assignment?.input).toEqual([{ json: { plannedAt: planned.toISOString(), startedAt: expect.any(String) } }]);
});

test('many tickers at once fire each planned time once', async () => {
  const several = await Promise.all([1, 2, 3, 4].map(() => scheduled({ overlap: 'allow' })));
  for (const { due } of several) await due();
  await Promise.all(Array.from({ length: 8 }, tick));
  for (const { fires, runs } of several) {
    expect(await fires()).toHaveLength(1);
    expect(await runs()).toHaveLength(1);
  }
});

test('a planned time that somebody had already is not fired again after a crash before the next was set', async () => {
  const { due, fires, runs, workspaceId } = await scheduled({ overlap: 'allow' });
  const planned = await due();
  await tick();
  for (const table of ['schedule', 'schedule_claim']) {
    await control.ownerSql(`update ${table} set next_run_at = $2 where workspace_id = $1`, [workspaceId, planned]);
  }
  await tick();
  expect((await fires()).filter(({ planned_at: at }) => at.getTime() === planned.getTime())).toHaveLength(1);
  expect(await runs()).toHaveLength(1);
});

test('times that were missed are left out, or made up for within the window, and each says what became of it', async () => {
  const left = await scheduled({ cron: EACH_MINUTE });
  await left.due(5 * MINUTE);
  await tick();
  const outcomes = (await left.fires()).map(({ outcome }) => outcome);
  expect(outcomes.filter((one) => one === 'missed').length).toBeGreaterThanOrEqual(3);
  expect((await left.runs()).length).toBeLessThanOrEqual(1);

  const made = await scheduled({ cron: EACH_MINUTE, catchUpMinutes: 10, overlap: 'allow' });
  await made.due(5 * MINUTE);
  await tick();
  const caught = (await made.fires()).map(({ outcome }) => outcome);
  expect(caught).toContain('caught_up');
  expect(caught).not.toContain('missed');
  expect(await made.runs()).toHaveLength(caught.length);
});

test('skip leaves a time out while the last run is still going', async () => {
  const { due, fires, runs } = await scheduled({ overlap: 'skip' });
  await due(3_000);
  await tick();
  await due(2_000);
  await tick();
  expect((await fires()).map(({ outcome }) => outcome)).toEqual(['started', 'skipped_overlap']);
  expect(await runs()).toHaveLength(1);
});

test('queue_one lets one run wait, which starts when the one before has ended', async () => {
  const { due, fires, runs, workspaceId } = await scheduled({ overlap: 'queue_one' });
  const agent = await control.newAgent(workspaceId);
  await due(4_000);
  await tick();
  const [first] = (await agent.next()).runs;
  if (!first) throw new Error('no run');
  await agent.report(first, eventsOf(first, { type: 'run.started' }));
  for (const ago of [3_000, 2_000]) {
    await due(ago);
    await tick();
  }
  expect((await fires()).map(({ outcome }) => outcome)).toEqual(['started', 'queued', 'skipped_overlap']);
  expect((await agent.next()).runs).toEqual([]);
  await agent.report(first, eventsOf({ ...first, events: [{ seq: 1 } as never] }, { type: 'run.ended' }), true);
  const [second] = (await agent.next()).runs;
  expect(second?.runId).toBe((await runs())[1]?.id);
});

test('one that waits behind a run whose end nobody noticed is found by the sweep', async () => {
  const { due, workspaceId } = await scheduled({ overlap: 'queue_one' });
  const agent = await control.newAgent(workspaceId);
  await due(4_000);
  await tick();
  const [first] = (await agent.next()).runs;
  if (!first) throw new Error('no run');
  await agent.report(first, eventsOf(first, { type: 'run.started' }));
  await due(3_000);
  await tick();
  // The end was committed just before the next run was written.
  await control.ownerSql(`update run set status = 'succeeded' where id = $1`, [first.runId]);
  await control.ownerSql(`update run_claim set status = 'done' where run_id = $1`, [first.runId]);
  expect(await resumeDue({ database: control.db, wake: () => undefined })).toBe(1);
  expect((await agent.next()).runs).toHaveLength(1);
});

test('cancel ends the older run and starts the new one', async () => {
  const { due, runs } = await scheduled({ overlap: 'cancel' });
  await due(3_000);
  await tick();
  await due(2_000);
  await tick();
  expect((await runs()).map(({ status }) => status)).toEqual(['cancelled', 'queued']);
});

test('a time whose run the plan refuses is recorded as that, and the schedule goes on', async () => {
  await awayFromMidnight();
  const { due, fires, next, runs, workspaceId } = await scheduled({ overlap: 'allow' }, 'free');
  await control.ownerSql(
    `insert into usage_counter (workspace_id, meter, period, used, updated_at)
     values ($1, 'workflow.runs', to_char(now() at time zone 'utc', 'YYYY-MM-DD'), 50, now())
     on conflict (workspace_id, meter, period) do update set used = 50`,
    [workspaceId],
  );
  const planned = await due();
  await tick();
  expect(await fires()).toEqual([{ planned_at: planned, outcome: 'skipped_allowance', run_id: null }]);
  expect(await runs()).toEqual([]);
  expect((await next())?.getTime()).toBeGreaterThan(planned.getTime());
});

test('a schedule that stays as it was keeps its planned time through a new deployment', async () => {
  const { actor, tree, due, runs } = await scheduled();
  await due(1_000);
  await control.publish(actor, { ...tree, scripts: { 'a.ts': 'export {};\n' } });
  await tick();
  const [run] = await runs();
  expect(run).toMatchObject({ versionNumber: 2 });
  await reconcile({ ...control, database: control.db, wake: () => undefined });
  expect(await runs()).toHaveLength(1);
});

test('a planned time that the workflow’s own limits refuse is not lost sight of, and the next one is not held up', async () => {
  const rate = { count: 1, perMs: 3_600_000 };
  const { due, fires, runs } = await scheduled({ overlap: 'allow' }, 'pro', { rate });
  for (const ago of [30_000, 1_000]) {
    await due(ago);
    await tick();
  }
  expect((await fires()).map(({ outcome }) => outcome)).toEqual(['started', 'skipped_rate']);
  expect(await runs()).toHaveLength(1);
});
