import { DateTime, type DateTimeUnit, type Duration, type DurationUnit } from 'luxon';
import { numberArg, textArg } from './args.ts';
import { checkFormat, toDate, toDuration, valid, zoneOf } from './dateMaking.ts';
import { charge, currentTime, type Evaluation, failure } from './evaluation.ts';
import { type MethodEntry, method, type PropertyEntry, type Table, table } from './tables.ts';
import { emptyFields, type Fields, isFields } from './values.ts';

type Args = readonly unknown[];
type DateEntry = MethodEntry<DateTime>;
type SpanEntry = MethodEntry<Duration>;

const UNITS = ['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond'] as const;

/** A unit of time, in the singular, from `day` or `days`. */
function unitArg(evaluation: Evaluation, args: Args, index: number, fallback?: string): DateTimeUnit {
  const name = textArg(evaluation, args, index, fallback);
  const unit = UNITS.find((known) => name === known || name === `${known}s`);
  if (unit === undefined)
    throw failure(evaluation, `"${name.slice(0, 40)}" is not a unit of time.`, `Units are ${UNITS.join(', ')}.`);
  return unit;
}

/** One unit or a list of them, as `diff` takes it. */
function unitList(evaluation: Evaluation, value: unknown): DurationUnit[] {
  const list: unknown[] = Array.isArray(value) ? value.slice(0, 10) : [value ?? 'milliseconds'];
  return list.map((_unit, index) => unitArg(evaluation, list, index));
}

function plain(source: object): Fields {
  const fields = emptyFields();
  for (const [key, value] of Object.entries(source)) fields[key] = value;
  return fields;
}

function shift(evaluation: Evaluation, self: DateTime, args: Args, sign: 1 | -1): DateTime {
  const length = toDuration(evaluation, args[0], args[1]);
  return valid(evaluation, sign === 1 ? self.plus(length) : self.minus(length), 'The result');
}

/** With one unit a number of them, else an object. */
function distance(evaluation: Evaluation, self: DateTime, other: DateTime, units: unknown): unknown {
  const wanted = unitList(evaluation, units ?? 'days');
  charge(evaluation, 30);
  const length = self.diff(other, wanted);
  return wanted.length === 1 ? length.as(wanted[0] as DurationUnit) : plain(length.toObject());
}

function format(evaluation: Evaluation, self: DateTime, args: Args): string {
  return self.toFormat(checkFormat(evaluation, args[0]));
}

function startOf(evaluation: Evaluation, self: DateTime, args: Args): DateTime {
  return valid(evaluation, self.startOf(unitArg(evaluation, args, 0, 'week')), 'The result');
}

function set(evaluation: Evaluation, self: DateTime, args: Args): DateTime {
  if (!isFields(args[0])) throw failure(evaluation, 'set needs an object such as { hour: 9, minute: 0 }.');
  const fields: Record<string, number> = {};
  for (const key of Object.keys(args[0]).slice(0, 20)) fields[key] = numberArg(evaluation, [args[0][key]], 0);
  return valid(evaluation, self.set(fields), 'The result');
}

const get = (doc: string, read: (date: DateTime) => unknown): PropertyEntry<DateTime> => ({ doc, get: read });

export const DATE_PROPERTIES: Table<PropertyEntry<DateTime>> = table({
  year: get('The year.', (d) => d.year),
  quarter: get('The quarter, 1 to 4.', (d) => d.quarter),
  month: get('The month, 1 to 12.', (d) => d.month),
  monthLong: get('The name of the month.', (d) => d.monthLong),
  monthShort: get('The short name of the month.', (d) => d.monthShort),
  weekNumber: get('The ISO week, 1 to 53.', (d) => d.weekNumber),
  weekYear: get('The year the ISO week belongs to.', (d) => d.weekYear),
  weekday: get('The day of the week: 1 is Monday, 7 is Sunday.', (d) => d.weekday),
  weekdayLong: get('The name of the day.', (d) => d.weekdayLong),
  weekdayShort: get('The short name of the day.', (d) => d.weekdayShort),
  isWeekend: get('Whether it is a Saturday or Sunday.', (d) => d.weekday > 5),
  day: get('The day of the month.', (d) => d.day),
  ordinal: get('The day of the year.', (d) => d.ordinal),
  daysInMonth: get('How many days its month has.', (d) => d.daysInMonth),
  isInLeapYear: get('Whether its year is a leap year.', (d) => d.isInLeapYear),
  hour: get('The hour, 0 to 23.', (d) => d.hour),
  minute: get('The minute.', (d) => d.minute),
  second: get('The second.', (d) => d.second),
  millisecond: get('The millisecond.', (d) => d.millisecond),
  zoneName: get('Its time zone.', (d) => d.zoneName),
  offset: get('Minutes ahead of UTC.', (d) => d.offset),
});

