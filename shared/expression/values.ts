import { DateTime, Duration } from 'luxon';
import { charge, type Evaluation, exceeded, failure } from './evaluation.ts';
import { Regex } from './regex.ts';
import type { Scope, StepView } from './scope.ts';

/** A function in an expression: an arrow, or one of ours passed on, as in `map(Number)`. */
export type Callback = (...args: unknown[]) => unknown;

/** `$input` or `$('step')`: not data, only a way to items. */
export class StepSource {
  readonly label: string;
  readonly view: StepView;
  constructor(label: string, view: StepView) {
    this.label = label;
    this.view = view;
  }
}

export type Kind =
  | 'undefined'
  | 'null'
  | 'boolean'
  | 'number'
  | 'text'
  | 'list'
  | 'object'
  | 'date'
  | 'duration'
  | 'regex'
  | 'step'
  | 'function';

/** Which of the kinds of value an expression knows this is. */
export function kindOf(value: unknown): Kind {
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'function':
      return 'function';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'list';
      if (value instanceof DateTime) return 'date';
      if (value instanceof Regex) return 'regex';
      if (value instanceof StepSource) return 'step';
      if (value instanceof Duration) return 'duration';
      return 'object';
    default:
      return 'undefined';
  }
}

/** Names that would lead from data to the machine it runs on. Refused everywhere, even as data. */
export const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Plain data that has named fields. */
export type Fields = { [key: string]: unknown };

export function isFields(value: unknown): value is Fields {
  return kindOf(value) === 'object';
}

/** An empty object without a prototype: a key can only ever be data in it. */
export function emptyFields(): Fields {
  return Object.create(null) as Fields;
}

/** The steps as a source of items. `$input` is the current step's own input. */
export function inputSource(scope: Scope): StepSource {
  return new StepSource('$input', { item: () => scope.items[scope.itemIndex], all: () => scope.items });
}

const MAX_DATA_DEPTH = 512;

/**
 * A value as plain JSON: dates and durations as ISO text, regular expressions as text, NaN and the infinities as null,
 * undefined and functions left out of objects and null in lists. What is plain already is handed back itself.
 */
export function toJson(evaluation: Evaluation, value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return null;
  if (depth > MAX_DATA_DEPTH) throw exceeded(evaluation, 'depth');
  if (Array.isArray(value)) {
    charge(evaluation, value.length);
    let copy: unknown[] | undefined;
    for (let i = 0; i < value.length; i++) {
      const before: unknown = value[i];
      const after = toJson(evaluation, before, depth + 1) ?? null;
      if (after !== before && copy === undefined) copy = value.slice(0, i);
      copy?.push(after);
    }
    return copy ?? value;
  }
  if (value instanceof DateTime || value instanceof Duration) return value.toISO();
  if (value instanceof Regex) return value.toString();
  if (value instanceof StepSource)
    throw failure(evaluation, `${value.label} is a step, not a value.`, `Take its data: ${value.label}.item.json.`);
  return fieldsToJson(evaluation, value as Fields, depth);
}

function fieldsToJson(evaluation: Evaluation, value: Fields, depth: number): Fields {
  let copy: Fields | undefined;
  let count = 0;
  // Data inherits no fields, so that a list of the keys, which would be garbage at once, is not needed.
  for (const key in value) {
    const before = value[key];
    const after = toJson(evaluation, before, depth + 1);
    if (after !== before || after === undefined) copy ??= firstFields(value, count);
    if (copy !== undefined && after !== undefined) copy[key] = after;
    count++;
  }
  charge(evaluation, count + 1);
  return copy ?? value;
}

function firstFields(value: Fields, count: number): Fields {
  const copy = emptyFields();
  for (const key of Object.keys(value).slice(0, count)) copy[key] = value[key];
  return copy;
}
