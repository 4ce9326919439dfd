import type { CallExpression, Expression, MemberExpression, SpreadElement } from 'acorn';
import {
  type Code,
  type Compiler,
  compileNode,
  type Frame,
  findLocal,
  type Locals,
  type Place,
  refuse,
  SKIPPED,
  unknownName,
} from './compile.ts';
import { spreadInto } from './compileLiteral.ts';
import { compileKey, explainer, unknownInGroup } from './compileMember.ts';
import { type Evaluation, failure } from './evaluation.ts';
import { FUNCTIONS, GROUPS } from './functions.ts';
import { callMethod, keyOf } from './methods.ts';
import { staticKey, staticPath } from './paths.ts';
import { referenceOf } from './stepReference.ts';
import type { FunctionEntry } from './tables.ts';
import { type Callback, kindOf } from './values.ts';
import { fromAI, stepSource } from './variables.ts';

type Args = (evaluation: Evaluation, frame: Frame) => unknown[];

function compileArgs(compiler: Compiler, nodes: readonly (Expression | SpreadElement)[], locals: Locals): Args {
  const codes = nodes.map((node) =>
    compileNode(compiler, node.type === 'SpreadElement' ? node.argument : node, locals),
  );
  const [first, second] = codes;
  if (!nodes.some((node) => node.type === 'SpreadElement')) {
    if (first === undefined) return () => [];
    if (second === undefined) return (evaluation, frame) => [first(evaluation, frame)];
    return (evaluation, frame) => codes.map((code) => code(evaluation, frame));
  }
  const spread = nodes.map((node) => node.type === 'SpreadElement');
  return (evaluation, frame) => {
    const args: unknown[] = [];
    codes.forEach((code, index) => {
      const value = code(evaluation, frame);
      if (spread[index]) spreadInto(evaluation, args, value);
      else args.push(value);
    });
    return args;
  };
}

export function compileCall(compiler: Compiler, node: CallExpression, locals: Locals, place: Place): Code {
  const { callee } = node;
  if (callee.type === 'Identifier' && findLocal(locals, callee.name) === undefined)
    return compileNamed(compiler, node, callee.name, locals, place);
  if (callee.type === 'MemberExpression') return compileMethod(compiler, node, callee, locals, place);
  const target = compileNode(compiler, callee, locals, { spine: true });
  const args = compileArgs(compiler, node.arguments, locals);
  const at = compiler.start + node.start;
  return (evaluation, frame) => {
    const called = target(evaluation, frame);
    if (called === SKIPPED || (node.optional && (called === undefined || called === null))) return SKIPPED;
    evaluation.at = at;
    if (typeof called !== 'function') throw failure(evaluation, `This ${kindOf(called)} is not a function.`);
    return (called as Callback)(...args(evaluation, frame));
  };
}

/** `upper(x)`, `$('step')`, `$fromAI('name')`. */
function compileNamed(compiler: Compiler, node: CallExpression, name: string, locals: Locals, place: Place): Code {
  const at = compiler.start + node.start;
  if (name === '$') return compileReference(compiler, node, place);
  const args = compileArgs(compiler, node.arguments, locals);
  if (name === '$fromAI') {
    compiler.names.add('$fromAI');
    return called(at, fromAI, args);
  }
  const entry = FUNCTIONS[name];
  if (entry === undefined) throw unknownName(compiler, name, node.callee, locals);
  return called(at, entry.call, args);
}

function called(at: number, call: FunctionEntry['call'], args: Args): Code {
  return (evaluation, frame) => {
    const values = args(evaluation, frame);
    evaluation.at = at;
    evaluation.fuel -= 1;
    return call(evaluation, values);
  };
}

function compileReference(compiler: Compiler, node: CallExpression, place: Place): Code {
  const reference = referenceOf(node);
  if (reference === undefined)
    throw refuse(
      compiler,
      node,
      "$('step') needs the id or name of a step, written out as a text.",
      "Write it as $('set_k3f9').",
    );
  compiler.names.add('$');
  compiler.references.add(reference.ref);
  const path = staticPath(node);
  if (place.inner !== true && path !== undefined) compiler.paths.add(path);
  const at = compiler.start + node.start;
  const { ref } = reference;
  return (evaluation) => {
    evaluation.at = at;
    return stepSource(evaluation, ref);
  };
}

function compileMethod(
  compiler: Compiler,
  node: CallExpression,
  callee: MemberExpression,
  locals: Locals,
  place: Place,
): Code {
  if (callee.object.type === 'Identifier' && findLocal(locals, callee.object.name) === undefined) {
    const group = GROUPS[callee.object.name];
    if (group !== undefined) return compileGrouped(compiler, node, callee, callee.object.name, locals);
  }
  const path = staticPath(node); // of a call only $('x').first() and its like have one
  if (path !== undefined && place.inner !== true) compiler.paths.add(path);
  const object = compileNode(compiler, callee.object, locals, { spine: true, inner: path !== undefined });
  const key = compileKey(compiler, callee, locals);
  const args = compileArgs(compiler, node.arguments, locals);
  const at = compiler.start + callee.property.start;
  const explain = explainer(compiler, callee.object);
  return (evaluation, frame) => {
    const self = object(evaluation, frame);
    if (self === SKIPPED) return SKIPPED;
    if (self === null || self === undefined) {
      if (callee.optional) return SKIPPED;
      evaluation.at = at;
      throw explain(evaluation, self, () => key, frame);
    }
    const name = typeof key === 'function' ? keyOf(evaluation, key(evaluation, frame)) : key;
    const values = args(evaluation, frame);
    evaluation.at = at;
    return callMethod(evaluation, self, name, values);
  };
}

/** `Math.round(x)`. */
function compileGrouped(
  compiler: Compiler,
  node: CallExpression,
  callee: MemberExpression,
  group: string,
  locals: Locals,
): Code {
  const key = staticKey(callee);
  compileKey(compiler, callee, locals);
  const entry = typeof key === 'string' ? GROUPS[group]?.[key] : undefined;
  if (entry === undefined) throw unknownInGroup(compiler, callee.property, group, String(key));
  return called(compiler.start + node.start, entry.call, compileArgs(compiler, node.arguments, locals));
}
