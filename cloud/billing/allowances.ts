import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { type Meter, PLANS, type Plan } from '#shared/plan.ts';
import { runSourceId } from '#shared/run/projectEvents.ts';
import type { Allowances, Sql } from '../runs/ports.ts';
import { type Period, periodEnd, periodKey } from './period.ts';
import { addUsed, insertUsage, readCounter, readPlan, releaseOne, reserveOne } from './usageStore.ts';

/** In how many periods a meter is counted, and what a plan includes; without a limit it is only counted. */
export const METERED: { meter: Meter; period: Period; limit?: (plan: Plan) => number }[] = [
  { meter: 'workflow.runs', period: 'day', limit: (plan) => plan.runsPerDay },
  { meter: 'workflow.runs', period: 'month', limit: (plan) => plan.runsPerMonth },
  { meter: 'workflow.steps', period: 'month' },
  { meter: 'traffic.out_bytes', period: 'month', limit: (plan) => plan.trafficOutBytesPerMonth },
];

const ALERT_PERCENTS = [70, 85, 95, 100];
const RUNS = METERED.filter(({ meter }) => meter === 'workflow.runs');

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

  async function count(
    sql: Sql,
    workspaceId: string,
    meter: Meter,
    uses: { sourceId: string; amount: number }[],
    at: Date,
    wasReserved: boolean,
  ): Promise<void> {
    if (uses.length === 0) return;
    const amount = await insertUsage(sql, workspaceId, meter, uses, at);
    if (amount === 0) return;
    let plan: Plan | undefined;
    for (const { period, limit } of METERED.filter((metered) => metered.meter === meter)) {
      const now = await addUsed(sql, { workspaceId, meter, period: periodKey(period, at), amount, wasReserved });
      if (!limit) continue;
      plan ??= await planOf(sql, workspaceId);
      const passed = passedPercent(now.used - amount, now.used, limit(plan));
      if (passed === undefined) continue;
      const told = { workspaceId, meter, period, percent: passed, used: now.used, limit: limit(plan) };
      log.warn(passed === 100 ? 'An allowance is used up.' : 'An allowance is nearly used up.', told);
      await alert?.(sql, told);
    }
  }

  return {
    planOf,

    async reserveRun(sql, workspaceId, at) {
      const plan = await planOf(sql, workspaceId);
      // Always in this order, so that two transactions never wait for each other's counter.
      for (const { meter, period, limit } of RUNS) {
        const cap = limit?.(plan) ?? Number.POSITIVE_INFINITY;
        const key = periodKey(period, at);
        const taken = await reserveOne(sql, {
          workspaceId,
          meter,
          period: key,
          limit: Number.isFinite(cap) ? cap : null,
        });
        if (!taken) throw exceeded(plan, meter, period, cap, at, await readCounter(sql, workspaceId, meter, key));
      }
    },

    async releaseRun(sql, workspaceId, at) {
      for (const { meter, period } of RUNS) await releaseOne(sql, workspaceId, meter, periodKey(period, at));
    },

    countRun: (sql, workspaceId, runId, at) =>
      count(sql, workspaceId, 'workflow.runs', [{ sourceId: runSourceId(runId), amount: 1 }], at, true),

    countSteps: (sql, workspaceId, sourceIds, at) =>
      count(
        sql,
        workspaceId,
        'workflow.steps',
        sourceIds.map((sourceId) => ({ sourceId, amount: 1 })),
        at,
        false,
      ),

    countTraffic: (sql, workspaceId, reports, at) =>
      count(
        sql,
        workspaceId,
        'traffic.out_bytes',
        reports.filter(({ bytes }) => bytes > 0).map(({ sourceId, bytes }) => ({ sourceId, amount: bytes })),
        at,
        false,
      ),
  };
}

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
