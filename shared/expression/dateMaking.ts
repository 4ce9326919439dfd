import { DateTime, Duration, FixedOffsetZone, IANAZone, type Zone } from 'luxon';
import { charge, currentTime, type Evaluation, failure } from './evaluation.ts';
import { toNumber } from './operators.ts';
import { type Fields, isFields, kindOf } from './values.ts';

const LOCALE = 'en-US';

/** Hands a date or duration on if it is one, and says why where it is not. */
export function valid<T extends DateTime | Duration>(evaluation: Evaluation, value: T, what: string): T {
  charge(evaluation, 10);
  if (value.isValid) return value;
  const why = value.invalidExplanation ?? value.invalidReason ?? 'unknown reason';
  const kind = value instanceof Duration ? 'a length of time' : 'a date';
  throw failure(evaluation, `${what} is not ${kind}: ${why.slice(0, 160)}.`);
}

/** A time zone by its IANA name, `utc` or an offset such as `UTC+2`. */
export function zoneOf(evaluation: Evaluation, name: unknown): Zone {
  if (name === undefined) return currentTime(evaluation).zone;
  charge(evaluation, 100);
  if (typeof name === 'string' && name.length <= 60) {
    if (name.toLowerCase() === 'utc') return FixedOffsetZone.utcInstance;
    if (name.toLowerCase() === 'local') return currentTime(evaluation).zone;
    const fixed = FixedOffsetZone.parseSpecifier(name);
    if (fixed !== null) return fixed;
    const known = canonicalZone(name);
    if (known !== undefined) return IANAZone.create(known);
  }
  throw failure(
    evaluation,
    `The time zone "${String(name).slice(0, 60)}" is not known.`,
    'Write one such as Europe/Berlin.',
  );
}

