import { numberArg, optionalNumber, textArg } from './args.ts';
import { dateFromText } from './dateMaking.ts';
import { charge, chargeText, type Evaluation, failure, made } from './evaluation.ts';
import { parseJson } from './json.ts';
import { makeRegex, Regex } from './regex.ts';
import {
  matchAll,
  matchText,
  replacementOf,
  replacePlain,
  replaceRegex,
  searchRegex,
  splitRegex,
} from './regexWork.ts';
import { type MethodEntry, method, type Table, table } from './tables.ts';
import { toText } from './text.ts';
import { TEXT_FORMS } from './textForms.ts';

type Entry = MethodEntry<string>;

const EMAIL = /[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}/;

function pad(evaluation: Evaluation, self: string, args: readonly unknown[], atStart: boolean): string {
  const length = numberArg(evaluation, args, 0);
  const filler = textArg(evaluation, args, 1, ' ');
  chargeText(evaluation, Math.max(self.length, Number.isFinite(length) ? length : Number.MAX_SAFE_INTEGER));
  return atStart ? self.padStart(length, filler) : self.padEnd(length, filler);
}

function asRegex(evaluation: Evaluation, value: unknown, flags: string): Regex {
  if (value instanceof Regex) return value;
  return makeRegex(evaluation, value === undefined ? '' : toText(evaluation, value), flags);
}

function replace(evaluation: Evaluation, self: string, args: readonly unknown[], all: boolean): string {
  const [searched] = args;
  const replacement = replacementOf(evaluation, args[1]);
  if (searched instanceof Regex) {
    if (all && !searched.global)
      throw failure(evaluation, 'replaceAll needs a pattern with the flag g.', `Write ${searched}g.`);
    return replaceRegex(evaluation, searched, self, replacement, searched.global);
  }
  return replacePlain(evaluation, self, textArg(evaluation, args, 0), replacement, all);
}

function split(evaluation: Evaluation, self: string, args: readonly unknown[]): unknown[] {
  const limit = numberArg(evaluation, args, 1, Number.MAX_SAFE_INTEGER);
  const [separator] = args;
  if (separator === undefined) return [self];
  if (separator instanceof Regex) return splitRegex(evaluation, separator, self, limit);
  const by = textArg(evaluation, args, 0);
  if (by === '') charge(evaluation, self.length);
  const pieces = self.split(by);
  charge(evaluation, pieces.length);
  return pieces.slice(0, limit);
}

function lines(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).toLowerCase();
}

