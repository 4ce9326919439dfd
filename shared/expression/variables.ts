import { currentTime, type Evaluation, failure } from './evaluation.ts';
import { CONSTANTS, FUNCTIONS, GROUPS } from './functions.ts';
import type { Scope } from './scope.ts';
import { type Table, table } from './tables.ts';
import { inputSource, StepSource } from './values.ts';

export type Variable = {
  doc: string;
  get(evaluation: Evaluation): unknown;
  /** For the ones that are plain data: where it stands in the scope. */
  data?: (scope: Scope) => unknown;
};

function data(doc: string, read: (scope: Scope) => unknown): Variable {
  return { doc, get: ({ scope }) => read(scope), data: read };
}

/** The names that begin with `$`. */
export const VARIABLES: Table<Variable> = table<Variable>({
  $json: data('The data of the current item.', (scope) => scope.json),
  $binary: data('The files of the current item.', (scope) => scope.binary),
  $itemIndex: data('The place of the current item, from 0.', (scope) => scope.itemIndex),
  $items: data('All items that came into this step.', (scope) => scope.items),
  $input: {
    doc: 'What came into this step: .item, .first(), .last(), .all().',
    get: ({ scope }) => inputSource(scope),
  },
  $trigger: data('The data that started the run.', (scope) => scope.trigger),
  $request: data(
    'The request that started the run: method, path, params, query, headers, body.',
    (scope) => scope.request,
  ),
  $env: data("The environment's variables.", (scope) => scope.env),
  $vars: data("The environment's variables; the same as $env.", (scope) => scope.env),
  $run: data('This run: id, mode, startedAt.', (scope) => scope.run),
  $workflow: data('This workflow: id, name.', (scope) => scope.workflow),
  $now: { doc: 'The time now, in the time zone of the workflow.', get: currentTime },
  $today: {
    doc: 'The first moment of today, in the time zone of the workflow.',
    get: (evaluation) => currentTime(evaluation).startOf('day'),
  },
  undefined: { doc: 'No value.', get: () => undefined },
  NaN: { doc: 'Not a number.', get: () => Number.NaN },
  Infinity: { doc: 'Larger than any number.', get: () => Number.POSITIVE_INFINITY },
});

/** The functions that begin with `$`, which the compiler knows by name. */
export const DOLLAR_FUNCTIONS: Table<{ args: string; doc: string }> = table({
  $: { args: "('step')", doc: "Another step's items: .item, .first(), .last(), .all()." },
  $fromAI: { args: "('name', description?, type?, fallback?)", doc: 'A value that a model fills in.' },
});

/** Every name that may stand alone. */
export function allNames(): string[] {
  return [VARIABLES, DOLLAR_FUNCTIONS, FUNCTIONS, GROUPS].flatMap((names) => Object.keys(names));
}

const NO_REACH = 'An expression reaches only its data. Use a step of the workflow for this.';

/** What to write in place of names people bring along. */
export const NAME_ADVICE: Table<string> = table<string>({
  Date: 'Use $now, $today or DateTime.fromISO(…).',
  RegExp: 'Write the pattern between slashes: /a+/i.',
  globalThis: NO_REACH,
  window: NO_REACH,
  global: NO_REACH,
  process: 'Use $env for variables of the environment.',
  require: NO_REACH,
  fetch: 'Use an HTTP request step.',
  console: 'The result is shown below the field; there is no console.',
  eval: NO_REACH,
  Function: NO_REACH,
  Promise: NO_REACH,
  setTimeout: 'Use a wait step.',
  $node: "Write $('step') in place of $node['step'].",
  $secrets: 'Secrets are reached only by connections, never by an expression.',
  $parameter: 'Settings of a step cannot be read by an expression.',
  $execution: 'Use $run.',
  item: 'Use $json, or $input.item.',
  items: 'Use $items.',
});

/** `$('ref')` at run time. Errors: `expression.failed` where no such step is known. */
export function stepSource(evaluation: Evaluation, ref: string): StepSource {
  const view = evaluation.scope.step(ref);
  if (view === undefined)
    throw failure(evaluation, `There is no step "${ref}".`, "Refer to a step by its id or its name: $('set_k3f9').", {
      missing: ref,
    });
  return new StepSource(`$('${ref}')`, view);
}

/** `$fromAI(name, description?, type?, fallback?)`. */
export function fromAI(evaluation: Evaluation, args: readonly unknown[]): unknown {
  const [name, , , fallback] = args;
  if (typeof name !== 'string') throw failure(evaluation, '$fromAI needs the name of the value as a text.');
  const read = evaluation.scope.fromAI;
  if (read !== undefined) return read(name) ?? fallback;
  if (fallback !== undefined) return fallback;
  throw failure(
    evaluation,
    '$fromAI works only in a step that an agent uses as a tool.',
    'Give a fallback as the fourth argument.',
  );
}

/** The value of `Math.PI` and its like. */
export function constant(group: string, name: string): number | undefined {
  return CONSTANTS[group]?.[name];
}
