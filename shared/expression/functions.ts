import { fieldsArg, listArg, numberArg, optionalNumber, textArg } from './args.ts';
import {
  DATE_READERS,
  dateFromFields,
  dateFromFormat,
  dateFromMillis,
  type Reader,
  readDate,
  toDuration,
} from './dateMaking.ts';
import { charge, chargeText, currentTime, type Evaluation, failure, made } from './evaluation.ts';
import { parseJson } from './json.ts';
import { toNumber } from './operators.ts';
import { replacePlain } from './regexWork.ts';
import { type FunctionEntry, fn, type Table, table } from './tables.ts';
import { stringify, toText } from './text.ts';
import { type Callback, emptyFields, type Fields, isFields } from './values.ts';

type Args = readonly unknown[];

function contains(evaluation: Evaluation, [whole, part]: Args): boolean {
  if (Array.isArray(whole)) {
    charge(evaluation, whole.length);
    return whole.includes(part);
  }
  if (whole === undefined || whole === null) return false;
  return toText(evaluation, whole).includes(toText(evaluation, part));
}

function parseNumber(evaluation: Evaluation, args: Args): number {
  return Number.parseInt(textArg(evaluation, args, 0, ''), optionalNumber(evaluation, args, 1));
}

function asNumber(_evaluation: Evaluation, args: Args): number {
  return args.length === 0 ? 0 : toNumber(args[0]);
}

/** What `{{ uuidv4() }}` and its like may call. Documentation and completion show `args` and `doc`. */
export const FUNCTIONS: Table<FunctionEntry> = table<FunctionEntry>({
  uuidv4: fn('()', 'A new random id.', (e) => e.scope.uuid()),
  now: fn('()', 'The time the step began, like $now.', (e) => currentTime(e)),
  lower: fn('(text)', 'A text in small letters.', (e, a) => made(e, textArg(e, a, 0, '').toLowerCase())),
  upper: fn('(text)', 'A text in capital letters.', (e, a) => made(e, textArg(e, a, 0, '').toUpperCase())),
  default: fn(
    '(value, fallback)',
    'The value, or the fallback where it is undefined, null or empty text.',
    (_e, [value, fallback]) => (value === undefined || value === null || value === '' ? fallback : value),
  ),
  json: fn('(value)', 'The JSON text of a value.', (e, a) => stringify(e, a[0]) ?? 'null'),
  contains: fn('(whole, part)', 'Whether a text or list holds something.', contains),
  replace: fn('(text, searched, replacement)', 'A text with every match of a plain text replaced.', (e, a) => {
    const replacement = textArg(e, a, 2);
    return replacePlain(e, textArg(e, a, 0, ''), textArg(e, a, 1), () => replacement, true);
  }),
  trimSpace: fn('(text)', 'A text without white space at both ends.', (e, a) => textArg(e, a, 0, '').trim()),
  urlEncode: fn('(text)', 'A text made safe for a part of a URL.', (e, a) =>
    made(e, encodeURIComponent(textArg(e, a, 0, ''))),
  ),
  Number: fn('(value)', 'A value as a number, NaN where it is none.', asNumber),
  String: fn('(value)', 'A value as text.', (e, a) => (a.length === 0 ? '' : made(e, toText(e, a[0])))),
  Boolean: fn('(value)', 'Whether a value counts as true.', (_e, a) => Boolean(a[0])),
  parseInt: fn('(text, base?)', 'The whole number a text begins with, or NaN.', parseNumber),
  parseFloat: fn('(text)', 'The number a text begins with, or NaN.', (e, a) => Number.parseFloat(textArg(e, a, 0, ''))),
  isNaN: fn('(value)', 'Whether a value is not a number.', (_e, a) => Number.isNaN(toNumber(a[0]))),
  isFinite: fn('(value)', 'Whether a value is a finite number.', (_e, a) => Number.isFinite(toNumber(a[0]))),
  encodeURIComponent: fn('(text)', 'A text made safe for a part of a URL.', (e, a) =>
    made(e, encodeURIComponent(textArg(e, a, 0))),
  ),
  decodeURIComponent: fn('(text)', 'A text with %XX turned back into characters.', (e, a) =>
    made(e, decodeURIComponent(textArg(e, a, 0))),
  ),
  encodeURI: fn('(text)', 'A whole URL with unsafe characters encoded.', (e, a) =>
    made(e, encodeURI(textArg(e, a, 0))),
  ),
  decodeURI: fn('(text)', 'A whole URL with %XX turned back.', (e, a) => made(e, decodeURI(textArg(e, a, 0)))),
});

const MATH = [
  'abs',
  'acos',
  'asin',
  'atan',
  'cbrt',
  'ceil',
  'cos',
  'exp',
  'floor',
  'log',
  'log10',
  'log2',
  'round',
  'sign',
  'sin',
  'sqrt',
  'tan',
  'trunc',
] as const;

