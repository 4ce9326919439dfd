import type { Expression, Identifier, MemberExpression, Node } from 'acorn';
import type { JsonObject } from '../json.ts';
import {
  type Code,
  type Compiler,
  compileNode,
  findLocal,
  type Locals,
  type Place,
  refuse,
  SKIPPED,
} from './compile.ts';
import { type Evaluation, failure } from './evaluation.ts';
import { GROUPS } from './functions.ts';
import { keyOf, readMember } from './methods.ts';
import { nearest } from './nearest.ts';
import { canonicalName, staticKey, staticPath } from './paths.ts';
import type { Scope } from './scope.ts';
import { FORBIDDEN, isFields, kindOf } from './values.ts';
import { constant, VARIABLES } from './variables.ts';

/** The key of a member: known now, or a piece of code. Errors: `expression.syntax` for names that lead out of the data. */
export function compileKey(compiler: Compiler, node: MemberExpression, locals: Locals): string | number | Code {
  if (node.property.type === 'PrivateIdentifier')
    throw refuse(compiler, node.property, 'A # name cannot be used in an expression.');
  const key = staticKey(node);
  if (key === undefined) return compileNode(compiler, node.property, locals);
  if (typeof key === 'string' && FORBIDDEN.has(key))
    throw refuse(
      compiler,
      node.property,
      `"${key}" cannot be read in an expression.`,
      'It leads out of the data. Choose another field.',
    );
  return key;
}

export function compileMember(compiler: Compiler, node: MemberExpression, locals: Locals, place: Place): Code {
  const group = compileConstant(compiler, node, locals);
  if (group !== undefined) return group;
  const fast = compilePath(compiler, node, locals, place);
  if (fast !== undefined) return fast;
  const path = staticPath(node);
  if (path !== undefined && place.inner !== true) compiler.paths.add(path);
  const object = compileNode(compiler, node.object, locals, { spine: true, inner: path !== undefined });
  const key = compileKey(compiler, node, locals);
  const { optional } = node;
  const at = compiler.start + node.property.start;
  const explain = explainer(compiler, node.object);
  return (evaluation, frame) => {
    const value = object(evaluation, frame);
    if (value === SKIPPED) return SKIPPED;
    if (value === null || value === undefined) {
      if (optional) return SKIPPED;
      evaluation.at = at;
      throw explain(evaluation, value, () => key, frame);
    }
    const name = typeof key === 'function' ? keyOf(evaluation, key(evaluation, frame)) : key;
    if (typeof name === 'number' && Array.isArray(value)) return value[name];
    evaluation.at = at;
    return readMember(evaluation, value, name);
  };
}

/** `Math.PI`. */
function compileConstant(compiler: Compiler, node: MemberExpression, locals: Locals): Code | undefined {
  if (node.object.type !== 'Identifier' || findLocal(locals, node.object.name) !== undefined) return undefined;
  const group = node.object.name;
  const functions = GROUPS[group];
  if (functions === undefined) return undefined;
  const key = staticKey(node);
  if (typeof key !== 'string') throw refuse(compiler, node, `Name the function of ${group} itself: ${group}.name.`);
  const value = constant(group, key);
  if (value !== undefined) return () => value;
  const entry = functions[key];
  if (entry !== undefined)
    return (evaluation) =>
      (...args: unknown[]) =>
        entry.call(evaluation, args);
  throw unknownInGroup(compiler, node.property, group, key);
}

/** The error for `Math.flor`. */
export function unknownInGroup(compiler: Compiler, node: Node, group: string, key: string): Error {
  const meant = nearest(key, Object.keys(GROUPS[group] ?? {}));
  const advice = meant === undefined ? undefined : `Did you mean ${group}.${meant}?`;
  return refuse(compiler, node, `There is no ${group}.${key} in expressions.`, advice, meant);
}

/** The links of `$json.a.b` without brackets and `?.`, and what it begins with; undefined for all else. */
function plainLinks(node: Expression): { root: Identifier; nodes: MemberExpression[]; keys: string[] } | undefined {
  const keys: string[] = [];
  const nodes: MemberExpression[] = [];
  let at = node;
  while (at.type === 'MemberExpression' && !at.computed && !at.optional && at.property.type === 'Identifier') {
    keys.unshift(at.property.name);
    nodes.unshift(at);
    at = at.object as Expression;
  }
  return at.type === 'Identifier' && keys.length <= 100 ? { root: at, nodes, keys } : undefined;
}

/**
 * Reads `$json.a.b` without an evaluation; undefined too where evaluating it would say why. Most expressions are no more
 * than such a path to a text or a number.
 */
