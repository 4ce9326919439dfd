import type { Expression, SpreadElement, Super } from 'acorn';

type Node = Expression | Super | SpreadElement;

/** The text of a literal, or of a template literal without `${}`; undefined for anything else. */
export function literalText(node: Node | undefined): string | undefined {
  if (node?.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined;
  if (node?.type !== 'TemplateLiteral' || node.expressions.length > 0) return undefined;
  return node.quasis[0]?.value.cooked ?? undefined;
}

/** The step that `$('step')` names; undefined for every other node. */
export function referenceOf(node: Node): { ref: string; argument: Expression } | undefined {
  if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier' || node.callee.name !== '$') return undefined;
  const argument = node.arguments[0];
  const ref = literalText(argument);
  return ref === undefined || node.arguments.length !== 1 ? undefined : { ref, argument: argument as Expression };
}