/** The one spelling of a zone's name: the library keeps every spelling it meets for good. */
function canonicalZone(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** The `zone` of an options object. */
function zoneFrom(evaluation: Evaluation, options: unknown): Zone {
  return zoneOf(evaluation, isFields(options) && Object.hasOwn(options, 'zone') ? options.zone : undefined);
}

function inScope(evaluation: Evaluation, options: unknown): { zone: Zone; locale: string } {
  return { zone: zoneFrom(evaluation, options), locale: LOCALE };
}

/** Date texts are short; the readers are regular expressions of a library. */
function short(evaluation: Evaluation, text: unknown): string {
  charge(evaluation, 50);
  if (typeof text !== 'string')
    throw failure(evaluation, `A date must be read from a text, and this is ${kindOf(text)}.`);
  if (text.length > 100) throw failure(evaluation, `"${text.slice(0, 40)}…" is too long for a date.`);
  return text;
}

const READERS = {
  fromISO: 'an ISO text such as 2026-03-01T09:00:00Z',
  fromSQL: 'an SQL text such as 2026-03-01 09:00:00',
  fromRFC2822: 'the form of e-mail dates',
  fromHTTP: 'the form of HTTP dates',
} as const;
export type Reader = keyof typeof READERS;
export const DATE_READERS = READERS;

export function readDate(evaluation: Evaluation, reader: Reader, text: unknown, options?: unknown): DateTime {
  const source = short(evaluation, text);
  return valid(evaluation, DateTime[reader](source, inScope(evaluation, options)), `"${source}"`);
}

/** A date from the forms people meet: ISO, SQL, e-mail, HTTP. Without an offset in the text: the workflow's zone. */
export function dateFromText(evaluation: Evaluation, text: unknown): DateTime {
  const source = short(evaluation, text);
  const options = inScope(evaluation, undefined);
  for (const reader of ['fromSQL', 'fromRFC2822', 'fromHTTP'] as const) {
    const date = DateTime[reader](source, options);
    if (date.isValid && !DateTime.fromISO(source, options).isValid) return date;
  }
  return valid(evaluation, DateTime.fromISO(source, options), `"${source}"`);
}

export function dateFromMillis(evaluation: Evaluation, millis: number, options?: unknown): DateTime {
  if (!Number.isFinite(millis)) throw failure(evaluation, `${millis} milliseconds are not a date.`);
  return valid(evaluation, DateTime.fromMillis(millis, inScope(evaluation, options)), String(millis));
}

export function dateFromFields(evaluation: Evaluation, fields: Fields, options?: unknown): DateTime {
  return valid(evaluation, DateTime.fromObject(units(evaluation, fields), inScope(evaluation, options)), 'This object');
}

export function dateFromFormat(evaluation: Evaluation, text: unknown, format: unknown, options?: unknown): DateTime {
  const source = short(evaluation, text);
  const pattern = checkFormat(evaluation, format);
  // Each unit of the format may match several lengths; the library backtracks over all of them.
  const runs = pattern.replace(/'[^']*'/g, '').match(/([A-Za-z])\1*/g) ?? [];
  const weight = runs.reduce((sum, run) => sum + (/^[DtTfF]/.test(run) ? 6 : 1), 0);
  if (weight > 12) throw failure(evaluation, `The date format "${pattern}" has too many parts.`, 'Use at most 12.');
  charge(evaluation, 3 ** weight / 10);
  const date = DateTime.fromFormat(source, pattern, inScope(evaluation, options));
  return valid(evaluation, date, `"${source}" in the form ${pattern}`);
}

export function checkFormat(evaluation: Evaluation, format: unknown): string {
  if (typeof format !== 'string' || format === '' || format.length > 100)
    throw failure(evaluation, 'A date format must be a text of 1 to 100 characters.', 'Write one such as yyyy-MM-dd.');
  charge(evaluation, 20 + 2 * format.length);
  return format;
}

/** A value as a date: a date, an ISO text, or milliseconds. */
export function toDate(evaluation: Evaluation, value: unknown): DateTime {
  if (value instanceof DateTime) return value;
  if (typeof value === 'string') return dateFromText(evaluation, value);
  if (typeof value === 'number') return dateFromMillis(evaluation, value);
  throw failure(evaluation, `A date is needed here, and this is ${kindOf(value)}.`, 'Use $now or DateTime.fromISO(…).');
}

/** `{ days: 1 }` with every value made a number. */
function units(evaluation: Evaluation, fields: Fields): Record<string, number> {
  const result: Record<string, number> = {};
  for (const key of Object.keys(fields).slice(0, 20)) {
    const number = toNumber(fields[key]);
    if (Number.isNaN(number)) throw failure(evaluation, `"${key}" must be a number.`);
    if (/^[A-Za-z]+$/.test(key)) result[key] = number;
    else throw failure(evaluation, `"${key.slice(0, 40)}" is not a unit of time.`, 'Units are years to milliseconds.');
  }
  return result;
}

/** A length of time: a duration, `{ days: 1 }`, an ISO text, or a number with a unit. */
export function toDuration(evaluation: Evaluation, value: unknown, unit?: unknown): Duration {
  charge(evaluation, 20);
  if (value instanceof Duration) return value;
  if (typeof value === 'string' && Number.isNaN(Number(value)))
    return valid(evaluation, Duration.fromISO(short(evaluation, value)), `"${value}"`);
  if (typeof value === 'number' || typeof value === 'string') {
    if (unit === undefined)
      return valid(evaluation, Duration.fromMillis(toNumber(value), { locale: LOCALE }), String(value));
    return fromUnits(evaluation, { [String(unit)]: toNumber(value) });
  }
  if (isFields(value)) return fromUnits(evaluation, value);
  throw failure(
    evaluation,
    `A length of time is needed here, and this is ${kindOf(value)}.`,
    'Write { days: 1 } or 1, "days".',
  );
}

function fromUnits(evaluation: Evaluation, fields: Fields): Duration {
  const duration = Duration.fromObject(units(evaluation, fields), { locale: LOCALE });
  return valid(evaluation, duration, 'This object');
}