function mathTable(): Table<FunctionEntry> {
  const entries: { [name: string]: FunctionEntry } = {};
  for (const name of MATH)
    entries[name] = fn('(number)', `JavaScript's Math.${name}.`, (_e, a) => Math[name](toNumber(a[0])));
  for (const name of ['max', 'min', 'hypot'] as const)
    entries[name] = fn('(...numbers)', `JavaScript's Math.${name}.`, (e, a) => {
      charge(e, a.length);
      return a.reduce<number>(
        (sum, value) => Math[name](sum, toNumber(value)),
        name === 'max' ? -Infinity : name === 'min' ? Infinity : 0,
      );
    });
  entries.pow = fn('(base, exponent)', "JavaScript's Math.pow.", (_e, a) => toNumber(a[0]) ** toNumber(a[1]));
  entries.atan2 = fn('(y, x)', "JavaScript's Math.atan2.", (_e, a) => Math.atan2(toNumber(a[0]), toNumber(a[1])));
  entries.random = fn('()', 'A number by chance, from 0 up to but not 1.', (e) => e.scope.random());
  return table(entries);
}

/** Own fields of anything that has some: objects, lists and texts. */
function ownKeys(evaluation: Evaluation, args: Args): string[] {
  const [value] = args;
  const keys = Object.keys(typeof value === 'string' || Array.isArray(value) ? value : fieldsArg(evaluation, args, 0));
  charge(evaluation, keys.length);
  return keys;
}

function own(value: unknown, key: string): unknown {
  return (value as Fields)[key];
}

function fromEntries(evaluation: Evaluation, args: Args): Fields {
  const fields = emptyFields();
  for (const pair of listArg(evaluation, args, 0)) {
    charge(evaluation, 1);
    if (!Array.isArray(pair)) throw failure(evaluation, 'Object.fromEntries needs a list of [name, value] pairs.');
    fields[fieldName(evaluation, pair[0])] = pair[1];
  }
  return fields;
}

/** A name for a new field. Errors: `expression.failed` for the ones that are never data. */
export function fieldName(evaluation: Evaluation, value: unknown): string {
  const name = toText(evaluation, value);
  if (name === '__proto__' || name === 'constructor' || name === 'prototype')
    throw failure(evaluation, `"${name}" cannot be used in an expression.`, 'Choose another name.');
  return name;
}

function assign(evaluation: Evaluation, args: Args): Fields {
  const fields = emptyFields();
  for (const value of args) {
    if (!isFields(value)) continue;
    for (const key of Object.keys(value)) {
      charge(evaluation, 1);
      fields[key] = value[key];
    }
  }
  return fields;
}

function arrayFrom(evaluation: Evaluation, args: Args): unknown[] {
  const [source] = args;
  let list: unknown[];
  if (typeof source === 'string' || Array.isArray(source)) {
    charge(evaluation, source.length);
    list = [...source];
  } else {
    const fields = fieldsArg(evaluation, args, 0);
    const length = Object.hasOwn(fields, 'length') ? Math.trunc(toNumber(fields.length)) || 0 : 0;
    charge(evaluation, Math.max(0, length));
    list = Array.from({ length: Math.max(0, length) }, (_, i) => (Object.hasOwn(fields, i) ? fields[i] : undefined));
  }
  if (args[1] === undefined) return list;
  if (typeof args[1] !== 'function') throw failure(evaluation, 'Array.from takes a function such as (x, i) => i.');
  const make = args[1] as Callback;
  return list.map((value, index) => make(value, index));
}

function jsonText(evaluation: Evaluation, args: Args): string | undefined {
  const [value, keys, indent] = args;
  if (Array.isArray(keys) || typeof keys === 'function')
    throw failure(
      evaluation,
      'JSON.stringify takes no list or function here.',
      'Pick the fields first, then stringify.',
    );
  const width = typeof indent === 'number' ? Math.min(10, Math.max(0, Math.trunc(indent) || 0)) : 0;
  return stringify(evaluation, value, typeof indent === 'string' ? Math.min(10, indent.length) : width);
}

function dateTable(): Table<FunctionEntry> {
  const entries: { [name: string]: FunctionEntry } = {
    now: fn('()', 'The time the step began, like $now.', (e) => currentTime(e)),
    fromMillis: fn('(milliseconds, options?)', 'A date from milliseconds since 1970.', (e, a) =>
      dateFromMillis(e, numberArg(e, a, 0), a[1]),
    ),
    fromSeconds: fn('(seconds, options?)', 'A date from seconds since 1970.', (e, a) =>
      dateFromMillis(e, numberArg(e, a, 0) * 1000, a[1]),
    ),
    fromFormat: fn('(text, format, options?)', 'A date from text in a form such as dd.MM.yyyy.', (e, a) =>
      dateFromFormat(e, a[0], a[1], a[2]),
    ),
    fromObject: fn('(fields, options?)', 'A date from { year, month, day, … }.', (e, a) =>
      dateFromFields(e, fieldsArg(e, a, 0), a[1]),
    ),
  };
  for (const reader of Object.keys(DATE_READERS) as Reader[])
    entries[reader] = fn('(text, options?)', `A date from ${DATE_READERS[reader]}.`, (e, a) =>
      readDate(e, reader, a[0], a[1]),
    );
  return table(entries);
}

