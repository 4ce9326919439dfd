import { SluiceError } from '../error.ts';
import type { JsonObject } from '../json.ts';

/** Where a character stands: `offset` counts from 0, `line` and `column` from 1. */
export type Position = { offset: number; line: number; column: number };

/** The position of one character in a text. */
export function positionAt(source: string, offset: number): Position {
  const before = source.slice(0, Math.max(0, offset));
  const lastBreak = before.lastIndexOf('\n');
  let line = 1;
  for (let i = before.indexOf('\n'); i !== -1; i = before.indexOf('\n', i + 1)) line++;
  return { offset: before.length, line, column: before.length - lastBreak };
}

/**
 * An expression that does not parse, or uses what expressions do not have.
 *
 * @param offset where in the whole source, from 0
 * @param found the piece of source that is the trouble
 */
export function syntaxError(
  source: string,
  offset: number,
  message: string,
  extra: { advice?: string; found?: string; nearest?: string } = {},
): SluiceError {
  const details: JsonObject = positionAt(source, offset);
  if (extra.found !== undefined) details.found = extra.found.slice(0, 80);
  if (extra.nearest !== undefined) details.nearest = extra.nearest;
  return new SluiceError('expression.syntax', message, { details, advice: extra.advice });
}
