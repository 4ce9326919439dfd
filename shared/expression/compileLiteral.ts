import type { ArrayExpression, ObjectExpression, Property, TemplateLiteral } from 'acorn';
import { type Code, type Compiler, compileNode, type Locals, refuse } from './compile.ts';
import { charge, type Evaluation, failure } from './evaluation.ts';
import { fieldName } from './functions.ts';
import { literalText } from './stepReference.ts';
import { buildText, toText } from './text.ts';
import { emptyFields, type Fields, FORBIDDEN, kindOf } from './values.ts';

/** Adds the elements of a list, or the characters of a text, as `...value` does. */
export function spreadInto(evaluation: Evaluation, into: unknown[], value: unknown): void {
  if (!Array.isArray(value) && typeof value !== 'string')
    throw failure(
      evaluation,
      `Only a list can be spread here, and this is ${kindOf(value)}.`,
      'Write ...(list ?? []).',
    );
  charge(evaluation, value.length);
  for (const element of value) into.push(element);
}

export function compileList(compiler: Compiler, node: ArrayExpression, locals: Locals): Code {
  const parts = node.elements.map((element) => {
    if (element === null) return { spread: false, code: () => undefined };
    if (element.type === 'SpreadElement')
      return { spread: true, code: compileNode(compiler, element.argument, locals) };
    return { spread: false, code: compileNode(compiler, element, locals) };
  });
  const at = compiler.start + node.start;
  return (evaluation, frame) => {
    const list: unknown[] = [];
    charge(evaluation, parts.length);
    for (const { spread, code } of parts) {
      const value = code(evaluation, frame);
      evaluation.at = at;
      if (spread) spreadInto(evaluation, list, value);
      else list.push(value);
    }
    return list;
  };
}

type Part = (evaluation: Evaluation, frame: Parameters<Code>[1], fields: Fields) => void;

export function compileObject(compiler: Compiler, node: ObjectExpression, locals: Locals): Code {
  const parts = node.properties.map((property): Part => {
    if (property.type === 'Property') return compileProperty(compiler, property, locals);
    const spread = compileNode(compiler, property.argument, locals);
    const at = compiler.start + property.start;
    return (evaluation, frame, fields) => {
      const value = spread(evaluation, frame);
      evaluation.at = at;
      spreadFields(evaluation, fields, value);
    };
  });
  return (evaluation, frame) => {
    const fields = emptyFields();
    charge(evaluation, parts.length);
    for (const part of parts) part(evaluation, frame, fields);
    return fields;
  };
}

function spreadFields(evaluation: Evaluation, fields: Fields, value: unknown): void {
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'number') return;
  const kind = kindOf(value);
  if (kind !== 'object' && kind !== 'list' && kind !== 'text')
    throw failure(evaluation, `A ${kind} cannot be spread into an object.`);
  const keys = Object.keys(value);
  charge(evaluation, keys.length);
  for (const key of keys) fields[key] = (value as Fields)[key];
}

function compileProperty(compiler: Compiler, property: Property, locals: Locals): Part {
  if (property.kind !== 'init' || property.method)
    throw refuse(compiler, property, 'A method cannot stand in an object here.', 'Write name: x => ….');
  const value = compileNode(compiler, property.value, locals);
  const { key } = property;
  const name = property.computed
    ? literalText(key)
    : key.type === 'Identifier'
      ? key.name
      : key.type === 'Literal'
        ? String(key.value)
        : undefined;
  if (name !== undefined) {
    if (FORBIDDEN.has(name))
      throw refuse(compiler, key, `"${name}" cannot be used in an expression.`, 'Choose another name.');
    return (evaluation, frame, fields) => {
      fields[name] = value(evaluation, frame);
    };
  }
  const computed = compileNode(compiler, key, locals);
  const at = compiler.start + key.start;
  return (evaluation, frame, fields) => {
    const made = computed(evaluation, frame);
    evaluation.at = at;
    fields[fieldName(evaluation, made)] = value(evaluation, frame);
  };
}

export function compileTemplate(compiler: Compiler, node: TemplateLiteral, locals: Locals): Code {
  const texts = node.quasis.map((quasi) => quasi.value.cooked ?? '');
  const codes = node.expressions.map((expression) => compileNode(compiler, expression, locals));
  if (codes.length === 0) return () => texts[0];
  return (evaluation, frame) => {
    const builder = buildText(evaluation);
    builder.add(texts[0] ?? '');
    codes.forEach((code, index) => {
      builder.add(toText(evaluation, code(evaluation, frame)));
      builder.add(texts[index + 1] ?? '');
    });
    return builder.finish();
  };
}