export const TEXT_METHODS: Table<Entry> = table<Entry>({
  ...TEXT_FORMS,
  at: method('(index)', 'The character at a place; -1 is the last.', (e, s, a) => s.at(numberArg(e, a, 0))),
  charAt: method('(index)', 'The character at a place, or empty text.', (e, s, a) => s.charAt(numberArg(e, a, 0, 0))),
  charCodeAt: method('(index)', 'The UTF-16 code at a place.', (e, s, a) => s.charCodeAt(numberArg(e, a, 0, 0))),
  codePointAt: method('(index)', 'The Unicode code point at a place.', (e, s, a) =>
    s.codePointAt(numberArg(e, a, 0, 0)),
  ),
  concat: method('(...texts)', 'This text followed by others.', (e, s, a) => {
    const rest = a.map((value) => toText(e, value));
    chargeText(
      e,
      rest.reduce((sum, text) => sum + text.length, s.length),
    );
    return s.concat(...rest);
  }),
  endsWith: method('(text)', 'Whether it ends with a text.', (e, s, a) =>
    s.endsWith(textArg(e, a, 0), optionalNumber(e, a, 1)),
  ),
  extractEmail: method('()', 'The first e-mail address in it, or undefined.', (e, s) => firstEmail(e, s)),
  includes: method('(text)', 'Whether it holds a text.', (e, s, a) =>
    s.includes(textArg(e, a, 0), optionalNumber(e, a, 1)),
  ),
  indexOf: method('(text)', 'Where a text first stands in it, or -1.', (e, s, a) =>
    s.indexOf(textArg(e, a, 0), optionalNumber(e, a, 1)),
  ),
  isEmail: method('()', 'Whether all of it is an e-mail address.', (e, s) => s.length <= 320 && firstEmail(e, s) === s),
  isEmpty: method('()', 'Whether it has no characters.', (_e, s) => s.length === 0),
  isNotEmpty: method('()', 'Whether it has any characters.', (_e, s) => s.length > 0),
  isNumeric: method('()', 'Whether it reads as a number.', (_e, s) => s.trim() !== '' && Number.isFinite(Number(s))),
  lastIndexOf: method('(text)', 'Where a text last stands in it, or -1.', (e, s, a) => s.lastIndexOf(textArg(e, a, 0))),
  localeCompare: method(
    '(text)',
    'Negative, 0 or positive: before, same or after in the order of a dictionary.',
    (e, s, a) => {
      charge(e, s.length / 16);
      return s.localeCompare(textArg(e, a, 0), 'en-US');
    },
  ),
  match: method(
    '(pattern)',
    'The first match with its groups, or with the flag g all matches; null without one.',
    (e, s, a) => matchText(e, asRegex(e, a[0], ''), s),
  ),
  matchAll: method('(pattern)', 'A list of every match with its groups.', (e, s, a) =>
    matchAll(e, asRegex(e, a[0], 'g'), s),
  ),
  normalize: method('(form?)', 'The same text in one Unicode form, NFC without an argument.', (e, s, a) => {
    charge(e, s.length / 16);
    return made(e, s.normalize(textArg(e, a, 0, 'NFC')));
  }),
  padEnd: method('(length, filler?)', 'Made this long by adding at the end.', (e, s, a) => pad(e, s, a, false)),
  padStart: method('(length, filler?)', 'Made this long by adding at the start.', (e, s, a) => pad(e, s, a, true)),
  parseJson: method('()', 'The value this JSON text holds.', (e, s) => parseJson(e, s)),
  repeat: method('(count)', 'Itself this many times.', (e, s, a) => {
    const count = Math.trunc(numberArg(e, a, 0));
    if (!(count >= 0)) throw failure(e, `repeat cannot do it ${count} times.`);
    chargeText(e, s.length * count);
    return s === '' ? '' : s.repeat(count);
  }),
  replace: method(
    '(searched, replacement)',
    'With the first match replaced; all of them if the pattern has the flag g.',
    (e, s, a) => replace(e, s, a, false),
  ),
  replaceAll: method('(searched, replacement)', 'With every match replaced.', (e, s, a) => replace(e, s, a, true)),
  search: method('(pattern)', 'Where the first match of a pattern stands, or -1.', (e, s, a) =>
    searchRegex(e, asRegex(e, a[0], ''), s),
  ),
  slice: method('(start, end?)', 'The part between two places; negative ones count from the end.', (e, s, a) =>
    s.slice(numberArg(e, a, 0, 0), optionalNumber(e, a, 1)),
  ),
  split: method('(separator, limit?)', 'The list of pieces between separators.', split),
  startsWith: method('(text)', 'Whether it begins with a text.', (e, s, a) =>
    s.startsWith(textArg(e, a, 0), optionalNumber(e, a, 1)),
  ),
  substring: method('(start, end?)', 'The part between two places.', (e, s, a) =>
    s.substring(numberArg(e, a, 0, 0), optionalNumber(e, a, 1)),
  ),
  toDateTime: method('()', 'The date this ISO text tells.', (e, s) => dateFromText(e, s)),
  toLowerCase: method('()', 'In small letters.', (e, s) => made(e, s.toLowerCase())),
  toNumber: method('()', 'The number it reads as; an error where it is none.', (e, s) => {
    const number = s.trim() === '' ? Number.NaN : Number(s);
    if (Number.isNaN(number)) throw failure(e, `"${s.slice(0, 40)}" is not a number.`);
    return number;
  }),
  toSentenceCase: method('()', 'With the first letter large and the rest small.', (e, s) => made(e, lines(s))),
  toString: method('()', 'Itself.', (_e, s) => s),
  toTitleCase: method('()', 'With the first letter of each word large.', (e, s) =>
    made(e, s.split(' ').map(lines).join(' ')),
  ),
  toUpperCase: method('()', 'In capital letters.', (e, s) => made(e, s.toUpperCase())),
  trim: method('()', 'Without white space at both ends.', (_e, s) => s.trim()),
  trimEnd: method('()', 'Without white space at the end.', (_e, s) => s.trimEnd()),
  trimStart: method('()', 'Without white space at the start.', (_e, s) => s.trimStart()),
  urlDecode: method('()', 'With %XX turned back into characters.', (e, s) => made(e, decodeURIComponent(s))),
  urlEncode: method('()', 'Made safe for a part of a URL.', (e, s) => made(e, encodeURIComponent(s))),
  valueOf: method('()', 'Itself.', (_e, s) => s),
});

/** Looks only around each `@`, so that the pattern never runs over a long text. */
function firstEmail(evaluation: Evaluation, text: string): string | undefined {
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    charge(evaluation, 300);
    const found = EMAIL.exec(text.slice(Math.max(0, at - 64), at + 600))?.[0];
    if (found !== undefined) return found.replace(/[.-]+$/, '');
  }
  return undefined;
}
