import { SluiceError } from '../error.ts';
import { chainStart, endsInText } from './chain.ts';
import { compileCode } from './compile.ts';
import { startEvaluation } from './evaluation.ts';
import { CONSTANTS, FUNCTIONS, GROUPS } from './functions.ts';
import { METHODS, PROPERTIES } from './methods.ts';
import { parseCode } from './parse.ts';
import type { Scope } from './scope.ts';
import { type Fields, kindOf } from './values.ts';
import { DOLLAR_FUNCTIONS, VARIABLES } from './variables.ts';

export { CONSTANTS, FUNCTIONS, GROUPS } from './functions.ts';
export { METHODS, PROPERTIES } from './methods.ts';
export { DOLLAR_FUNCTIONS, VARIABLES } from './variables.ts';

/** One thing that may be written next. `label` goes in from `Completion.from` up to the cursor. */
export type CompletionOption = {
  label: string;
  kind: 'field' | 'variable' | 'function' | 'method' | 'step';
  detail?: string;
};
export type Completion = { from: number; options: CompletionOption[] };
/** What is known while editing: perhaps the data of a past run, and the steps of the workflow. */
export type CompletionScope = Partial<Scope> & { steps?: { id: string; name: string }[] };

const SMALL = { steps: 50_000, depth: 32, text: 100_000 };
/** No name is longer, and looking for where a long one begins takes long. */
const MOST_WORD = 200;
const WORD = /[\p{L}_$][\p{L}\p{N}_$]*$/u;

/**
 * What may be written at a place in a field. Fields come from the data in `scope`: the piece before the dot is evaluated
 * with a small budget. Outside an expression, and inside quotes except those of `$('…')`, there is nothing.
 */
export function complete(source: string, offset: number, scope: CompletionScope): Completion {
  const code = codeBefore(source.slice(0, offset));
  if (code === undefined) return { from: offset, options: [] };
  const step = /\$\(\s*(['"`])([^'"`]*)$/.exec(code)?.[2];
  if (step !== undefined) return { from: offset - step.length, options: stepOptions(step, scope) };
  if (endsInText(code)) return { from: offset, options: [] };
  const word = WORD.exec(code.slice(-MOST_WORD))?.[0] ?? '';
  const from = offset - word.length;
  const before = code.slice(0, code.length - word.length);
  const dot = /\??\.$/.exec(before)?.[0];
  if (dot === undefined) {
    const next = /[\p{L}\p{N}_$)\]}]$/u.test(before) ? [] : nameOptions();
    return { from, options: starting(next, word) };
  }
  return { from, options: starting(memberOptions(before.slice(0, -dot.length), scope), word) };
}

/** The code that ends at the cursor; undefined where the cursor stands in plain text. */
function codeBefore(before: string): string | undefined {
  if (before.startsWith('=') && !/^=\s*\{\{/.test(before)) return before.slice(1);
  const open = before.lastIndexOf('{{');
  if (open === -1 || before[open - 1] === '\\' || before.indexOf('}}', open) !== -1) return undefined;
  return before.slice(open + 2);
}

function starting(options: CompletionOption[], word: string): CompletionOption[] {
  const wanted = word.toLowerCase();
  return options.filter(({ label }) => label.toLowerCase().startsWith(wanted));
}

function stepOptions(written: string, { steps = [] }: CompletionScope): CompletionOption[] {
  const wanted = written.toLowerCase();
  return steps
    .filter(({ id, name }) => id.startsWith(wanted) || name.toLowerCase().startsWith(wanted))
    .map(({ id, name }) => ({ label: id, kind: 'step', detail: name }));
}

function entries(
  table: { readonly [name: string]: { doc: string; args?: string } },
  kind: CompletionOption['kind'],
): CompletionOption[] {
  return Object.entries(table).map(([label, { args, doc }]) => ({
    label,
    kind,
    detail: args === undefined ? doc : `${args} ${doc}`,
  }));
}

function nameOptions(): CompletionOption[] {
  const groups = Object.keys(GROUPS).filter((name) => FUNCTIONS[name] === undefined);
  return [
    ...entries(VARIABLES, 'variable'),
    ...entries(DOLLAR_FUNCTIONS, 'function'),
    ...entries(FUNCTIONS, 'function'),
    ...groups.map((label): CompletionOption => ({ label, kind: 'function', detail: `${label}.…` })),
  ];
}

function memberOptions(before: string, scope: CompletionScope): CompletionOption[] {
  const object = before.slice(chainStart(before));
  const group = GROUPS[object];
  if (group !== undefined) {
    const constants = Object.keys(CONSTANTS[object] ?? {});
    return [...entries(group, 'function'), ...constants.map((label): CompletionOption => ({ label, kind: 'field' }))];
  }
  const value = valueBefore(object, scope) ?? valueBefore(withElement(object, before), scope);
  if (value === undefined || value === null) return [];
  const kind = kindOf(value);
  const own = kind === 'object' ? fieldOptions(value as Fields) : [];
  const taken = new Set(own.map(({ label }) => label));
  const methods = entries(METHODS[kind] ?? {}, 'method').filter(({ label }) => !taken.has(label));
  return [...own, ...entries(PROPERTIES[kind] ?? {}, 'field'), ...lengthOf(kind), ...methods];
}

function lengthOf(kind: string): CompletionOption[] {
  if (kind === 'text') return [{ label: 'length', kind: 'field', detail: 'How many characters it has.' }];
  return kind === 'list' ? [{ label: 'length', kind: 'field', detail: 'How many elements it has.' }] : [];
}

/** The fields that can be written after a dot. */
function fieldOptions(value: Fields): CompletionOption[] {
  return Object.keys(value)
    .filter((key) => /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key))
    .slice(0, 500)
    .map((label) => ({ label, kind: 'field', detail: preview(value[label]) }));
}

function preview(value: unknown): string {
  const kind = kindOf(value);
  if (kind === 'list') return `list of ${(value as unknown[]).length}`;
  if (kind === 'text') return JSON.stringify((value as string).slice(0, 40));
  return kind === 'number' || kind === 'boolean' ? String(value) : kind;
}

/** In `$json.items.map(i => i.` the argument `i` stands for an element: looks at the first one. */
function withElement(object: string, before: string): string {
  const name = /^[\p{L}_][\p{L}\p{N}_]*/u.exec(object)?.[0];
  if (name === undefined) return object;
  const arrow = new RegExp(`\\.\\p{L}+\\(\\s*\\(?\\s*${name}\\s*(?:,[^()]*)?\\)?\\s*=>`, 'gu');
  const place = [...before.matchAll(arrow)].at(-1)?.index;
  if (place === undefined) return object;
  const list = before.slice(0, place);
  return `((${name}) => ${object})((${list.slice(chainStart(list))})[0])`;
}

function valueBefore(code: string, partial: CompletionScope): unknown {
  const scope: Scope = {
    json: {},
    itemIndex: 0,
    items: [],
    step: () => undefined,
    trigger: {},
    request: {},
    env: {},
    run: {},
    workflow: {},
    now: 0,
    timezone: 'UTC',
    uuid: () => '00000000-0000-4000-8000-000000000000',
    random: () => 0,
    ...partial,
  };
  try {
    const notes = { names: new Set<string>(), references: new Set<string>(), paths: new Set<string>() };
    return compileCode(code, parseCode(code, 0, '').parsed, notes)(startEvaluation(scope, code, SMALL), null);
  } catch (thrown) {
    // What cannot be read yet has nothing to offer.
    if (thrown instanceof SluiceError || thrown instanceof RangeError || thrown instanceof TypeError) return undefined;
    throw thrown;
  }
}
