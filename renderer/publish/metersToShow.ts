import type { MeterUsage } from '#shared/contract/cloud/common.ts';

const RUNS = 'workflow.runs';
const MOST_OTHERS = 4;

/** What counts is called so. */
export const METER_NAMES: Record<string, string> = {
  'workflow.runs': 'Hosted runs',
  'workflow.steps': 'Steps',
  'traffic.out_bytes': 'Traffic out',
};

/** How much of what is included is used: 1 is all of it. */
export const shareOf = ({ used, reserved, included }: MeterUsage) =>
  included === undefined ? 0 : included === 0 ? 1 : (used + reserved) / included;

/** What counts before a publish: hosted runs first, then the few others that are limited or in use, fullest first. */
export function metersToShow(meters: readonly MeterUsage[]): MeterUsage[] {
  const others = meters
    .filter((meter) => meter.meter !== RUNS)
    .filter((meter) => meter.included !== undefined || meter.used + meter.reserved > 0)
    .sort((a, b) => shareOf(b) - shareOf(a));
  return [...meters.filter((meter) => meter.meter === RUNS), ...others.slice(0, MOST_OTHERS)];
}