export const DATE_METHODS: Table<DateEntry> = table<DateEntry>({
  beginningOf: method('(unit)', 'The first moment of its day, month, …; the week without an argument.', startOf),
  diff: method('(date, unit?)', 'The length of time since another date, in a unit or a list of units.', (e, d, a) => {
    charge(e, 30);
    return valid(e, d.diff(toDate(e, a[0]), unitList(e, a[1])), 'The difference');
  }),
  diffNow: method('(unit?)', 'The length of time from now to it.', (e, d, a) =>
    valid(e, d.diff(currentTime(e), unitList(e, a[0])), 'The difference'),
  ),
  diffTo: method('(date, unit?)', 'How many days, or another unit, from it to another date.', (e, d, a) =>
    distance(e, toDate(e, a[0]), d, a[1]),
  ),
  diffToNow: method('(unit?)', 'How many days, or another unit, from now to it.', (e, d, a) =>
    distance(e, d, currentTime(e), a[0]),
  ),
  endOfMonth: method('()', 'The last moment of its month.', (e, d) => valid(e, d.endOf('month'), 'The result')),
  endOf: method('(unit)', 'The last moment of its day, month, ….', (e, d, a) =>
    valid(e, d.endOf(unitArg(e, a, 0, 'week')), 'The result'),
  ),
  equals: method('(date)', 'Whether it is the same moment.', (e, d, a) => d.toMillis() === toDate(e, a[0]).toMillis()),
  extract: method('(unit)', 'One part of it: its year, month, day, ….', (e, d, a) =>
    d.get(unitArg(e, a, 0, 'week') as 'year'),
  ),
  format: method('(format)', 'As text, in a form such as yyyy-MM-dd.', format),
  hasSame: method('(date, unit)', 'Whether both lie in the same day, month, ….', (e, d, a) =>
    d.hasSame(toDate(e, a[0]), unitArg(e, a, 1)),
  ),
  isBetween: method('(from, to)', 'Whether it lies between two dates.', (e, d, a) => {
    const [from, to] = [toDate(e, a[0]).toMillis(), toDate(e, a[1]).toMillis()];
    return d.toMillis() > Math.min(from, to) && d.toMillis() < Math.max(from, to);
  }),
  isDst: method('()', 'Whether it is daylight saving time then and there.', (_e, d) => d.isInDST),
  isEmpty: method('()', 'Always false: a date is never empty.', () => false),
  isInLast: method('(count?, unit?)', 'Whether it lies in the last so many minutes, or another unit.', (e, d, a) => {
    const since = shift(e, currentTime(e), [a[0] ?? 0, a[1] ?? 'minutes'], -1) as DateTime;
    return d.toMillis() >= since.toMillis() && d.toMillis() <= currentTime(e).toMillis();
  }),
  minus: method('(length, unit?)', 'That much earlier: { days: 1 }, or 1 and "days".', (e, d, a) => shift(e, d, a, -1)),
  plus: method('(length, unit?)', 'That much later: { days: 1 }, or 1 and "days".', (e, d, a) => shift(e, d, a, 1)),
  set: method('(fields)', 'With parts replaced: { hour: 9 }.', set),
  setLocale: method('(language)', 'With names of months and days in another language, such as de-DE.', (e, d, a) => {
    const language = textArg(e, a, 0);
    if (!/^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}$/.test(language))
      throw failure(e, `"${language.slice(0, 40)}" is not a language tag.`, 'Write one such as en-US or de-DE.');
    charge(e, 50);
    return d.setLocale(language);
  }),
  setZone: method('(zone)', 'The same moment on the clock of another time zone.', (e, d, a) =>
    valid(e, d.setZone(zoneOf(e, a[0])), 'The result'),
  ),
  startOf: method('(unit)', 'The first moment of its day, month, ….', startOf),
  toDateTime: method('()', 'Itself.', (_e, d) => d),
  toFormat: method('(format)', 'As text, in a form such as yyyy-MM-dd.', format),
  toHTTP: method('()', 'As text for an HTTP header.', (_e, d) => d.toHTTP()),
  toISO: method('()', 'As ISO text with date, time and offset.', (_e, d) => d.toISO()),
  toInt: method('()', 'Milliseconds since 1970.', (_e, d) => d.toMillis()),
  toISODate: method('()', 'As ISO text, the date alone.', (_e, d) => d.toISODate()),
  toISOTime: method('()', 'As ISO text, the time alone.', (_e, d) => d.toISOTime()),
  toJSON: method('()', 'As ISO text.', (_e, d) => d.toISO()),
  toLocaleString: method('()', 'As short text in American English.', (e, d) => {
    charge(e, 50);
    return d.toLocaleString(DateTime.DATETIME_SHORT);
  }),
  toMillis: method('()', 'Milliseconds since 1970.', (_e, d) => d.toMillis()),
  toObject: method('()', 'Its parts as an object.', (_e, d) => plain(d.toObject())),
  toRelative: method('()', 'As text such as "in 2 days", seen from now.', (e, d) => {
    charge(e, 100);
    return d.toRelative({ base: currentTime(e) });
  }),
  toRFC2822: method('()', 'As text for an e-mail header.', (_e, d) => d.toRFC2822()),
  toSeconds: method('()', 'Seconds since 1970.', (_e, d) => d.toSeconds()),
  toSQL: method('()', 'As text for SQL.', (_e, d) => d.toSQL()),
  toString: method('()', 'As ISO text.', (_e, d) => d.toISO()),
  toUnixInteger: method('()', 'Whole seconds since 1970.', (_e, d) => d.toUnixInteger()),
  toUTC: method('()', 'The same moment in UTC.', (_e, d) => d.toUTC()),
  valueOf: method('()', 'Milliseconds since 1970.', (_e, d) => d.toMillis()),
});

