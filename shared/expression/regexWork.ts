import type { Matcher } from 're2js';
import { charge, type Evaluation, failure } from './evaluation.ts';
import type { Regex } from './regex.ts';
import { buildText, toText } from './text.ts';
import { type Callback, emptyFields, type Fields } from './values.ts';

/** One match: where it is, the text and its groups (undefined where a group took no part). */
type Found = { start: number; end: number; groups: (string | undefined)[]; named: Fields | undefined };

function read(regex: Regex, matcher: Matcher): Found {
  const groups: (string | undefined)[] = [];
  for (let i = 0; i <= regex.groupCount; i++) groups.push(matcher.group(i) ?? undefined);
  let named: Fields | undefined;
  if (regex.groupNames.length > 0) {
    named = emptyFields();
    for (const name of regex.groupNames) named[name] = matcher.group(name) ?? undefined;
  }
  return { start: matcher.start(), end: matcher.end(), groups, named };
}

function* findAll(evaluation: Evaluation, regex: Regex, text: string): Generator<Found> {
  const matcher = regex.matcher(evaluation, text);
  while (matcher.find()) {
    charge(evaluation, 4 + regex.groupCount);
    yield read(regex, matcher);
  }
}

export function testRegex(evaluation: Evaluation, regex: Regex, text: string): boolean {
  return regex.matcher(evaluation, text).find();
}

/** The offset of the first match, or -1. */
export function searchRegex(evaluation: Evaluation, regex: Regex, text: string): number {
  const matcher = regex.matcher(evaluation, text);
  return matcher.find() ? matcher.start() : -1;
}

/** A match as plain data: `['whole', 'group 1', …]`, or with named groups an object that has them under `groups`. */
function asValue(found: Found): unknown {
  if (found.named === undefined) return found.groups;
  const value = emptyFields();
  found.groups.forEach((group, index) => {
    value[index] = group;
  });
  value.index = found.start;
  value.groups = found.named;
  return value;
}

export function matchFirst(evaluation: Evaluation, regex: Regex, text: string): unknown {
  const matcher = regex.matcher(evaluation, text);
  return matcher.find() ? asValue(read(regex, matcher)) : null;
}

/** `text.match(regex)`: with `g` the list of whole matches, without it the first match with its groups; else null. */
export function matchText(evaluation: Evaluation, regex: Regex, text: string): unknown {
  if (!regex.global) return matchFirst(evaluation, regex, text);
  const matcher = regex.matcher(evaluation, text);
  const all: string[] = [];
  while (matcher.find()) {
    charge(evaluation, 2);
    all.push(text.slice(matcher.start(), matcher.end()));
  }
  return all.length === 0 ? null : all;
}

export function matchAll(evaluation: Evaluation, regex: Regex, text: string): unknown[] {
  const all: unknown[] = [];
  for (const found of findAll(evaluation, regex, text)) all.push(asValue(found));
  return all;
}

/** `text.split(regex)`, groups included as JavaScript has it. */
export function splitRegex(evaluation: Evaluation, regex: Regex, text: string, limit: number): unknown[] {
  const pieces: unknown[] = [];
  if (text === '') return testRegex(evaluation, regex, text) ? [] : [text];
  let last = 0;
  for (const found of findAll(evaluation, regex, text)) {
    if (found.end === found.start && (found.start === last || found.start >= text.length)) continue;
    pieces.push(text.slice(last, found.start), ...found.groups.slice(1));
    last = found.end;
  }
  pieces.push(text.slice(last));
  return pieces.slice(0, limit);
}

/** `text.replace` with a pattern: all matches where it is global, else the first. */
export function replaceRegex(
  evaluation: Evaluation,
  regex: Regex,
  text: string,
  replacement: string | Callback,
  all: boolean,
): string {
  const builder = buildText(evaluation);
  let last = 0;
  for (const found of findAll(evaluation, regex, text)) {
    builder.add(text.slice(last, found.start));
    if (typeof replacement === 'function') {
      const extra = found.named === undefined ? [] : [found.named];
      builder.add(toText(evaluation, replacement(...found.groups, found.start, text, ...extra)));
    } else expand(replacement, found, text, builder.add);
    last = found.end;
    if (!all) break;
  }
  builder.add(text.slice(last));
  return builder.finish();
}

/** `text.replace` with a plain text to look for. */
export function replacePlain(
  evaluation: Evaluation,
  text: string,
  searched: string,
  replacement: string | Callback,
  all: boolean,
): string {
  const builder = buildText(evaluation);
  let last = 0;
  let start = text.indexOf(searched);
  while (start !== -1) {
    builder.add(text.slice(last, start));
    const end = start + searched.length;
    if (typeof replacement === 'function') builder.add(toText(evaluation, replacement(searched, start, text)));
    else expand(replacement, { start, end, groups: [searched], named: undefined }, text, builder.add);
    last = end;
    if (!all || end >= text.length) break;
    start = text.indexOf(searched, searched === '' ? end + 1 : end);
    charge(evaluation, (start === -1 ? text.length : start - end) / 256);
  }
  builder.add(text.slice(last));
  return builder.finish();
}

/** `$1`, `$<name>`, `$&`, `` $` ``, `$'` and `$$` of a replacement text. */
function expand(replacement: string, found: Found, text: string, add: (piece: string) => void): void {
  let last = 0;
  for (let i = replacement.indexOf('$'); i !== -1; i = replacement.indexOf('$', i + 1)) {
    const code = substitution(replacement, i, found, text);
    if (code === undefined) continue;
    add(replacement.slice(last, i));
    add(code.value);
    last = i + code.length;
    i = last - 1;
  }
  add(replacement.slice(last));
}

function substitution(
  replacement: string,
  at: number,
  found: Found,
  text: string,
): { value: string; length: number } | undefined {
  const next = replacement[at + 1] ?? '';
  if (next === '$') return { value: '$', length: 2 };
  if (next === '&') return { value: found.groups[0] ?? '', length: 2 };
  if (next === '`') return { value: text.slice(0, found.start), length: 2 };
  if (next === "'") return { value: text.slice(found.end), length: 2 };
  if (next === '<' && found.named !== undefined) {
    const close = replacement.indexOf('>', at);
    if (close === -1) return undefined;
    const name = replacement.slice(at + 2, close);
    const value = Object.hasOwn(found.named, name) ? found.named[name] : '';
    return { value: typeof value === 'string' ? value : '', length: close - at + 1 };
  }
  for (const digits of [2, 1]) {
    const number = replacement.slice(at + 1, at + 1 + digits);
    if (number.length !== digits || !/^\d+$/.test(number)) continue;
    const index = Number(number);
    if (index >= 1 && index < found.groups.length) return { value: found.groups[index] ?? '', length: digits + 1 };
  }
  return undefined;
}

/** A replacement handed to `replace`: a text or a function. */
export function replacementOf(evaluation: Evaluation, value: unknown): string | Callback {
  if (typeof value === 'function') return value as Callback;
  if (value === undefined) throw failure(evaluation, 'replace needs a second value: what to put in.');
  return toText(evaluation, value);
}
