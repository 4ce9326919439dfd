import { numberArg, optionalNumber, textArg } from './args.ts';
import { dateFromMillis } from './dateMaking.ts';
import { charge, type Evaluation, failure } from './evaluation.ts';
import { type MethodEntry, method, type Table, table } from './tables.ts';

type Entry = MethodEntry<number>;

/** Rounds half away from zero at a decimal place, by the number's own shortest decimal digits. */
function roundTo(value: number, decimals: number): number {
  if (!Number.isFinite(value)) return value;
  const [digits = '0', power = '0'] = String(Math.abs(value)).split('e');
  const rounded = Math.round(Number(`${digits}e${Number(power) + decimals}`));
  const [whole = '0', raised = '0'] = String(rounded).split('e');
  return Math.sign(value) * Number(`${whole}e${Number(raised) - decimals}`);
}

function places(evaluation: Evaluation, args: readonly unknown[], index: number): number {
  const decimals = Math.trunc(numberArg(evaluation, args, index, 0));
  if (!(decimals >= 0 && decimals <= 20)) throw failure(evaluation, 'The number of decimals must be between 0 and 20.');
  return decimals;
}

function format(evaluation: Evaluation, self: number, args: readonly unknown[]): string {
  charge(evaluation, 50);
  const decimals = args[0] === undefined ? undefined : places(evaluation, args, 0);
  const locale = textArg(evaluation, args, 1, 'en-US');
  if (!/^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}$/.test(locale))
    throw failure(evaluation, `"${locale.slice(0, 40)}" is not a language tag.`, 'Write one such as en-US or de-DE.');
  const options = decimals === undefined ? {} : { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return new Intl.NumberFormat(locale, options).format(self);
}

export const NUMBER_METHODS: Table<Entry> = table<Entry>({
  abs: method('()', 'Without its sign.', (_e, n) => Math.abs(n)),
  ceil: method('()', 'Rounded up to a whole number.', (_e, n) => Math.ceil(n)),
  floor: method('()', 'Rounded down to a whole number.', (_e, n) => Math.floor(n)),
  format: method(
    '(decimals?, language?)',
    'With separators, as 1,234.5; a language such as de-DE changes them.',
    format,
  ),
  isEmpty: method('()', 'Always false: a number is never empty.', () => false),
  isEven: method('()', 'Whether it divides by 2.', (_e, n) => n % 2 === 0),
  isInteger: method('()', 'Whether it is a whole number.', (_e, n) => Number.isInteger(n)),
  isFinite: method('()', 'Whether it is neither infinite nor NaN.', (_e, n) => Number.isFinite(n)),
  isNotEmpty: method('()', 'Always true: a number is never empty.', () => true),
  isOdd: method('()', 'Whether it is whole and does not divide by 2.', (_e, n) => Math.abs(n % 2) === 1),
  round: method('(decimals?)', 'Rounded, to a whole number without an argument.', (e, n, a) =>
    roundTo(n, places(e, a, 0)),
  ),
  toBoolean: method('()', 'False for 0 and NaN, else true.', (_e, n) => Boolean(n)),
  toDateTime: method('()', 'The date that many milliseconds after 1970.', (e, n) => dateFromMillis(e, n)),
  toFixed: method('(decimals?)', 'As text with this many decimals.', (e, n, a) => n.toFixed(places(e, a, 0))),
  toFloat: method('()', 'Itself.', (_e, n) => n),
  toInt: method('()', 'Without what stands behind the point.', (_e, n) => Math.trunc(n)),
  toLocaleString: method('()', 'As text with separators.', (e, n) => format(e, n, [])),
  toNumber: method('()', 'Itself.', (_e, n) => n),
  toPrecision: method('(digits)', 'As text with this many digits in all.', (e, n, a) =>
    n.toPrecision(optionalNumber(e, a, 0)),
  ),
  toString: method('(base?)', 'As text, in base 10 without an argument.', (e, n, a) =>
    n.toString(optionalNumber(e, a, 0)),
  ),
  valueOf: method('()', 'Itself.', (_e, n) => n),
});

export const BOOLEAN_METHODS: Table<MethodEntry<boolean>> = table<MethodEntry<boolean>>({
  isEmpty: method('()', 'Always false: true and false are never empty.', () => false),
  isNotEmpty: method('()', 'Always true: true and false are never empty.', () => true),
  toBoolean: method('()', 'Itself.', (_e, b) => b),
  toInt: method('()', '1 for true, 0 for false.', (_e, b) => (b ? 1 : 0)),
  toNumber: method('()', '1 for true, 0 for false.', (_e, b) => (b ? 1 : 0)),
  toString: method('()', 'The text true or false.', (_e, b) => String(b)),
});
