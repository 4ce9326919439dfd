export type Period = 'day' | 'month';

/** The name of a period as counters keep it, in UTC: `2026-11-20` or `2026-11`. */
export function periodKey(period: Period, at: Date): string {
  return at.toISOString().slice(0, period === 'day' ? 10 : 7);
}

/** When the period that `at` lies in ends, and its counter begins at nought again. */
export function periodEnd(period: Period, at: Date): Date {
  const day = period === 'day' ? at.getUTCDate() + 1 : 1;
  const month = period === 'day' ? at.getUTCMonth() : at.getUTCMonth() + 1;
  return new Date(Date.UTC(at.getUTCFullYear(), month, day));
}
