import type { ArrowFunctionExpression, Expression, Node, Pattern, SpreadElement, Super } from 'acorn';
import { compileArrow } from './compileArrow.ts';
import { compileCall } from './compileCall.ts';
import { compileList, compileObject, compileTemplate } from './compileLiteral.ts';
import { compileMember } from './compileMember.ts';
import { compileBinary, compileLogical, compileUnary } from './compileOperator.ts';
import type { Evaluation } from './evaluation.ts';
import { FUNCTIONS, GROUPS } from './functions.ts';
import { nearest } from './nearest.ts';
import { type ParsedCode, tooDeep } from './parse.ts';
import { canonicalName, staticPath } from './paths.ts';
import { syntaxError } from './problems.ts';
import { makeRegex, type Regex } from './regex.ts';
import { allNames, DOLLAR_FUNCTIONS, NAME_ADVICE, VARIABLES } from './variables.ts';

/** The arguments of the arrow functions we are in, innermost first. */
export type Frame = { readonly values: unknown[]; readonly outer: Frame } | null;
/** A compiled piece of an expression. */
export type Code = (evaluation: Evaluation, frame: Frame) => unknown;
/** The names those arguments have, known when compiling. */
export type Locals = { readonly names: string[]; readonly outer: Locals } | null;

/** What a link of `a?.b.c` hands on where `a` was missing: the whole chain is then undefined. */
export const SKIPPED: unique symbol = Symbol('skipped');

export type Compiler = {
  readonly source: string;
  /** Where the code begins in `source`. */
  readonly start: number;
  readonly code: string;
  readonly names: Set<string>;
  readonly references: Set<string>;
  readonly paths: Set<string>;
  /** Compiled pieces by node, so that an error can look at the piece before the one that failed. */
  readonly codes: Map<Node, Code>;
  nesting: number;
  links: number;
};

/**
 * How a piece stands: `spine` is the left part of a chain and adds no nesting; `inner` is part of a longer static path;
 * `prefix` is compiled only so that an error can look at it.
 */
export type Place = { spine?: boolean; inner?: boolean; prefix?: boolean };

const MAX_NESTING = 64;
const MAX_LINKS = 256;

/** Compiles one parsed expression into a closure, and notes what it refers to. */
export function compileCode(
  source: string,
  parsed: ParsedCode,
  notes: Pick<Compiler, 'names' | 'references' | 'paths'>,
): Code {
  const compiler: Compiler = {
    ...notes,
    source,
    start: parsed.start,
    code: parsed.code,
    codes: new Map(),
    nesting: 0,
    links: 0,
  };
  try {
    return compileNode(compiler, parsed.tree, null);
  } catch (thrown) {
    throw thrown instanceof RangeError ? tooDeep(source, parsed.start) : thrown;
  }
}

/** An `expression.syntax` error at a node. */
export function refuse(compiler: Compiler, node: Node, message: string, advice?: string, meant?: string): Error {
  const found = compiler.code.slice(node.start, node.end);
  return syntaxError(compiler.source, compiler.start + node.start, message, { advice, found, nearest: meant });
}

export function compileNode(
  compiler: Compiler,
  node: Expression | Super | SpreadElement | Pattern,
  locals: Locals,
  place: Place = {},
): Code {
  compiler.links++;
  if (place.spine !== true) compiler.nesting++;
  if (compiler.nesting > MAX_NESTING || compiler.links > MAX_LINKS)
    throw refuse(
      compiler,
      node,
      `The expression is nested more than ${MAX_NESTING} levels deep.`,
      'Flatten it, or use a code step.',
    );
  const code = compileKind(compiler, node as Expression, locals, place);
  compiler.links--;
  if (place.spine !== true) compiler.nesting--;
  compiler.codes.set(node, code);
  return code;
}

function compileKind(compiler: Compiler, node: Expression, locals: Locals, place: Place): Code {
  switch (node.type) {
    case 'Identifier':
      return compileName(compiler, node.name, node, locals, place);
    case 'Literal':
      return compileValue(compiler, node);
    case 'MemberExpression':
      return compileMember(compiler, node, locals, place);
    case 'CallExpression':
      return compileCall(compiler, node, locals, place);
    case 'ChainExpression': {
      const chain = compileNode(compiler, node.expression, locals, { ...place, spine: true });
      return (evaluation, frame) => {
        const value = chain(evaluation, frame);
        return value === SKIPPED ? undefined : value;
      };
    }
    case 'BinaryExpression':
      return compileBinary(compiler, node, locals);
    case 'LogicalExpression':
      return compileLogical(compiler, node, locals);
    case 'UnaryExpression':
      return compileUnary(compiler, node, locals);
    case 'ConditionalExpression': {
      const test = compileNode(compiler, node.test, locals);
      const yes = compileNode(compiler, node.consequent, locals);
      const no = compileNode(compiler, node.alternate, locals);
      return (evaluation, frame) => (test(evaluation, frame) ? yes(evaluation, frame) : no(evaluation, frame));
    }
    case 'ArrayExpression':
      return compileList(compiler, node, locals);
    case 'ObjectExpression':
      return compileObject(compiler, node, locals);
    case 'TemplateLiteral':
      return compileTemplate(compiler, node, locals);
    case 'ArrowFunctionExpression':
      return compileArrow(compiler, node as ArrowFunctionExpression, locals);
    default:
      throw refuseKind(compiler, node);
  }
}

