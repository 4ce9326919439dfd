import type { Node } from 'acorn';
import { SluiceError } from '../error.ts';
import type { ParsedCode } from './parse.ts';
import { readSource } from './source.ts';
import { referenceOf } from './stepReference.ts';

type Reference = { ref: string; start: number; end: number };

function* children(node: Node): Generator<Node> {
  for (const value of Object.values(node) as unknown[]) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value])
      if (typeof child === 'object' && child !== null && typeof (child as Node).type === 'string') yield child as Node;
  }
}

function findReferences({ tree, start }: ParsedCode): Reference[] {
  const found: Reference[] = [];
  const open: Node[] = [tree];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const reference = referenceOf(node as Parameters<typeof referenceOf>[0]);
    if (reference !== undefined) {
      const { ref, argument } = reference;
      found.push({ ref, start: start + argument.start, end: start + argument.end });
    }
    open.push(...children(node));
  }
  return found;
}

/** The steps that an expression or template names in `$('…')`, each once; none where it does not parse. */
export function references(source: string): { steps: string[] } {
  return { steps: [...new Set(referencesIn(source).map(({ ref }) => ref))] };
}

/**
 * Rewrites the steps that `$('…')` names, and touches nothing else: quotes, spaces and the rest stay as they are. A text
 * that is no expression, or does not parse, comes back unchanged.
 *
 * @param rename the new id or name of a step; undefined leaves it
 */
export function rewriteReferences(source: string, rename: (ref: string) => string | undefined): string {
  const found = referencesIn(source).sort((a, b) => b.start - a.start);
  let result = source;
  for (const { ref, start, end } of found) {
    const name = rename(ref);
    if (name === undefined || name === ref) continue;
    result = result.slice(0, start) + quoted(name, source[start] ?? "'") + result.slice(end);
  }
  return result;
}

function referencesIn(source: string): Reference[] {
  if (!source.includes('$')) return [];
  try {
    const read = readSource(source);
    if (read.kind === 'literal') return [];
    if (read.kind === 'expression') return findReferences(read.parsed);
    return read.parts.flatMap((part) => (typeof part === 'string' ? [] : findReferences(part)));
  } catch (thrown) {
    if (thrown instanceof SluiceError) return [];
    throw thrown;
  }
}

/** A text between the quotes it had. */
function quoted(text: string, quote: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll(quote, `\\${quote}`)
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r');
  return `${quote}${quote === '`' ? escaped.replaceAll('${', '\\${') : escaped}${quote}`;
}
