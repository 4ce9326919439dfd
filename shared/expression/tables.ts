import type { Evaluation } from './evaluation.ts';

/** A function or method as tables hold it: how it is written, one line about it, and what it does. */
export type FunctionEntry = {
  /** The arguments as shown to people: `(text, length?)`. */
  args: string;
  doc: string;
  call(evaluation: Evaluation, args: readonly unknown[]): unknown;
};

export type MethodEntry<Self> = {
  args: string;
  doc: string;
  call(evaluation: Evaluation, self: Self, args: readonly unknown[]): unknown;
};

export type PropertyEntry<Self> = { doc: string; get(self: Self): unknown };

export type Table<Entry> = { readonly [name: string]: Entry };

/** A table that holds what it was given and nothing inherited. */
export function table<Entry>(entries: { [name: string]: Entry }): Table<Entry> {
  return Object.freeze(Object.assign(Object.create(null) as { [name: string]: Entry }, entries));
}

export function fn(args: string, doc: string, call: FunctionEntry['call']): FunctionEntry {
  return { args, doc, call };
}

export function method<Self>(args: string, doc: string, call: MethodEntry<Self>['call']): MethodEntry<Self> {
  return { args, doc, call };
}