const REFUSED: { readonly [type: string]: readonly [what: string, advice: string] } = {
  AssignmentExpression: ['An assignment', 'Compare with ===, or make a new object: { ...$json, name: value }.'],
  UpdateExpression: ['++ or --', 'Write + 1 or - 1.'],
  NewExpression: ['"new"', 'Use the functions there are, such as DateTime.fromISO(…).'],
  ThisExpression: ['"this"', 'Use $json for the current item.'],
  FunctionExpression: ['"function"', 'Write an arrow function: x => x.name.'],
  ClassExpression: ['"class"', 'Use a code step.'],
  AwaitExpression: ['"await"', 'An expression never waits. Use a step.'],
  YieldExpression: ['"yield"', 'Use a code step.'],
  ImportExpression: ['"import"', 'Use a code step.'],
  MetaProperty: ['"import.meta" or "new.target"', 'Use a code step.'],
  TaggedTemplateExpression: ['A tagged template', 'Call a function: name(`text`).'],
  SequenceExpression: ['A comma between two expressions', 'Keep only the last one.'],
  Super: ['"super"', 'Use $json for the current item.'],
  SpreadElement: ['"…"', 'Spread only inside a list, an object or the arguments of a call.'],
};

function refuseKind(compiler: Compiler, node: Node): Error {
  const [what, advice] = REFUSED[node.type] ?? [`This (${node.type})`, 'Use a code step.'];
  return refuse(compiler, node, `${what} cannot be used in an expression.`, advice);
}

function compileValue(compiler: Compiler, node: Expression & { type: 'Literal' }): Code {
  if (node.regex !== undefined) {
    const { pattern, flags } = node.regex;
    const at = compiler.start + node.start;
    let regex: Regex | undefined;
    return (evaluation) => {
      evaluation.at = at;
      regex ??= makeRegex(evaluation, pattern, flags);
      return regex;
    };
  }
  if (node.bigint !== undefined)
    throw refuse(compiler, node, 'A BigInt cannot be used in an expression.', 'Leave out the n.');
  const { value } = node;
  return () => value;
}

function compileName(compiler: Compiler, name: string, node: Node, locals: Locals, place: Place): Code {
  const local = findLocal(locals, name);
  if (local !== undefined) return local;
  const variable = VARIABLES[name];
  if (variable !== undefined) {
    if (name.startsWith('$')) compiler.names.add(canonicalName(name));
    const path = place.inner === true ? undefined : staticPath(node as Expression);
    if (path !== undefined) compiler.paths.add(path);
    const { data, get } = variable;
    return data === undefined ? get : (evaluation) => data(evaluation.scope);
  }
  const entry = FUNCTIONS[name];
  if (entry !== undefined)
    return (evaluation) =>
      (...args: unknown[]) =>
        entry.call(evaluation, args);
  throw unknownName(compiler, name, node, locals);
}

/** Reads an argument of one of the arrow functions around; undefined where the name is not one of theirs. */
export function findLocal(locals: Locals, name: string): Code | undefined {
  let hops = 0;
  for (let scope = locals; scope !== null; scope = scope.outer, hops++) {
    const index = scope.names.indexOf(name);
    if (index === -1) continue;
    if (hops === 0) return (_evaluation, frame) => frame?.values[index];
    const distance = hops;
    return (_evaluation, frame) => {
      let at = frame;
      for (let i = 0; i < distance; i++) at = at?.outer ?? null;
      return at?.values[index];
    };
  }
  return undefined;
}

/** The error for a name that stands for nothing here. */
export function unknownName(compiler: Compiler, name: string, node: Node, locals: Locals): Error {
  if (GROUPS[name] !== undefined)
    return refuse(
      compiler,
      node,
      `"${name}" is a group of functions, not a value.`,
      `Call one of them: ${name}.${Object.keys(GROUPS[name])[0]}(…).`,
    );
  if (DOLLAR_FUNCTIONS[name] !== undefined)
    return refuse(compiler, node, `"${name}" is a function.`, `Call it: ${name}${DOLLAR_FUNCTIONS[name].args}.`);
  const own: string[] = [];
  for (let scope = locals; scope !== null; scope = scope.outer) own.push(...scope.names);
  const known = NAME_ADVICE[name];
  const meant = known === undefined ? nearest(name, [...own, ...allNames()]) : undefined;
  const advice =
    known ?? (meant === undefined ? 'Fields of the item are read as $json.name.' : `Did you mean ${meant}?`);
  return refuse(compiler, node, `There is no "${name.slice(0, 60)}" in expressions.`, advice, meant);
}
