import type { Node } from 'acorn';
import { SluiceError } from '../error.ts';
import { compileExpression } from '../expression/expression.ts';
import { readSource } from '../expression/source.ts';
import { referenceOf } from '../expression/stepReference.ts';

/** A name that an expression uses, and where it stands in the whole text. */
export type NameUse = { name: string; offset: number };

/** What is wrong with an expression, at which character; undefined where nothing is. */
export function expressionFault(source: string): { message: string; advice: string; offset: number } | undefined {
  try {
    compileExpression(source);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    const offset = thrown.details?.offset;
    return {
      message: thrown.message,
      advice: thrown.advice ?? 'Correct the expression at this place.',
      offset: typeof offset === 'number' ? offset : 0,
    };
  }
}

/** The steps and the environment variables that an expression names, each once; none where it does not parse. */
export function expressionUse(source: string): { steps: NameUse[]; env: NameUse[] } {
  const steps = new Map<string, NameUse>();
  const env = new Map<string, NameUse>();
  const visit = (node: Node, start: number) => {
    const reference = referenceOf(node as Parameters<typeof referenceOf>[0]);
    if (reference) add(steps, reference.ref, start + reference.argument.start + 1);
    const variable = variableOf(node);
    if (variable) add(env, variable.name, start + variable.offset);
    for (const value of Object.values(node) as unknown[]) {
      for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) if (isNode(child)) visit(child, start);
    }
  };
  for (const { tree, start } of parsedParts(source)) visit(tree, start);
  return { steps: [...steps.values()], env: [...env.values()] };
}

function add(found: Map<string, NameUse>, name: string, offset: number): void {
  if (!found.has(name)) found.set(name, { name, offset });
}

function parsedParts(source: string) {
  try {
    const read = readSource(source);
    if (read.kind === 'literal') return [];
    return read.kind === 'expression' ? [read.parsed] : read.parts.filter((part) => typeof part !== 'string');
  } catch (thrown) {
    if (thrown instanceof SluiceError) return [];
    throw thrown;
  }
}

type Member = Node & {
  object: Node & { name?: string };
  property: Node & { name?: string; value?: unknown };
  computed: boolean;
};

/** The variable that `$env.name`, `$vars.name` or `$env['name']` reads. */
function variableOf(node: Node): { name: string; offset: number } | undefined {
  if (node.type !== 'MemberExpression') return undefined;
  const { object, property, computed } = node as Member;
  if (object.type !== 'Identifier' || (object.name !== '$env' && object.name !== '$vars')) return undefined;
  const name = computed ? property.value : property.name;
  return typeof name === 'string' ? { name, offset: property.start } : undefined;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
