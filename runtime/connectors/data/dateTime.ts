import { DateTime, type DateTimeUnit, Duration, FixedOffsetZone, IANAZone, type Zone } from 'luxon';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { AnyJson, FieldName, kindOf, PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const UNITS = ['years', 'quarters', 'months', 'weeks', 'days', 'hours', 'minutes', 'seconds', 'milliseconds'] as const;
const PARTS = [
  ...['year', 'quarter', 'month', 'week', 'day', 'weekday', 'dayOfYear', 'hour', 'minute', 'second', 'millisecond'],
  ...['daysInMonth', 'timestamp', 'offsetMinutes'],
] as const;
const ON_A_DATE = ['format', 'parse', 'add', 'subtract', 'difference', 'round', 'start_of', 'end_of', 'part'];

const Config = z.strictObject({
  action: z
    .enum(['now', 'format', 'parse', 'add', 'subtract', 'difference', 'round', 'start_of', 'end_of', 'part'])
    .default('now')
    .meta({ title: 'What to do', expression: false, order: 1 }),
  date: AnyJson.optional().meta({
    title: 'Date',
    help: 'A text like 2026-03-01T09:00:00Z, or milliseconds since 1970.',
    placeholder: '={{ $json.createdAt }}',
    widget: 'expression',
    showWhen: { action: ON_A_DATE },
    order: 2,
  }),
  reads: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({
      title: 'The date is written as',
      help: 'Empty: ISO, SQL, e-mail or HTTP form, whichever it is.',
      placeholder: 'dd.MM.yyyy HH:mm',
      showWhen: { action: ON_A_DATE },
      order: 3,
    }),
  other: AnyJson.optional().meta({
    title: 'Later date',
    help: 'The difference is how much later it is.',
    widget: 'expression',
    showWhen: { action: 'difference' },
    order: 4,
  }),
  amount: z
    .number()
    .min(-1e9)
    .max(1e9)
    .default(1)
    .meta({ title: 'How many', showWhen: { action: ['add', 'subtract', 'round'] }, order: 5 }),
  unit: z
    .enum(UNITS)
    .default('days')
    .meta({
      title: 'Unit',
      showWhen: { action: ['add', 'subtract', 'difference', 'round', 'start_of', 'end_of'] },
      order: 6,
    }),
  part: z
    .enum(PARTS)
    .default('year')
    .meta({ title: 'Part', showWhen: { action: 'part' }, order: 7 }),
  writes: z
    .string()
    .min(1)
    .max(100)
    .default('yyyy-MM-dd')
    .meta({
      title: 'Write it as',
      help: 'yyyy year, MM month, dd day, HH hour, mm minute, ss second, EEEE weekday, LLLL month as a word.',
      placeholder: 'dd.MM.yyyy HH:mm',
      showWhen: { action: 'format' },
      order: 8,
    }),
  locale: z
    .string()
    .regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/, 'must be a language such as de or en-GB')
    .default('en-US')
    .meta({ title: 'Language of words', showWhen: { action: 'format' }, order: 9 }),
  zone: z.string().min(1).max(60).optional().meta({
    title: 'Time zone',
    help: 'Empty: that of the workflow.',
    placeholder: 'Europe/Berlin',
    order: 10,
  }),
  as: FieldName.default('date').meta({ title: 'Put it into the field', expression: false, order: 11 }),
});
type Config = z.infer<typeof Config>;

export const dateTime = defineStepType({
  version: 1,
  type: 'data.dateTime',
  title: 'Date and time',
  description: 'Reads, writes, moves and compares dates and times.',
  category: 'data',
  icon: 'calendar-clock',
  effect: 'pure',
  mode: 'each',
  config: Config,
  output: PassedOn,
  run({ item, config, clock, timezone }) {
    const zone = readZone(config.zone ?? timezone);
    const value = act(config, zone, () => DateTime.fromMillis(clock.now(), { zone }));
    return { ...item.json, [config.as]: value };
  },
});