const span = (doc: string, unit: DurationUnit): PropertyEntry<Duration> => ({ doc, get: (d) => d.get(unit) });

export const DURATION_PROPERTIES: Table<PropertyEntry<Duration>> = table({
  years: span('Its years.', 'years'),
  quarters: span('Its quarters.', 'quarters'),
  months: span('Its months.', 'months'),
  weeks: span('Its weeks.', 'weeks'),
  days: span('Its days.', 'days'),
  hours: span('Its hours.', 'hours'),
  minutes: span('Its minutes.', 'minutes'),
  seconds: span('Its seconds.', 'seconds'),
  milliseconds: span('Its milliseconds.', 'milliseconds'),
});

export const DURATION_METHODS: Table<SpanEntry> = table<SpanEntry>({
  as: method('(unit)', 'All of it in one unit.', (e, d, a) => d.as(unitArg(e, a, 0))),
  minus: method('(length, unit?)', 'Shorter by another.', (e, d, a) =>
    valid(e, d.minus(toDuration(e, a[0], a[1])), 'The result'),
  ),
  plus: method('(length, unit?)', 'Longer by another.', (e, d, a) =>
    valid(e, d.plus(toDuration(e, a[0], a[1])), 'The result'),
  ),
  shiftTo: method('(...units)', 'Spread over these units.', (e, d, a) =>
    valid(e, d.shiftTo(...unitList(e, [...a])), 'The result'),
  ),
  toFormat: method('(format)', 'As text, in a form such as hh:mm:ss.', (e, d, a) => d.toFormat(checkFormat(e, a[0]))),
  toHuman: method('()', 'As text such as "2 days, 3 hours".', (e, d) => {
    charge(e, 100);
    return d.toHuman();
  }),
  toISO: method('()', 'As ISO text such as P2DT3H.', (_e, d) => d.toISO()),
  toMillis: method('()', 'All of it in milliseconds.', (_e, d) => d.toMillis()),
  toObject: method('()', 'Its parts as an object.', (_e, d) => plain(d.toObject())),
  toString: method('()', 'As ISO text.', (_e, d) => d.toISO()),
  valueOf: method('()', 'All of it in milliseconds.', (_e, d) => d.toMillis()),
});
