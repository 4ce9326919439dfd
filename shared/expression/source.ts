import { type ParsedCode, parseCode } from './parse.ts';
import { syntaxError } from './problems.ts';

/** A text as written in a field: plain text, one expression, or pieces of both. */
export type Source =
  | { kind: 'literal'; text: string }
  | { kind: 'expression'; parsed: ParsedCode }
  | { kind: 'template'; parts: (string | ParsedCode)[] };

const MAX_SOURCE = 1_048_576;

/** Whether a text is an expression: it begins with `=`, or holds a `{{` that no backslash takes away. */
export function isExpression(text: string): boolean {
  if (text.charCodeAt(0) === 61) return true;
  for (let at = text.indexOf('{{'); at !== -1; at = text.indexOf('{{', at + 1))
    if (at === 0 || text.charCodeAt(at - 1) !== 92) return true;
  return false;
}

/** The text that a literal stands for: `\=` at the start and `\{{` lose their backslash. */
export function unescapeLiteral(text: string): string {
  const start = text.startsWith('\\=') ? text.slice(1) : text;
  return start.includes('\\{{') ? start.replaceAll('\\{{', '{{') : start;
}

/**
 * Takes a text apart. `={{ … }}` is read as the template it holds.
 *
 * Errors: `expression.syntax`, with offset, line and column in the whole text.
 */
export function readSource(text: string): Source {
  if (!isExpression(text)) return { kind: 'literal', text: unescapeLiteral(text) };
  if (text.length > MAX_SOURCE)
    throw syntaxError(text, 0, 'The text is longer than 1 MB.', { advice: 'Keep long texts in a file or a table.' });
  if (text.startsWith('=') && !/^=\s*\{\{/.test(text))
    return { kind: 'expression', parsed: parseCode(text, 1, '').parsed };
  const start = text.startsWith('=') ? text.indexOf('{{') : 0;
  const parts = readTemplate(text, start);
  const [first, last] = parts;
  // After `=` blanks around a single {{ … }} mean nothing.
  if (start > 0 && parts.length === 2 && typeof first !== 'string' && typeof last === 'string' && last.trim() === '')
    parts.pop();
  return { kind: 'template', parts };
}

function readTemplate(text: string, from: number): (string | ParsedCode)[] {
  const parts: (string | ParsedCode)[] = [];
  let literal = '';
  let at = from;
  for (;;) {
    const open = text.indexOf('{{', at);
    if (open === -1) break;
    if (open > 0 && text[open - 1] === '\\') {
      literal += `${text.slice(at, open - 1)}{{`;
      at = open + 2;
      continue;
    }
    literal += text.slice(at, open);
    const { parsed, end } = parseCode(text, open + 2, '}}');
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(parsed);
    at = end;
  }
  literal += text.slice(at);
  if (literal !== '') parts.push(literal);
  if (typeof parts[0] === 'string' && from === 0 && parts[0].startsWith('\\=')) parts[0] = parts[0].slice(1);
  return parts;
}
