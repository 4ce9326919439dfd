import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { type Meter, PLANS, type Plan } from '#shared/plan.ts';
import { runSourceId } from '#shared/run/projectEvents.ts';
import type { Allowances, Sql, StepUse } from '../runs/ports.ts';
import { type Period, periodEnd, periodKey } from './period.ts';
import { addUsed, type Caps, insertUsage, readCounter, readPlan, releaseOne, reserveOne } from './usageStore.ts';

/** In how many periods a meter is counted, and what a plan includes; without a limit it is only counted. */
export const METERED: { meter: Meter; period: Period; limit?: (plan: Plan) => number }[] = [
  { meter: 'workflow.runs', period: 'day', limit: (plan) => plan.runsPerDay },
  { meter: 'workflow.runs', period: 'month', limit: (plan) => plan.runsPerMonth },
  { meter: 'workflow.steps', period: 'month' },
  { meter: 'traffic.out_bytes', period: 'month', limit: (plan) => plan.trafficOutBytesPerMonth },
];

const ALERT_PERCENTS = [70, 85, 95, 100];
const RUNS = METERED.filter(({ meter }) => meter === 'workflow.runs');
/** JSON has no infinity. */
const CAPS = Object.fromEntries(
  Object.entries(PLANS).map(([slug, plan]) => {
    const caps = RUNS.map(({ limit }) => limit?.(plan) ?? Number.POSITIVE_INFINITY);
    return [slug, caps.map((cap) => (Number.isFinite(cap) ? cap : null))];
  }),
) as Caps;

/** A share of an allowance was passed, in the transaction that passed it. */
export type AllowanceAlert = {
  workspaceId: string;
  meter: Meter;
  period: Period;
  percent: number;
  used: number;
  limit: number;
};

export type AllowanceDeps = {
  log: Logger;
  /** Keeps the alert where its owner sees it. */
  alert?: (sql: Sql, alert: AllowanceAlert) => Promise<void>;
};

export type FullAllowances = Allowances & {
  /** Bytes that left a container. `sourceId` makes each report count once. */
  countTraffic(sql: Sql, workspaceId: string, reports: { sourceId: string; bytes: number }[], at: Date): Promise<void>;
};

/** Holds hosted use to the plan: runs are set aside when they are accepted, and counted once when they leave the queue. */
export function createAllowances({ log, alert }: AllowanceDeps): FullAllowances {
  async function planOf(sql: Sql, workspaceId: string): Promise<Plan> {
    const slug = await readPlan(sql, workspaceId);
    if (!slug) throw new SluiceError('workspace.not_found', 'There is no such workspace.');
    return PLANS[slug];
  }

  async function count(sql: Sql, workspaceId: string, uses: readonly Use[]): Promise<void> {
    if (uses.length === 0) return;
    const fresh = await insertUsage(sql, workspaceId, [...uses]);
    const additions = METERED.flatMap(({ meter, period, limit }) => {
      const amount = fresh.get(meter) ?? 0;
      // What is reported together is of one meter's time.
      const use = uses.find((one) => one.meter === meter);
      if (amount === 0 || !use) return [];
      return [{ meter, period: periodKey(period, use.at), amount, wasReserved: use.wasReserved, of: period, limit }];
    });
    if (additions.length === 0) return;
    const counters = await addUsed(sql, workspaceId, additions);
    for (const { meter, period: key, amount, of: period, limit } of additions) {
      const now = counters.find((counter) => counter.meter === meter && counter.period === key);
      if (!limit || !now?.plan) continue;
      const most = limit(PLANS[now.plan]);
      const percent = passedPercent(now.used - amount, now.used, most);
      if (percent === undefined) continue;
      const told = { workspaceId, meter, period, percent, used: now.used, limit: most };
      log.warn(percent === 100 ? 'An allowance is used up.' : 'An allowance is nearly used up.', told);
      await alert?.(sql, told);
    }
  }

  return {
    planOf,

    async reserveRun(sql, workspaceId, at) {
      const keys = RUNS.map(({ period }) => periodKey(period, at));
      const taken = await reserveOne(sql, { workspaceId, meter: 'workflow.runs', periods: keys, caps: CAPS });
      const full = keys.findIndex((key) => !taken.includes(key));
      if (full < 0) return;
      const { meter, period, limit } = RUNS[full] as (typeof RUNS)[number];
      const plan = await planOf(sql, workspaceId);
      const counter = await readCounter(sql, workspaceId, meter, keys[full] as string);
      throw exceeded(plan, meter, period, limit?.(plan) ?? 0, at, counter);
    },

    async releaseRun(sql, workspaceId, at) {
      for (const { meter, period } of RUNS) await releaseOne(sql, workspaceId, meter, periodKey(period, at));
    },

    countRun: (sql, workspaceId, { runId, queuedAt }, steps = { sourceIds: [], at: queuedAt }) =>
      count(sql, workspaceId, [
        { meter: 'workflow.runs', sourceId: runSourceId(runId), amount: 1, at: queuedAt, wasReserved: true },
        ...stepUses(steps),
      ]),

    countSteps: (sql, workspaceId, steps) => count(sql, workspaceId, stepUses(steps)),

    countTraffic: (sql, workspaceId, reports, at) =>
      count(
        sql,
        workspaceId,
        reports
          .filter(({ bytes }) => bytes > 0)
          .map(({ sourceId, bytes }) => ({
            meter: 'traffic.out_bytes',
            sourceId,
            amount: bytes,
            at,
            wasReserved: false,
          })),
      ),
  };
}

type Use = { meter: Meter; sourceId: string; amount: number; at: Date; wasReserved: boolean };

const stepUses = ({ sourceIds, at }: StepUse): Use[] =>
  sourceIds.map((sourceId) => ({ meter: 'workflow.steps', sourceId, amount: 1, at, wasReserved: false }));

function exceeded(
  plan: Plan,
  meter: Meter,
  period: Period,
  limit: number,
  at: Date,
  { used, reserved }: { used: number; reserved: number },
): SluiceError {
  const resetsAt = periodEnd(period, at);
  const retryAfterSeconds = Math.ceil((resetsAt.getTime() - at.getTime()) / 1_000);
  const name = period === 'day' ? 'today' : 'this month';
  return new SluiceError(
    'allowance_exceeded',
    `All ${limit} hosted runs that ${plan.name} includes ${name} are used.`,
    {
      details: { meter, period, limit, used: used + reserved, resetsAt: resetsAt.toISOString(), retryAfterSeconds },
      advice: `Choose a larger plan, or wait until ${resetsAt.toISOString()}. Runs on your own machine are not counted.`,
    },
  );
}

/** The highest alert that lies between the two, if one does. */
function passedPercent(before: number, after: number, limit: number): number | undefined {
  if (!Number.isFinite(limit)) return undefined;
  return ALERT_PERCENTS.findLast((percent) => before < (limit * percent) / 100 && after >= (limit * percent) / 100);
}
