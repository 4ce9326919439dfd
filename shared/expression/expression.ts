import { SluiceError } from '../error.ts';
import { type Code, compileCode } from './compile.ts';
import { pathReader } from './compileMember.ts';
import { type Budget, DEFAULT_BUDGET, type Evaluation, exceeded, failure, startEvaluation } from './evaluation.ts';
import type { ParsedCode } from './parse.ts';
import type { Scope } from './scope.ts';
import { readSource } from './source.ts';
import { buildText, toTemplateText } from './text.ts';
import { toJson } from './values.ts';

export { type Budget, DEFAULT_BUDGET } from './evaluation.ts';
export type { Scope, StepView } from './scope.ts';
export { isExpression } from './source.ts';

/** An expression or template, ready to be evaluated any number of times. */
export type CompiledExpression = {
  source: string;
  /** The ids or names that stand in `$('…')`. */
  references: readonly string[];
  /** The names beginning with `$` that it uses; `$vars` counts as `$env`. */
  names: readonly string[];
  /** The chains of names it reads that are known without evaluating: `$json.body.action`, `$env.trackerUrl`. */
  paths: readonly string[];
  /**
   * Evaluates it. The value is plain JSON, or undefined. What it reads whole from the scope is handed out as it is, so
   * callers must not change it.
   *
   * Errors: `expression.failed` with offset, line and column in `details`, and where a field is missing `missing`,
   * `fields` and `nearest`; `expression.limit_exceeded` with the limit's name.
   */
  evaluate(scope: Scope, budget?: Budget): unknown;
};

/**
 * Compiles the text of a field into closures: nothing of it ever becomes program text. A text that is not an expression
 * evaluates to itself.
 *
 * Errors: `expression.syntax` with `{ offset, line, column, found?, nearest? }`; offset from 0, the others from 1.
 */
export function compileExpression(source: string): CompiledExpression {
  const read = readSource(source);
  const notes = { names: new Set<string>(), references: new Set<string>(), paths: new Set<string>() };
  const evaluate = ((): CompiledExpression['evaluate'] => {
    if (read.kind === 'literal') return () => read.text;
    if (read.kind === 'expression') return evaluatorOf(source, read.parsed, notes);
    const [only] = read.parts;
    if (read.parts.length === 1 && typeof only === 'object') return evaluatorOf(source, only, notes);
    const parts = read.parts.map((part) => (typeof part === 'string' ? part : compileCode(source, part, notes)));
    return evaluator(source, joinParts(parts));
  })();
  const { names, references, paths } = notes;
  return { source, references: [...references], names: [...names], paths: [...paths], evaluate };
}

function joinParts(parts: readonly (string | Code)[]): Code {
  return (evaluation, frame) => {
    const builder = buildText(evaluation);
    for (const part of parts)
      builder.add(typeof part === 'string' ? part : toTemplateText(evaluation, part(evaluation, frame)));
    return builder.finish();
  };
}

function evaluatorOf(
  source: string,
  parsed: ParsedCode,
  notes: Parameters<typeof compileCode>[2],
): CompiledExpression['evaluate'] {
  const evaluate = evaluator(source, compileCode(source, parsed, notes));
  const read = pathReader(parsed.tree);
  if (read === undefined) return evaluate;
  return (scope, budget) => {
    const value = read(scope);
    if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value;
    return evaluate(scope, budget);
  };
}

function evaluator(source: string, code: Code): CompiledExpression['evaluate'] {
  return (scope, budget = DEFAULT_BUDGET) => {
    const evaluation = startEvaluation(scope, source, budget);
    try {
      const value = code(evaluation, null);
      if (typeof value === 'string' || typeof value === 'boolean') return value;
      if (typeof value === 'function') throw failure(evaluation, 'The result is a function.', 'Call it: name(…).');
      return toJson(evaluation, value);
    } catch (thrown) {
      throw asFailure(evaluation, thrown);
    }
  };
}

/** What a library or the language itself throws over bad data is a failure of the expression, not a bug of ours. */
function asFailure(evaluation: Evaluation, thrown: unknown): unknown {
  if (thrown instanceof SluiceError || !(thrown instanceof Error)) return thrown;
  if (thrown instanceof RangeError && /call stack/i.test(thrown.message)) return exceeded(evaluation, 'depth');
  const error = failure(evaluation, `${thrown.message.slice(0, 200).replace(/\.$/, '')}.`);
  return new SluiceError(error.code, error.message, { details: error.details, cause: thrown });
}
