import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Logger } from '#shared/log.ts';
import { PLANS } from '#shared/plan.ts';
import { createTenantDatabase, type TenantDatabase } from '../../tests/fixtures/tenantDatabase.ts';
import type { Sql } from '../platform/database.ts';
import { type AllowanceAlert, createAllowances } from './allowances.ts';
import { periodEnd, periodKey } from './period.ts';
import { readCounter } from './usageStore.ts';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => log };
const alerts: AllowanceAlert[] = [];
const allowances = createAllowances({ log, alert: async (_sql, alert) => void alerts.push(alert) });
const at = new Date('2026-11-20T23:59:30Z');
const later = new Date('2026-11-21T00:00:01Z');
let tenants: TenantDatabase;
let workspaceId: string;

beforeAll(async () => {
  tenants = await createTenantDatabase();
}, 300_000);
afterAll(() => tenants.close());
beforeEach(async () => {
  ({ workspaceId } = await tenants.newWorkspace());
  alerts.length = 0;
});

const inside = <T>(work: (sql: Sql) => Promise<T>) => tenants.db.withWorkspaceSql({ workspaceId }, work);
const runsOf = (period: string) => inside((sql) => readCounter(sql, workspaceId, 'workflow.runs', period));
const setPlan = (plan: string) =>
  inside((sql) => sql.query('update workspace set plan = $2::plan_slug where id = $1', [workspaceId, plan]));

test('of 80 runs that arrive at once on Free, exactly the 50 of the day are accepted', async () => {
  const tries = await Promise.allSettled(
    Array.from({ length: 80 }, () => inside((sql) => allowances.reserveRun(sql, workspaceId, at))),
  );
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(PLANS.free.runsPerDay);
  expect(await runsOf('2026-11-20')).toEqual({ used: 0, reserved: 50 });
  expect(await runsOf('2026-11')).toEqual({ used: 0, reserved: 50 }); // a refused one takes nothing from the month either
});

test('the refusal says which meter, how much, and when it begins anew', async () => {
  for (let i = 0; i < 50; i++) await inside((sql) => allowances.reserveRun(sql, workspaceId, at));
  await expect(inside((sql) => allowances.reserveRun(sql, workspaceId, at))).rejects.toMatchObject({
    code: 'allowance_exceeded',
    status: 429,
    details: {
      meter: 'workflow.runs',
      period: 'day',
      limit: 50,
      used: 50,
      resetsAt: '2026-11-21T00:00:00.000Z',
      retryAfterSeconds: 30,
    },
  });
  await inside((sql) => allowances.reserveRun(sql, workspaceId, later)); // the next day has its own
});

test('a larger plan takes effect with the next run', async () => {
  for (let i = 0; i < 50; i++) await inside((sql) => allowances.reserveRun(sql, workspaceId, at));
  await setPlan('pro');
  await inside((sql) => allowances.reserveRun(sql, workspaceId, at));
  expect(await runsOf('2026-11-20')).toEqual({ used: 0, reserved: 51 });
});

test('the month has a cap of its own', async () => {
  await inside((sql) =>
    sql.query(
      "insert into usage_counter (workspace_id, meter, period, used, updated_at) values ($1, 'workflow.runs', '2026-11', 999, now())",
      [workspaceId],
    ),
  );
  await inside((sql) => allowances.reserveRun(sql, workspaceId, at));
  await expect(inside((sql) => allowances.reserveRun(sql, workspaceId, at))).rejects.toMatchObject({
    details: { period: 'month', limit: 1_000, used: 1_000, resetsAt: '2026-12-01T00:00:00.000Z' },
  });
});

test('a plan without a cap is counted and never refused', async () => {
  await setPlan('enterprise');
  await Promise.all(Array.from({ length: 60 }, () => inside((sql) => allowances.reserveRun(sql, workspaceId, at))));
  expect(await runsOf('2026-11-20')).toEqual({ used: 0, reserved: 60 });
});

test('a run is counted once however often it is told, in the periods it was reserved in', async () => {
  await inside((sql) => allowances.reserveRun(sql, workspaceId, at));
  await inside((sql) => allowances.reserveRun(sql, workspaceId, at));
  await Promise.all(
    Array.from({ length: 10 }, () =>
      inside((sql) => allowances.countRun(sql, workspaceId, { runId: 'run-1', queuedAt: at })),
    ),
  );
  expect(await runsOf('2026-11-20')).toEqual({ used: 1, reserved: 1 });
  expect(await runsOf('2026-11')).toEqual({ used: 1, reserved: 1 });
  await inside((sql) => allowances.releaseRun(sql, workspaceId, at));
  expect(await runsOf('2026-11-20')).toEqual({ used: 1, reserved: 0 });
});

