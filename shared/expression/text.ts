import { DateTime, Duration } from 'luxon';
import { charge, type Evaluation, exceeded, made } from './evaluation.ts';
import { Regex } from './regex.ts';
import { StepSource, toJson } from './values.ts';

/** Pieces that become one text, counted as they come so that none grows past the limit. */
export type TextBuilder = { add(piece: string): void; finish(): string };

export function buildText(evaluation: Evaluation): TextBuilder {
  const pieces: string[] = [];
  let length = 0;
  return {
    add(piece) {
      length += piece.length;
      if (length > evaluation.budget.text) throw exceeded(evaluation, 'text');
      charge(evaluation, 1 + piece.length / 64);
      pieces.push(piece);
    },
    finish: () => pieces.join(''),
  };
}

/** A value as text the way JavaScript's `+` and `${}` do it, but objects as JSON and dates as ISO. */
export function toText(evaluation: Evaluation, value: unknown, depth = 0): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'object':
      break;
    case 'function':
      return '(function)';
    default:
      return String(value);
  }
  if (value === null) return 'null';
  if (Array.isArray(value)) return joinTexts(evaluation, value, ',', depth + 1);
  if (value instanceof DateTime || value instanceof Duration) return value.toISO() ?? '';
  if (value instanceof Regex) return value.toString();
  if (value instanceof StepSource) return value.label;
  return stringify(evaluation, value) ?? '';
}

/** A value as text inside `{{ … }}`: nothing for null and undefined, JSON for lists and objects. */
export function toTemplateText(evaluation: Evaluation, value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return stringify(evaluation, value) ?? '';
  return toText(evaluation, value);
}

/** `list.join(separator)`: null and undefined are empty. */
export function joinTexts(evaluation: Evaluation, list: readonly unknown[], separator: string, depth = 0): string {
  if (depth > evaluation.budget.depth) throw exceeded(evaluation, 'depth');
  const builder = buildText(evaluation);
  for (let i = 0; i < list.length; i++) {
    if (i > 0 && separator !== '') builder.add(separator);
    const value = list[i];
    builder.add(value === null || value === undefined ? '' : toText(evaluation, value, depth));
  }
  return builder.finish();
}

/** JSON text of a value; undefined for undefined and functions, as `JSON.stringify` has it. */
export function stringify(evaluation: Evaluation, value: unknown, indent = 0): string | undefined {
  const plain = toJson(evaluation, value);
  if (plain === undefined) return undefined;
  measure(evaluation, plain, indent, 0, 0);
  return made(evaluation, JSON.stringify(plain, null, indent));
}

/** Roughly the length of the JSON, so that one far past the limit is refused before it is made. */
function measure(evaluation: Evaluation, value: unknown, indent: number, depth: number, before: number): number {
  let length = before;
  if (typeof value === 'string') length += value.length + 2;
  else if (typeof value !== 'object' || value === null) length += 4;
  else {
    const pad = (depth + 1) * indent + 3;
    for (const [key, inner] of Object.entries(value)) {
      length += pad + (Array.isArray(value) ? 0 : key.length + 3);
      length = measure(evaluation, inner, indent, depth + 1, length);
    }
  }
  if (length > 4 * evaluation.budget.text) throw exceeded(evaluation, 'text');
  return length;
}
