export type DurationUnit = 'ms' | 's' | 'min' | 'h' | 'd';

export const UNIT_MS: Record<DurationUnit, number> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };
const GREATEST_FIRST: DurationUnit[] = ['d', 'h', 'min', 's', 'ms'];

/** The greatest unit in which the time is a whole number; without a time seconds. */
export function unitOf(ms: number | undefined): DurationUnit {
  if (ms === undefined || ms === 0) return 's';
  return GREATEST_FIRST.find((unit) => ms % UNIT_MS[unit] === 0) ?? 'ms';
}

/** A number of units in milliseconds, whole and within the bounds. */
export function toMs(count: number, unit: DurationUnit, min: number, max: number): number {
  return Math.min(max, Math.max(min, Math.round(count * UNIT_MS[unit])));
}
