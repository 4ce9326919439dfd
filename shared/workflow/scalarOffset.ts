import type { Scalar } from 'yaml';

const LONG_ESCAPES: Record<string, number> = { x: 2, u: 4, U: 8 };

/**
 * Where in the source a character of a scalar's value stands.
 *
 * @param within position in the value, in UTF-16 units
 * @returns the offset in the source; the scalar's beginning where line folding hides the exact place
 */
export function offsetInScalar(text: string, node: Scalar.Parsed, within: number): number {
  const [start, end] = node.range;
  if (within <= 0) return start;
  const source = text.slice(start, end);
  if (node.type === 'BLOCK_LITERAL') return start + inLiteral(source, within);
  if (source.includes('\n') || node.type === 'BLOCK_FOLDED') return start;
  if (node.type === 'QUOTE_SINGLE') return start + inSingle(source, within);
  if (node.type === 'QUOTE_DOUBLE') return start + inDouble(source, within);
  return start + Math.min(within, source.length);
}

function inSingle(source: string, within: number): number {
  let i = 1;
  for (let n = 0; n < within && i < source.length - 1; n++) i += source.startsWith("''", i) ? 2 : 1;
  return i;
}

function inDouble(source: string, within: number): number {
  let i = 1;
  for (let n = 0; n < within && i < source.length - 1; n++) {
    if (source[i] !== '\\') i += 1;
    else i += 2 + (LONG_ESCAPES[source[i + 1] as string] ?? 0);
  }
  return i;
}

function inLiteral(source: string, within: number): number {
  const lines = source.split('\n');
  const body = lines.slice(1);
  const indent = Math.min(...body.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  let offset = (lines[0] as string).length + 1;
  let left = within;
  for (const line of body) {
    const length = Math.max(0, line.replace(/\r$/, '').length - indent);
    if (left <= length) return offset + indent + left;
    left -= length + 1;
    offset += line.length + 1;
  }
  return 0;
}
