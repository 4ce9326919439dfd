import type { BinaryExpression, LogicalExpression, UnaryExpression } from 'acorn';
import { type Code, type Compiler, compileNode, type Locals, refuse } from './compile.ts';
import type { Evaluation } from './evaluation.ts';
import { add, compare, hasField, looseEquals, strictEquals, toNumber } from './operators.ts';
import { kindOf } from './values.ts';

type Operation = (evaluation: Evaluation, left: unknown, right: unknown) => unknown;

const OPERATIONS: { readonly [operator: string]: Operation } = {
  '+': add,
  '-': (_e, a, b) => toNumber(a) - toNumber(b),
  '*': (_e, a, b) => toNumber(a) * toNumber(b),
  '/': (_e, a, b) => toNumber(a) / toNumber(b),
  '%': (_e, a, b) => toNumber(a) % toNumber(b),
  '**': (_e, a, b) => toNumber(a) ** toNumber(b),
  '===': strictEquals,
  '!==': (e, a, b) => !strictEquals(e, a, b),
  '==': looseEquals,
  '!=': (e, a, b) => !looseEquals(e, a, b),
  '<': (e, a, b) => compare(e, a, b) < 0,
  '<=': (e, a, b) => compare(e, a, b) <= 0,
  '>': (e, a, b) => compare(e, a, b) > 0,
  '>=': (e, a, b) => compare(e, a, b) >= 0,
  '&': (_e, a, b) => toNumber(a) & toNumber(b),
  '|': (_e, a, b) => toNumber(a) | toNumber(b),
  '^': (_e, a, b) => toNumber(a) ^ toNumber(b),
  '<<': (_e, a, b) => toNumber(a) << toNumber(b),
  '>>': (_e, a, b) => toNumber(a) >> toNumber(b),
  '>>>': (_e, a, b) => toNumber(a) >>> toNumber(b),
  in: hasField,
};

export function compileBinary(compiler: Compiler, node: BinaryExpression, locals: Locals): Code {
  const operation = OPERATIONS[node.operator];
  if (operation === undefined || node.left.type === 'PrivateIdentifier')
    throw refuse(
      compiler,
      node,
      `"${node.operator}" cannot be used in an expression.`,
      'Use typeof or Array.isArray(…).',
    );
  const left = compileNode(compiler, node.left, locals, { spine: true });
  const right = compileNode(compiler, node.right, locals);
  const at = compiler.start + node.start;
  return (evaluation, frame) => {
    const a = left(evaluation, frame);
    const b = right(evaluation, frame);
    evaluation.at = at;
    return operation(evaluation, a, b);
  };
}

export function compileLogical(compiler: Compiler, node: LogicalExpression, locals: Locals): Code {
  const left = compileNode(compiler, node.left, locals, { spine: true });
  const right = compileNode(compiler, node.right, locals);
  if (node.operator === '&&') return (evaluation, frame) => left(evaluation, frame) && right(evaluation, frame);
  if (node.operator === '||') return (evaluation, frame) => left(evaluation, frame) || right(evaluation, frame);
  return (evaluation, frame) => left(evaluation, frame) ?? right(evaluation, frame);
}

export function compileUnary(compiler: Compiler, node: UnaryExpression, locals: Locals): Code {
  if (node.operator === 'delete')
    throw refuse(
      compiler,
      node,
      '"delete" cannot be used in an expression.',
      'Use .removeField("name"), which gives a copy.',
    );
  const value = compileNode(compiler, node.argument, locals);
  switch (node.operator) {
    case '!':
      return (evaluation, frame) => !value(evaluation, frame);
    case '-':
      return (evaluation, frame) => -toNumber(value(evaluation, frame));
    case '+':
      return (evaluation, frame) => toNumber(value(evaluation, frame));
    case '~':
      return (evaluation, frame) => ~toNumber(value(evaluation, frame));
    case 'typeof':
      return (evaluation, frame) => typeName(value(evaluation, frame));
    default:
      return () => undefined;
  }
}

function typeName(value: unknown): string {
  const kind = kindOf(value);
  if (kind === 'text') return 'string';
  return kind === 'undefined' || kind === 'boolean' || kind === 'number' || kind === 'function' ? kind : 'object';
}
