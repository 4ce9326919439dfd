import type { Json } from '#shared/json.ts';

/** What spreadsheets take for the beginning of a formula, in its wide forms too. */
const FORMULA = /^[\s\p{Cc}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20|%]|^[\t\r\n]/u;
const NUMBER = /^[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?%?$/;

/**
 * A value as the text of a cell: objects and lists as JSON, nothing as nothing. Guarded, a text that a spreadsheet would
 * run gets an apostrophe before it; numbers with a sign stay as they are.
 */
export function cellText(value: Json | undefined, guarded: boolean): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return guarded && FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
}
