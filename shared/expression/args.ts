import { type Evaluation, failure } from './evaluation.ts';
import { toNumber } from './operators.ts';
import { toText } from './text.ts';
import { type Callback, type Fields, isFields, kindOf } from './values.ts';

type Args = readonly unknown[];

function wrong(evaluation: Evaluation, args: Args, index: number, wanted: string): Error {
  const place = ['first', 'second', 'third', 'fourth'][index] ?? `${index + 1}th`;
  const kind = kindOf(args[index]);
  const got =
    kind === 'undefined' ? 'nothing' : kind === 'null' ? 'null' : `a ${kind}`.replace('a object', 'an object');
  return failure(evaluation, `The ${place} argument must be ${wanted}, and is ${got}.`);
}

/** A text; numbers and the like become one. */
export function textArg(evaluation: Evaluation, args: Args, index: number, fallback?: string): string {
  const value = args[index];
  if (typeof value === 'string') return value;
  if (value === undefined && fallback !== undefined) return fallback;
  if (value === undefined || value === null || typeof value === 'function')
    throw wrong(evaluation, args, index, 'a text');
  return toText(evaluation, value);
}

/** A number that is not NaN; numeric texts become one. */
export function numberArg(evaluation: Evaluation, args: Args, index: number, fallback?: number): number {
  const value = args[index];
  if (value === undefined && fallback !== undefined) return fallback;
  const number = value === undefined || value === null ? Number.NaN : toNumber(value);
  if (Number.isNaN(number)) throw wrong(evaluation, args, index, 'a number');
  return number;
}

/** A number, or undefined where it was left out. */
export function optionalNumber(evaluation: Evaluation, args: Args, index: number): number | undefined {
  return args[index] === undefined ? undefined : numberArg(evaluation, args, index);
}

export function listArg(evaluation: Evaluation, args: Args, index: number): readonly unknown[] {
  const value = args[index];
  if (!Array.isArray(value)) throw wrong(evaluation, args, index, 'a list');
  return value;
}

export function fieldsArg(evaluation: Evaluation, args: Args, index: number): Fields {
  const value = args[index];
  if (!isFields(value)) throw wrong(evaluation, args, index, 'an object');
  return value;
}

export function functionArg(evaluation: Evaluation, args: Args, index: number): Callback {
  const value = args[index];
  if (typeof value !== 'function') throw wrong(evaluation, args, index, 'a function such as x => x.id');
  return value as Callback;
}
