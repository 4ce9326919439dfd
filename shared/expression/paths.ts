import type { CallExpression, Expression, MemberExpression, SpreadElement, Super } from 'acorn';
import { literalText, referenceOf } from './stepReference.ts';
import { DOLLAR_FUNCTIONS, VARIABLES } from './variables.ts';

type Node = Expression | Super | SpreadElement;

/** The key of a member that is known without evaluating; undefined where it is computed. */
export function staticKey(node: MemberExpression): string | number | undefined {
  if (!node.computed) return node.property.type === 'Identifier' ? node.property.name : undefined;
  const { property } = node;
  if (property.type === 'Literal' && typeof property.value === 'number') return property.value;
  return property.type === 'PrivateIdentifier' ? undefined : literalText(property);
}

/** `$('x').first()` and the other ways from a step to its items. */
function itemsCall(node: CallExpression): string | undefined {
  if (node.arguments.length > 0 || node.callee.type !== 'MemberExpression') return undefined;
  const { object } = node.callee;
  const key = staticKey(node.callee);
  if (key !== 'first' && key !== 'last' && key !== 'all') return undefined;
  const fromStep =
    referenceOf(object as Node) !== undefined || (object.type === 'Identifier' && object.name === '$input');
  const path = fromStep ? staticPath(object as Node) : undefined;
  return path === undefined ? undefined : `${path}.${key}()`;
}

/** A chain of names that is read without evaluating anything, such as `$json.body.action`; undefined for all else. */
export function staticPath(node: Node): string | undefined {
  if (node.type === 'Identifier') {
    if (!node.name.startsWith('$') || DOLLAR_FUNCTIONS[node.name] !== undefined) return undefined;
    return VARIABLES[node.name] === undefined ? undefined : canonicalName(node.name);
  }
  if (node.type === 'ChainExpression') return staticPath(node.expression);
  if (node.type === 'CallExpression') {
    const reference = referenceOf(node);
    return reference === undefined ? itemsCall(node) : `$('${reference.ref}')`;
  }
  if (node.type !== 'MemberExpression') return undefined;
  const key = staticKey(node);
  const path = key === undefined ? undefined : staticPath(node.object);
  if (path === undefined) return undefined;
  if (typeof key === 'number') return `${path}[${key}]`;
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key as string) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

/** `$vars` is `$env` under the name users of n8n know. */
export function canonicalName(name: string): string {
  return name === '$vars' ? '$env' : name;
}