/** Functions that stand in a group: `Math.round`, `Object.keys`, `DateTime.fromISO`. */
export const GROUPS: Table<Table<FunctionEntry>> = table<Table<FunctionEntry>>({
  Math: mathTable(),
  JSON: table<FunctionEntry>({
    parse: fn('(text)', 'The value a JSON text holds.', (e, a) => parseJson(e, textArg(e, a, 0))),
    stringify: fn('(value, null?, indent?)', 'The JSON text of a value.', jsonText),
  }),
  Object: table<FunctionEntry>({
    keys: fn('(object)', 'The list of its field names.', ownKeys),
    values: fn('(object)', 'The list of its values.', (e, a) => ownKeys(e, a).map((key) => own(a[0], key))),
    entries: fn('(object)', 'A list of [name, value] pairs.', (e, a) =>
      ownKeys(e, a).map((key) => [key, own(a[0], key)]),
    ),
    fromEntries: fn('(pairs)', 'An object made of [name, value] pairs.', fromEntries),
    assign: fn('(...objects)', 'A new object with all their fields; later ones win.', assign),
    hasOwn: fn('(object, name)', 'Whether an object has a field.', (e, a) =>
      Object.hasOwn(fieldsArg(e, a, 0), textArg(e, a, 1)),
    ),
  }),
  Array: table<FunctionEntry>({
    isArray: fn('(value)', 'Whether a value is a list.', (_e, a) => Array.isArray(a[0])),
    from: fn('(source, fn?)', 'A list from a text, a list or { length }.', arrayFrom),
    of: fn('(...values)', 'A list of its arguments.', (_e, a) => [...a]),
  }),
  Number: table<FunctionEntry>({
    isInteger: fn('(value)', 'Whether a value is a whole number.', (_e, a) => Number.isInteger(a[0])),
    isFinite: fn('(value)', 'Whether a value is a finite number.', (_e, a) => Number.isFinite(a[0])),
    isNaN: fn('(value)', 'Whether a value is the number NaN.', (_e, a) => Number.isNaN(a[0])),
    isSafeInteger: fn('(value)', 'Whether a value is a whole number without loss.', (_e, a) =>
      Number.isSafeInteger(a[0]),
    ),
    parseInt: fn('(text, base?)', 'The whole number a text begins with, or NaN.', parseNumber),
    parseFloat: fn('(text)', 'The number a text begins with, or NaN.', (e, a) =>
      Number.parseFloat(textArg(e, a, 0, '')),
    ),
  }),
  String: table<FunctionEntry>({
    fromCharCode: fn('(...codes)', 'The text of UTF-16 codes.', (e, a) => {
      chargeText(e, a.length);
      return a.map((code) => String.fromCharCode(toNumber(code))).join('');
    }),
    fromCodePoint: fn('(...codes)', 'The text of Unicode code points.', (e, a) => {
      chargeText(e, 2 * a.length);
      return a.map((code) => String.fromCodePoint(toNumber(code))).join('');
    }),
  }),
  DateTime: dateTable(),
  Duration: table<FunctionEntry>({
    fromObject: fn('(fields)', 'A length of time from { days, hours, … }.', (e, a) =>
      toDuration(e, fieldsArg(e, a, 0)),
    ),
    fromISO: fn('(text)', 'A length of time from ISO text such as P2D.', (e, a) => toDuration(e, textArg(e, a, 0))),
    fromMillis: fn('(milliseconds)', 'A length of time from milliseconds.', (e, a) =>
      toDuration(e, numberArg(e, a, 0)),
    ),
  }),
});

/** Values that stand in a group: `Math.PI`. */
export const CONSTANTS: Table<Table<number>> = table<Table<number>>({
  Math: table({
    E: Math.E,
    LN10: Math.LN10,
    LN2: Math.LN2,
    LOG10E: Math.LOG10E,
    LOG2E: Math.LOG2E,
    PI: Math.PI,
    SQRT1_2: Math.SQRT1_2,
    SQRT2: Math.SQRT2,
  }),
  Number: table({
    EPSILON: Number.EPSILON,
    MAX_SAFE_INTEGER: Number.MAX_SAFE_INTEGER,
    MIN_SAFE_INTEGER: Number.MIN_SAFE_INTEGER,
    MAX_VALUE: Number.MAX_VALUE,
    MIN_VALUE: Number.MIN_VALUE,
    POSITIVE_INFINITY: Number.POSITIVE_INFINITY,
    NEGATIVE_INFINITY: Number.NEGATIVE_INFINITY,
    NaN: Number.NaN,
  }),
});
