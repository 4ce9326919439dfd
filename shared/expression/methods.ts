import type { DateTime, Duration } from 'luxon';
import type { JsonObject } from '../json.ts';
import { textArg } from './args.ts';
import { DATE_METHODS, DATE_PROPERTIES, DURATION_METHODS, DURATION_PROPERTIES } from './dateMethods.ts';
import { charge, type Evaluation, failure } from './evaluation.ts';
import { LIST_METHODS, REFUSED_LIST_METHODS } from './listMethods.ts';
import { nearest } from './nearest.ts';
import { BOOLEAN_METHODS, NUMBER_METHODS } from './numberMethods.ts';
import { OBJECT_METHODS } from './objectMethods.ts';
import type { Regex } from './regex.ts';
import { matchFirst, testRegex } from './regexWork.ts';
import { type MethodEntry, method, type PropertyEntry, type Table, table } from './tables.ts';
import { TEXT_METHODS } from './textMethods.ts';
import { type Callback, type Fields, FORBIDDEN, type Kind, kindOf, type StepSource } from './values.ts';

const REGEX_METHODS = table<MethodEntry<Regex>>({
  exec: method('(text)', 'The first match with its groups, or null.', (e, r, a) => matchFirst(e, r, textArg(e, a, 0))),
  test: method('(text)', 'Whether it matches anywhere in a text.', (e, r, a) => testRegex(e, r, textArg(e, a, 0))),
  toString: method('()', 'The pattern as it was written.', (_e, r) => r.toString()),
});

const REGEX_PROPERTIES = table<PropertyEntry<Regex>>({
  source: { doc: 'The pattern without slashes and flags.', get: (r) => r.source },
  flags: { doc: 'Its flags.', get: (r) => r.flags },
});

const STEP_METHODS = table<MethodEntry<StepSource>>({
  all: method('()', 'All items of the latest run.', (_e, s) => s.view.all()),
  first: method('()', 'The first item of the latest run.', (_e, s) => s.view.all()[0]),
  last: method('()', 'The last item of the latest run.', (_e, s) => s.view.all().at(-1)),
});

const STEP_PROPERTIES = table<PropertyEntry<StepSource>>({
  item: { doc: 'The item the current one came from.', get: (s) => s.view.item() },
});

/** The methods of each kind of value, for calls, completion and documentation. */
export const METHODS: { readonly [K in Kind]?: Table<MethodEntry<never>> } = {
  text: TEXT_METHODS,
  list: LIST_METHODS,
  number: NUMBER_METHODS,
  boolean: BOOLEAN_METHODS,
  object: OBJECT_METHODS,
  date: DATE_METHODS,
  duration: DURATION_METHODS,
  regex: REGEX_METHODS,
  step: STEP_METHODS,
};

/** The properties of the kinds that are not data; data has its own fields. */
export const PROPERTIES: { readonly [K in Kind]?: Table<PropertyEntry<never>> } = {
  date: DATE_PROPERTIES as Table<PropertyEntry<DateTime>>,
  duration: DURATION_PROPERTIES as Table<PropertyEntry<Duration>>,
  regex: REGEX_PROPERTIES,
  step: STEP_PROPERTIES,
};

/** The key of a computed member. Errors: `expression.failed` for the names that lead out of the data. */
export function keyOf(evaluation: Evaluation, key: unknown): string | number {
  if (typeof key === 'number') return key;
  if (typeof key === 'string') {
    if (FORBIDDEN.has(key)) throw failure(evaluation, `"${key}" cannot be read in an expression.`);
    return key;
  }
  if (typeof key === 'boolean' || key === null || key === undefined) return String(key);
  throw failure(evaluation, `A ${kindOf(key)} cannot name a field.`, 'Use a text or a number between the brackets.');
}

/** One field or property of a value that is not null or undefined. Undefined where the value has none of that name. */
export function readMember(evaluation: Evaluation, value: unknown, key: string | number): unknown {
  if (typeof value === 'object' && value !== null) {
    if (Object.hasOwn(value, key)) {
      const kind = kindOf(value);
      if (kind === 'object' || kind === 'list') return (value as Fields)[key];
    }
  } else if (typeof value === 'string') {
    if (key === 'length') return value.length;
    if (typeof key === 'number' || /^\d+$/.test(key)) return value[Number(key)];
  }
  return missingMember(evaluation, value, key);
}

function missingMember(evaluation: Evaluation, value: unknown, key: string | number): unknown {
  const kind = kindOf(value);
  const property = PROPERTIES[kind]?.[key] as PropertyEntry<unknown> | undefined;
  if (property !== undefined) {
    charge(evaluation, 5);
    const result = property.get(value);
    if (kind === 'step' && result === undefined) throw noLineage(evaluation, value as StepSource);
    return result;
  }
  // A field that data does not have is undefined; a method without its brackets is a slip.
  if (kind !== 'object' && METHODS[kind]?.[key] !== undefined)
    throw failure(evaluation, `"${key}" is a method of a ${kind}.`, `Call it: .${key}(…).`);
  if (kind === 'list' || kind === 'object' || kind === 'text' || kind === 'number' || kind === 'boolean')
    return undefined;
  if (kind === 'function') throw failure(evaluation, `A function has no "${key}".`, 'Call it first.');
  const known = [...Object.keys(PROPERTIES[kind] ?? {}), ...Object.keys(METHODS[kind] ?? {})];
  throw unknownName(evaluation, `A ${kind} has no "${key}".`, String(key), known);
}

function noLineage(evaluation: Evaluation, source: StepSource): Error {
  return failure(
    evaluation,
    `${source.label}.item: no lineage leads from this item back to that step.`,
    `Use ${source.label}.first() or .all().`,
  );
}

function unknownName(evaluation: Evaluation, message: string, name: string, known: readonly string[]): Error {
  const meant = nearest(name, known);
  const facts: JsonObject = { missing: name };
  if (meant !== undefined) facts.nearest = meant;
  const advice = meant === undefined ? undefined : `Did you mean ${meant}?`;
  return failure(evaluation, message, advice, facts);
}

/** Calls a method of a value that is not null or undefined. A function kept in a field of the value counts as one. */
export function callMethod(
  evaluation: Evaluation,
  self: unknown,
  name: string | number,
  args: readonly unknown[],
): unknown {
  const kind = kindOf(self);
  if ((kind === 'object' || kind === 'list') && Object.hasOwn(self as Fields, name)) {
    const own = (self as Fields)[name];
    if (typeof own === 'function') return (own as Callback)(...args);
  }
  const entry = METHODS[kind]?.[name] as MethodEntry<unknown> | undefined;
  if (entry === undefined) throw noMethod(evaluation, self, kind, String(name));
  charge(evaluation, kind === 'text' ? 1 + (self as string).length / 512 : 1);
  return entry.call(evaluation, self, args);
}

function noMethod(evaluation: Evaluation, self: unknown, kind: Kind, name: string): Error {
  const refused = kind === 'list' ? REFUSED_LIST_METHODS[name] : undefined;
  if (refused !== undefined) return failure(evaluation, `"${name}" cannot be used in an expression.`, refused);
  if (kind === 'object' && Object.hasOwn(self as Fields, name))
    return failure(evaluation, `"${name}" is a field, not a function.`, `Write .${name} without brackets.`);
  const article = kind === 'object' ? 'An' : 'A';
  return unknownName(evaluation, `${article} ${kind} has no method "${name}".`, name, Object.keys(METHODS[kind] ?? {}));
}
