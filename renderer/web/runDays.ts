import type { RunSummary } from '#shared/contract/cloud/common.ts';

export type RunDay = { day: string; succeeded: number; failed: number; other: number };

const DAY_MS = 86_400_000;

/**
 * How many runs began on each of the last days, the oldest first. A day of which some runs may not be known is left out.
 *
 * @param runs newest first
 * @param all whether there are no older ones
 * @param days how many, today among them
 */
export function runDays(
  runs: readonly Pick<RunSummary, 'status' | 'queuedAt'>[],
  all: boolean,
  now: number,
  days: number,
): RunDay[] {
  const listed = Array.from({ length: days }, (_, back) => dayOf(now - (days - 1 - back) * DAY_MS));
  const oldest = runs.at(-1);
  const firstWhole = all || !oldest ? '' : dayOf(Date.parse(oldest.queuedAt) + DAY_MS);
  const counts = new Map(listed.map((day) => [day, { day, succeeded: 0, failed: 0, other: 0 }]));
  for (const { status, queuedAt } of runs) {
    const count = counts.get(dayOf(Date.parse(queuedAt)));
    if (!count) continue;
    if (status === 'succeeded') count.succeeded += 1;
    else if (status === 'failed' || status === 'timed_out') count.failed += 1;
    else count.other += 1;
  }
  return [...counts.values()].filter(({ day }) => day >= firstWhole);
}

/** The day of a time, in the zone of whoever looks: `2026-11-21`. */
function dayOf(ms: number): string {
  const date = new Date(ms);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
