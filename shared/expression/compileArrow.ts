import type { ArrowFunctionExpression, Expression, Node, Pattern } from 'acorn';
import { type Code, type Compiler, compileNode, type Frame, type Locals, refuse } from './compile.ts';
import { charge, type Evaluation, exceeded, failure } from './evaluation.ts';
import { readMember } from './methods.ts';
import { literalText } from './stepReference.ts';
import { emptyFields, type Fields, FORBIDDEN, isFields, kindOf } from './values.ts';
import { allNames } from './variables.ts';

/** Puts one value into the frame's places. */
type Binder = (evaluation: Evaluation, frame: NonNullable<Frame>, value: unknown) => void;

export function compileArrow(compiler: Compiler, node: ArrowFunctionExpression, locals: Locals): Code {
  if (node.async)
    throw refuse(compiler, node, '"async" cannot be used in an expression.', 'An expression never waits.');
  if (node.body.type === 'BlockStatement')
    throw refuse(
      compiler,
      node.body,
      'Statements cannot stand in an expression.',
      'Write the result right after the arrow: x => x.name.',
    );
  const names: string[] = [];
  for (const param of node.params) collectNames(compiler, param, names);
  const inside: Locals = { names, outer: locals };
  const before = compiler.codes.size;
  const simple = node.params.every((param) => param.type === 'Identifier');
  const binders = simple ? [] : node.params.map((param) => compileBinder(compiler, param, inside));
  const rest = node.params.findIndex((param) => param.type === 'RestElement');
  const body = compileNode(compiler, node.body, inside);
  const cost = 1 + (compiler.codes.size - before) / 4;

  return (evaluation, outer) => {
    return (...args: unknown[]) => {
      if (++evaluation.depth > evaluation.budget.depth) throw exceeded(evaluation, 'depth');
      charge(evaluation, cost);
      const values = simple ? args : [];
      const frame = { values, outer };
      for (let i = 0; i < binders.length; i++)
        (binders[i] as Binder)(evaluation, frame, i === rest ? args.slice(i) : args[i]);
      const result = body(evaluation, frame);
      evaluation.depth--;
      return result;
    };
  };
}

function collectNames(compiler: Compiler, pattern: Pattern, names: string[]): void {
  switch (pattern.type) {
    case 'Identifier':
      if (pattern.name.startsWith('$') || allNames().includes(pattern.name))
        throw refuse(
          compiler,
          pattern,
          `The name "${pattern.name}" is taken.`,
          'Choose another name for the argument.',
        );
      if (names.includes(pattern.name)) throw refuse(compiler, pattern, `"${pattern.name}" stands here twice.`);
      names.push(pattern.name);
      return;
    case 'AssignmentPattern':
      collectNames(compiler, pattern.left, names);
      return;
    case 'RestElement':
      collectNames(compiler, pattern.argument, names);
      return;
    case 'ArrayPattern':
      for (const element of pattern.elements) if (element !== null) collectNames(compiler, element, names);
      return;
    case 'ObjectPattern':
      for (const property of pattern.properties)
        collectNames(compiler, property.type === 'Property' ? property.value : property.argument, names);
      return;
    default:
      throw refuse(compiler, pattern, 'This cannot be the argument of a function.');
  }
}

function compileBinder(compiler: Compiler, pattern: Pattern, locals: NonNullable<Locals>): Binder {
  switch (pattern.type) {
    case 'Identifier': {
      const index = locals.names.indexOf(pattern.name);
      return (_evaluation, frame, value) => {
        frame.values[index] = value;
      };
    }
    case 'AssignmentPattern': {
      const bind = compileBinder(compiler, pattern.left, locals);
      const fallback = compileNode(compiler, pattern.right, locals);
      return (evaluation, frame, value) =>
        bind(evaluation, frame, value === undefined ? fallback(evaluation, frame) : value);
    }
    case 'RestElement':
      return compileBinder(compiler, pattern.argument, locals);
    case 'ArrayPattern': {
      const binders = pattern.elements.map((element) =>
        element === null ? undefined : compileBinder(compiler, element, locals),
      );
      const rest = pattern.elements.findIndex((element) => element?.type === 'RestElement');
      const at = compiler.start + pattern.start;
      return (evaluation, frame, value) => {
        evaluation.at = at;
        if (!Array.isArray(value))
          throw failure(evaluation, `A list is taken apart here, and this is ${kindOf(value)}.`);
        charge(evaluation, rest === -1 ? binders.length : value.length + binders.length);
        binders.forEach((bind, i) => {
          bind?.(evaluation, frame, i === rest ? value.slice(i) : value[i]);
        });
      };
    }
    case 'ObjectPattern':
      return compileFieldsBinder(compiler, pattern, locals);
    default:
      throw refuse(compiler, pattern, 'This cannot be the argument of a function.');
  }
}

function compileFieldsBinder(
  compiler: Compiler,
  pattern: Pattern & { type: 'ObjectPattern' },
  locals: NonNullable<Locals>,
): Binder {
  const taken: string[] = [];
  const parts = pattern.properties.map((property) => {
    if (property.type === 'RestElement')
      return { key: undefined, bind: compileBinder(compiler, property.argument, locals) };
    const key = propertyName(compiler, property.key, property.computed);
    taken.push(key);
    return { key, bind: compileBinder(compiler, property.value, locals) };
  });
  const at = compiler.start + pattern.start;
  return (evaluation, frame, value) => {
    evaluation.at = at;
    if (value === null || value === undefined)
      throw failure(evaluation, `An object is taken apart here, and this is ${kindOf(value)}.`);
    for (const { key, bind } of parts)
      bind(
        evaluation,
        frame,
        key === undefined ? remaining(evaluation, value, taken) : readMember(evaluation, value, key),
      );
  };
}

function propertyName(compiler: Compiler, key: Expression, computed: boolean): string {
  const name =
    !computed && key.type === 'Identifier' ? key.name : key.type === 'Literal' ? String(key.value) : literalText(key);
  if (name === undefined)
    throw refuse(compiler, key as Node, 'A computed name cannot be taken apart here.', 'Read it in the body.');
  if (FORBIDDEN.has(name)) throw refuse(compiler, key as Node, `"${name}" cannot be read in an expression.`);
  return name;
}

function remaining(evaluation: Evaluation, value: unknown, taken: readonly string[]): Fields {
  const rest = emptyFields();
  if (!isFields(value)) return rest;
  for (const key of Object.keys(value)) {
    charge(evaluation, 1);
    if (!taken.includes(key)) rest[key] = value[key];
  }
  return rest;
}