test('a count whose transaction fails is not counted, and counts when it is tried again', async () => {
  const failing = inside(async (sql) => {
    await allowances.countSteps(sql, workspaceId, { sourceIds: ['step:r:/a:0'], at });
    throw new Error('the journal could not be written');
  });
  await expect(failing).rejects.toThrow('journal');
  const steps = () => inside((sql) => readCounter(sql, workspaceId, 'workflow.steps', '2026-11'));
  expect(await steps()).toEqual({ used: 0, reserved: 0 });
  await inside((sql) =>
    allowances.countSteps(sql, workspaceId, { sourceIds: ['step:r:/a:0', 'step:r:/b:0', 'step:r:/a:0'], at }),
  );
  await inside((sql) => allowances.countSteps(sql, workspaceId, { sourceIds: ['step:r:/b:0', 'step:r:/b:1'], at }));
  expect(await steps()).toEqual({ used: 3, reserved: 0 });
});

test('usage equals what was sent, to the unit, under retries from everywhere at once', async () => {
  await setPlan('pro');
  const sources = Array.from({ length: 40 }, (_, run) =>
    Array.from({ length: 5 }, (_, step) => `step:${run}:/s${step}:0`),
  );
  await Promise.all(
    [...sources, ...sources, ...sources].map((ids) =>
      inside((sql) => allowances.countSteps(sql, workspaceId, { sourceIds: ids, at })),
    ),
  );
  expect(await inside((sql) => readCounter(sql, workspaceId, 'workflow.steps', '2026-11'))).toEqual({
    used: 200,
    reserved: 0,
  });
});

test('bytes that left a container count once per report', async () => {
  const reports = [
    { sourceId: 'egress:1', bytes: 700 },
    { sourceId: 'egress:2', bytes: 300 },
    { sourceId: 'egress:3', bytes: 0 },
  ];
  for (let i = 0; i < 3; i++) await inside((sql) => allowances.countTraffic(sql, workspaceId, reports, at));
  expect(await inside((sql) => readCounter(sql, workspaceId, 'traffic.out_bytes', '2026-11'))).toEqual({
    used: 1_000,
    reserved: 0,
  });
});

test('70, 85, 95 and 100 % are each told once', async () => {
  for (let i = 0; i < 50; i++) await inside((sql) => allowances.reserveRun(sql, workspaceId, at));
  for (let i = 0; i < 50; i++)
    await inside((sql) => allowances.countRun(sql, workspaceId, { runId: `run-${i}`, queuedAt: at }));
  expect(alerts.map(({ period, percent, used }) => [period, percent, used])).toEqual([
    ['day', 70, 35],
    ['day', 85, 43],
    ['day', 95, 48],
    ['day', 100, 50],
  ]);
});

test("one workspace's counters are nothing to another", async () => {
  const other = await tenants.newWorkspace();
  for (let i = 0; i < 50; i++) await inside((sql) => allowances.reserveRun(sql, workspaceId, at));
  await tenants.db.withWorkspaceSql(other, (sql) => allowances.reserveRun(sql, other.workspaceId, at));
  // The door of one workspace does not open the other's counter, whatever id is asked for.
  await expect(tenants.db.withWorkspaceSql(other, (sql) => allowances.planOf(sql, workspaceId))).rejects.toMatchObject({
    code: 'workspace.not_found',
  });
  expect(
    await tenants.db.withWorkspaceSql(other, (sql) => readCounter(sql, workspaceId, 'workflow.runs', '2026-11-20')),
  ).toEqual({ used: 0, reserved: 0 });
});

test('periods are named and end in UTC, over the turn of a year', () => {
  const eve = new Date('2026-12-31T23:59:59.999Z');
  expect([periodKey('day', eve), periodKey('month', eve)]).toEqual(['2026-12-31', '2026-12']);
  expect([periodEnd('day', eve), periodEnd('month', eve)].map((end) => end.toISOString())).toEqual([
    '2027-01-01T00:00:00.000Z',
    '2027-01-01T00:00:00.000Z',
  ]);
});
