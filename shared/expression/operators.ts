import { DateTime, Duration } from 'luxon';
import { charge, type Evaluation, exceeded, failure } from './evaluation.ts';
import { toText } from './text.ts';

/** A value as a number: dates and durations in milliseconds, lists and objects NaN. */
export function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'object' && value !== null) {
    if (value instanceof DateTime || value instanceof Duration) return value.toMillis();
    return Number.NaN;
  }
  return typeof value === 'function' ? Number.NaN : Number(value);
}

function joined(evaluation: Evaluation, left: string, right: string): string {
  const length = left.length + right.length;
  if (length > 256) {
    charge(evaluation, length / 4096);
    if (length > evaluation.budget.text) throw exceeded(evaluation, 'text');
  }
  return left + right;
}

export function add(evaluation: Evaluation, left: unknown, right: unknown): unknown {
  if (typeof left === 'number' && typeof right === 'number') return left + right;
  if (typeof left === 'string' && typeof right === 'string') return joined(evaluation, left, right);
  if (typeof left === 'string' || typeof right === 'string' || isData(left) || isData(right))
    return joined(evaluation, toText(evaluation, left), toText(evaluation, right));
  return toNumber(left) + toNumber(right);
}

/** Whether `+` with a number would make text of it; a date or duration counts as its milliseconds. */
function isData(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof DateTime || value instanceof Duration);
}

/** Comparing long texts costs time in proportion to them. */
function chargeComparison(evaluation: Evaluation, left: string, right: string): void {
  const length = Math.min(left.length, right.length);
  if (length > 256) charge(evaluation, length / 1024);
}

export function strictEquals(evaluation: Evaluation, left: unknown, right: unknown): boolean {
  if (typeof left === 'string' && typeof right === 'string') chargeComparison(evaluation, left, right);
  if (left instanceof DateTime && right instanceof DateTime) return left.toMillis() === right.toMillis();
  return left === right;
}

/** `==`: as JavaScript for plain values; a date equals the same moment; a list or object only itself. */
export function looseEquals(evaluation: Evaluation, left: unknown, right: unknown): boolean {
  const leftData = typeof left === 'object' && left !== null;
  const rightData = typeof right === 'object' && right !== null;
  // biome-ignore lint/suspicious/noDoubleEquals: this is the operator itself, on values without a valueOf of their own.
  if (!leftData && !rightData && typeof left !== 'function' && typeof right !== 'function') return left == right;
  if (leftData !== rightData && (left instanceof DateTime || right instanceof DateTime))
    return toText(evaluation, left) === toText(evaluation, right) || toNumber(left) === toNumber(right);
  return strictEquals(evaluation, left, right);
}

/** -1, 0, 1, or NaN where the two do not compare: texts by code units, everything else as numbers. */
export function compare(evaluation: Evaluation, left: unknown, right: unknown): number {
  if (typeof left === 'string' && typeof right === 'string') {
    chargeComparison(evaluation, left, right);
    return left < right ? -1 : left > right ? 1 : 0;
  }
  const a = toNumber(left);
  const b = toNumber(right);
  return a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN;
}

/** `key in value`: own fields only. */
export function hasField(evaluation: Evaluation, key: unknown, value: unknown): boolean {
  if (typeof value !== 'object' || value === null)
    throw failure(evaluation, '"in" needs an object on its right.', 'For lists and texts use .includes(…).');
  return Object.hasOwn(value, toText(evaluation, key));
}
