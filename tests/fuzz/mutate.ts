import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Dice } from './dice.ts';

/** Letters that readers stumble over: quotes, brackets, ends of lines, halves of pairs, what nobody sees. */
const ODD = [
  ...['\0', '\t', '\n', '\r\n', '\r', ' ', '"', "'", '`', '\\', '{', '}', '[', ']', '(', ')', '<', '>', '&', '%'],
  ...['*', '|', '!', '#', '-', ':', ',', '.', '=', '{{', '}}', '$', '---\n', '\u2028', '\u200b', '\ufeff', '\ud800'],
  ...['\udc00', 'é', '\u0301', '𝒳', '٣', 'İ', '-0', '1e999', '0x', '9007199254740993', '__proto__', 'constructor'],
];
const MOST_LENGTH = 60_000;

/** A text with one to four things changed in it: cut, doubled, moved, swapped for a word of `tokens` or of another text. */
export function mutateText(dice: Dice, text: string, others: readonly string[], tokens: readonly string[]): string {
  let changed = text;
  for (let changes = dice.chance(0.5) ? 1 : 2 + dice.pick(3); changes > 0; changes--)
    changed = changeText(dice, changed, others, tokens);
  return changed.slice(0, MOST_LENGTH);
}

function changeText(dice: Dice, text: string, others: readonly string[], tokens: readonly string[]): string {
  const at = dice.pick(text.length + 1);
  const end = Math.min(text.length, at + dice.pick(dice.chance(0.2) ? 200 : 12));
  const [before, piece, after] = [text.slice(0, at), text.slice(at, end), text.slice(end)];
  switch (dice.pick(9)) {
    case 0:
      return before + after;
    case 1:
      return before + piece + piece + after;
    case 2:
      return before + dice.oneOf(ODD) + text.slice(at);
    case 3:
      return before + dice.oneOf(tokens) + text.slice(at);
    case 4:
      return before + dice.oneOf(tokens) + after;
    case 5:
      return before;
    case 6: {
      const other = dice.oneOf(others);
      const from = dice.pick(other.length + 1);
      return before + other.slice(from, from + dice.pick(300)) + after;
    }
    case 7: {
      const lines = text.split('\n');
      const [one, two] = [dice.pick(lines.length), dice.pick(lines.length)];
      return lines.with(one, lines[two] ?? '').join('\n');
    }
    default: {
      const unit = dice.chance(0.5) ? dice.oneOf(tokens) : dice.oneOf(ODD);
      // Seldom very often: that is where readers that call themselves, or look again and again, are found.
      return before + unit.repeat(dice.chance(0.05) ? 3_000 : dice.pick(40)) + after;
    }
  }
}

/** Values that no schema wants, and some that it does. */
const ODD_VALUES: readonly (() => Json)[] = [
  () => null,
  () => true,
  () => 0,
  () => -1,
  () => 0.1,
  () => 1e308,
  () => 2 ** 53,
  () => '',
  () => '\0',
  () => '\ud800',
  () => '__proto__',
  () => 'x'.repeat(20_000),
  () => '={{ $json.a }}',
  () => '=(',
  () => "=$('__proto__').item",
  () => [],
  () => ({}),
  () => JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}') as Json,
  () => nested(80),
  () => nested(400),
  () => Array.from({ length: 300 }, (_, index) => index),
];

function nested(depth: number): Json {
  let value: Json = 1;
  for (let level = 0; level < depth; level++) value = level % 2 ? [value] : { a: value };
  return value;
}

/** A copy of a value with one to three places changed: taken out, renamed, doubled, swapped for something else. */
export function mutateJson(dice: Dice, value: Json, names: readonly string[], values: readonly Json[]): Json {
  let changed = value;
  for (let changes = dice.chance(0.5) ? 1 : 2 + dice.pick(2); changes > 0; changes--)
    changed = changeJson(dice, changed, names, values, 0);
  return changed;
}

function changeJson(dice: Dice, value: Json, names: readonly string[], values: readonly Json[], depth: number): Json {
  const entries = Array.isArray(value) ? value : isJsonObject(value) ? Object.entries(value) : [];
  const goesOn = entries.length > 0 && dice.chance(depth === 0 ? 0.97 : 0.75);
  if (!goesOn) return dice.chance(0.5) ? dice.oneOf(values) : dice.oneOf(ODD_VALUES)();
  const at = dice.pick(entries.length);
  const how = dice.pick(12);
  if (Array.isArray(value)) {
    if (how === 0) return value.toSpliced(at, 1);
    if (how === 1) return value.toSpliced(at, 0, value[at] as Json);
    return value.with(at, changeJson(dice, value[at] as Json, names, values, depth + 1));
  }
  const fields = Object.entries(value as JsonObject);
  const [name, inner] = fields[at] as [string, Json];
  if (how === 0) return Object.fromEntries(fields.toSpliced(at, 1));
  if (how === 1) return Object.fromEntries(fields.with(at, [dice.oneOf(names), inner]));
  if (how === 2) return Object.fromEntries([...fields, [dice.oneOf(names), dice.oneOf(values)]]);
  return Object.fromEntries(fields.with(at, [name, changeJson(dice, inner, names, values, depth + 1)]));
}

/** Every field name and every value that is no list or object in a value: the words of its language. */
export function wordsOf(value: Json, names = new Set<string>(), values = new Set<Json>()) {
  if (Array.isArray(value)) for (const one of value) wordsOf(one, names, values);
  else if (isJsonObject(value)) {
    for (const [name, one] of Object.entries(value)) {
      names.add(name);
      wordsOf(one, names, values);
    }
  } else values.add(value);
  return { names, values };
}