function act(config: Config, zone: Zone, now: () => DateTime): Json {
  const { action, amount, unit } = config;
  if (action === 'now') return iso(now());
  const date = readDate(config.date, config.reads, zone, 'date');
  switch (action) {
    case 'parse':
      return iso(date);
    case 'format':
      return date.setLocale(config.locale).toFormat(config.writes);
    case 'add':
      return iso(date.plus({ [unit]: amount }));
    case 'subtract':
      return iso(date.minus({ [unit]: amount }));
    case 'difference':
      return readDate(config.other, config.reads, zone, 'other').diff(date, unit).as(unit);
    case 'round':
      return iso(rounded(date, amount, unit));
    case 'start_of':
      return iso(date.startOf(single(unit)));
    case 'end_of':
      return iso(date.endOf(single(unit)));
    case 'part':
      return partOf(date, config.part);
  }
}

const single = (unit: (typeof UNITS)[number]) => unit.slice(0, -1) as DateTimeUnit;

/** To the nearest multiple, counted from the start of the next larger unit on the clock; a half goes up. */
function rounded(date: DateTime, amount: number, unit: (typeof UNITS)[number]): DateTime {
  const bases = { milliseconds: 'second', seconds: 'minute', minutes: 'hour', hours: 'day' } as const;
  if (unit in bases) {
    const size = Duration.fromObject({ [unit]: amount }).toMillis();
    if (!(size >= 1)) throw invalid('How many', amount, 'Round to one or more of a unit.');
    const base = date.startOf(bases[unit as keyof typeof bases]);
    return base.plus(Math.round(date.diff(base).toMillis() / size) * size);
  }
  if (amount !== 1) throw invalid('How many', amount, 'Days and longer can only be rounded to one of them.');
  const start = date.startOf(single(unit));
  const next = start.plus({ [unit]: 1 });
  return date.toMillis() - start.toMillis() < next.toMillis() - date.toMillis() ? start : next;
}

function partOf(date: DateTime, part: (typeof PARTS)[number]): number {
  switch (part) {
    case 'week':
      return date.weekNumber;
    case 'dayOfYear':
      return date.ordinal;
    case 'daysInMonth':
      return date.daysInMonth ?? 0;
    case 'timestamp':
      return date.toMillis();
    case 'offsetMinutes':
      return date.offset;
    default:
      return date[part as 'year'];
  }
}

function iso(date: DateTime): string {
  const text = date.isValid ? date.toISO() : null;
  if (text !== null) return text;
  throw new SluiceError('data.invalid', 'The date is outside of what can be written.', {
    advice: 'Stay between the years -271821 and 275760.',
  });
}

const READERS = ['fromISO', 'fromSQL', 'fromRFC2822', 'fromHTTP'] as const;

function readDate(value: Json | undefined, format: string | undefined, zone: Zone, field: string): DateTime {
  if (typeof value === 'number') {
    const date = DateTime.fromMillis(Number.isFinite(value) && Math.abs(value) <= 8.64e15 ? value : Number.NaN, {
      zone,
    });
    if (date.isValid) return date;
    throw invalid(field, value, 'Give milliseconds since 1970.');
  }
  if (typeof value !== 'string') {
    throw new SluiceError('data.invalid', `The ${field} is ${kindOf(value)}, not a date.`, {
      advice: 'Name the value in the step, for example ={{ $json.createdAt }}.',
      details: { field },
    });
  }
  // Dates are short; the readers are regular expressions of a library.
  const text = value.trim();
  if (text.length > 100) throw invalid(field, text, 'A date has at most 100 characters.');
  if (format !== undefined) {
    const date = DateTime.fromFormat(text, format, { zone });
    if (date.isValid) return date;
    throw invalid(field, text, `It is not written as ${format}.`);
  }
  for (const reader of READERS) {
    const date = DateTime[reader](text, { zone });
    if (date.isValid) return date;
  }
  throw invalid(field, text, 'Say how it is written, for example dd.MM.yyyy.');
}

function invalid(field: string, value: string | number, advice: string): SluiceError {
  return new SluiceError('data.invalid', `${field}: '${String(value).slice(0, 60)}' cannot be used.`, {
    advice,
    details: { field },
  });
}

/** By IANA name, `utc` or an offset such as `UTC+2`. The library keeps every spelling it meets, so it meets only one of each. */
function readZone(name: string): Zone {
  if (name.toLowerCase() === 'utc') return FixedOffsetZone.utcInstance;
  const fixed = FixedOffsetZone.parseSpecifier(name);
  if (fixed !== null) return fixed;
  try {
    return IANAZone.create(new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone);
  } catch {
    throw invalid('zone', name, 'Write a time zone such as Europe/Berlin.');
  }
}