export function pathReader(tree: Expression): ((scope: Scope) => unknown) | undefined {
  const links = plainLinks(tree);
  const root = links && VARIABLES[links.root.name]?.data;
  if (!root) return undefined;
  const { keys } = links;
  return (scope) => {
    let value = root(scope);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
        return undefined;
      value = (value as { [name: string]: unknown })[key];
    }
    return value;
  };
}

/** `$json.a.b` without brackets and `?.`: one loop over the keys, each an own field. */
function compilePath(compiler: Compiler, node: MemberExpression, locals: Locals, place: Place): Code | undefined {
  const links = plainLinks(node);
  if (links === undefined || findLocal(locals, links.root.name) !== undefined) return undefined;
  const { root: at, nodes, keys } = links;
  const root = VARIABLES[at.name]?.data;
  if (root === undefined) return undefined;
  const bad = keys.findIndex((key) => FORBIDDEN.has(key));
  if (bad !== -1) compileKey(compiler, nodes[bad] as MemberExpression, locals);
  compiler.names.add(canonicalName(at.name));
  if (place.inner !== true) compiler.paths.add(staticPath(node) as string);
  const explain = nodes.map((link) => explainer(compiler, link.object));
  const offsets = nodes.map((link) => compiler.start + link.property.start);
  compilePrefixes(compiler, nodes, locals, place, at);
  return (evaluation) => {
    let value = root(evaluation.scope);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        value = Object.hasOwn(value, key) ? (value as { [name: string]: unknown })[key] : undefined;
        continue;
      }
      evaluation.at = offsets[i] as number;
      if (value === null || value === undefined) throw whyMissing(explain[i] as Explain, evaluation, value, key);
      value = readMember(evaluation, value, key);
    }
    return value;
  };
}

/** Apart, because a closure over the key in the loop would cost each reading something. */
function whyMissing(explain: Explain, evaluation: Evaluation, value: null | undefined, key: string): Error {
  return explain(evaluation, value, () => key, null);
}

/** The pieces of a path on their own, for an error that wants to look at the one before. */
function compilePrefixes(
  compiler: Compiler,
  nodes: readonly MemberExpression[],
  locals: Locals,
  place: Place,
  root: Expression,
): void {
  if (place.prefix === true) return; // the longer path does it
  compileNode(compiler, root, locals, { spine: true, inner: true });
  for (const node of nodes.slice(0, -1))
    compiler.codes.set(node, compileNode(compiler, node, locals, { spine: true, inner: true, prefix: true }));
}

export type Explain = (
  evaluation: Evaluation,
  value: null | undefined,
  key: () => string | number | Code,
  frame: Parameters<Code>[1],
) => Error;

/** Why nothing can be read from `object`: what it is, the fields its own object has, and the nearest of them. */
export function explainer(compiler: Compiler, object: Node): Explain {
  return (evaluation, value, key, frame) => {
    const written = short(compiler.code.slice(object.start, object.end));
    const asked = key();
    const wanted = typeof asked === 'function' ? 'a field' : `"${asked}"`;
    const facts: JsonObject = {};
    let advice = `Write ${written}?. if it may be missing.`;
    let message = `Cannot read ${wanted}: ${written} is ${value === undefined ? 'not there' : 'null'}.`;
    const inner =
      object.type === 'ChainExpression' ? (object as Expression & { type: 'ChainExpression' }).expression : object;
    if (inner.type === 'MemberExpression') {
      const link = inner as MemberExpression;
      const missing = staticKey(link);
      const parent = compiler.codes.get(link.object)?.(evaluation, frame);
      if (value === undefined && missing !== undefined && isFields(parent)) {
        const fields = Object.keys(parent);
        const meant = nearest(String(missing), fields);
        facts.missing = String(missing);
        facts.fields = fields.slice(0, 50);
        if (meant !== undefined) facts.nearest = meant;
        const owner = short(compiler.code.slice(link.object.start, link.object.end));
        message += fields.length === 0 ? ` ${owner} has no fields.` : ` ${owner} has ${listed(fields)}.`;
        if (meant !== undefined) advice = `Did you mean ${meant}? ${advice}`;
      } else if (Array.isArray(parent)) message += ` The list has ${parent.length} elements.`;
      else if (parent !== undefined && parent !== null) facts.parent = kindOf(parent);
    }
    return failure(evaluation, message, advice, facts);
  };
}

function listed(fields: readonly string[]): string {
  const shown = fields.slice(0, 12).map((field) => (field.length > 40 ? `${field.slice(0, 40)}…` : field));
  return shown.join(', ') + (fields.length > shown.length ? ` and ${fields.length - shown.length} more` : '');
}

function short(code: string): string {
  return code.length > 60 ? `${code.slice(0, 60)}…` : code;
}
