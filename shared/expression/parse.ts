import { type Expression, Parser, type TokenType, tokTypes } from 'acorn';
import { syntaxError } from './problems.ts';

/** The longest single expression, in characters. */
const MAX_CODE = 50_000;

// `default(value, fallback)` is one of our functions, and a reserved word of JavaScript: where an expression may stand
// the word is read as a name. These are the parser's own methods, which its types leave out.
type Internals = {
  type: TokenType;
  startNode(): object;
  next(): void;
  finishNode(node: object, type: string): Expression;
  parseExprAtom(...args: unknown[]): Expression;
};
type InternalsClass = { new (...args: unknown[]): Internals };

const ExpressionParser = Parser.extend((base) => {
  const Base = base as unknown as InternalsClass;
  class WithDefault extends Base {
    override parseExprAtom(...args: unknown[]): Expression {
      if (this.type !== (tokTypes as unknown as { _default: TokenType })._default) return super.parseExprAtom(...args);
      const node = Object.assign(this.startNode(), { name: 'default' });
      this.next();
      return this.finishNode(node, 'Identifier');
    }
  }
  return WithDefault as unknown as typeof Parser;
});

/** An expression in a longer text: its tree, whose offsets count from `start`. */
export type ParsedCode = { tree: Expression; start: number; code: string };

/**
 * Reads one JavaScript expression from a text.
 *
 * @param start where in `source` it begins
 * @param close what must follow it: `}}` of a template, or nothing where it is the whole rest
 * @returns the tree, and where in `source` the text goes on after `close`
 */
export function parseCode(source: string, start: number, close: '}}' | ''): { parsed: ParsedCode; end: number } {
  const code = source.slice(start, start + MAX_CODE);
  const cut = source.length > start + MAX_CODE;
  const first = skipBlank(code, 0);
  if (first >= code.length || (close !== '' && code.startsWith(close, first)))
    throw syntaxError(source, start + first, 'There is no expression here.', {
      advice: 'Write one, such as $json.name.',
    });
  let tree: Expression;
  try {
    tree = ExpressionParser.parseExpressionAt(code, first, {
      ecmaVersion: 2025,
      sourceType: 'module',
      allowAwaitOutsideFunction: true,
    });
  } catch (thrown) {
    throw cut ? tooLong(source, start) : unreadable(source, start, thrown);
  }
  const after = skipBlank(code, tree.end);
  if (close === '' ? after < code.length : !code.startsWith(close, after)) {
    if (cut) throw tooLong(source, start);
    if (after >= code.length)
      throw syntaxError(source, start + after, 'A {{ is not closed.', { advice: 'End the expression with }}.' });
    throw unexpected(source, start + after);
  }
  if (cut && close === '') throw tooLong(source, start);
  return { parsed: { tree, start, code }, end: start + after + close.length };
}

function tooLong(source: string, start: number): Error {
  const message = `An expression may have at most ${MAX_CODE.toLocaleString('en-US')} characters.`;
  return syntaxError(source, start, message, { advice: 'Use a code step for longer programs.' });
}

/** The error for code so deep that even reading it runs out of stack. */
export function tooDeep(source: string, start: number): Error {
  return syntaxError(source, start, 'The expression is nested too deeply.', {
    advice: 'Flatten it, or use a code step.',
  });
}

const STATEMENTS: ReadonlySet<string> = new Set([
  ...['const', 'let', 'var', 'if', 'for', 'while', 'do', 'switch', 'return', 'throw', 'try', 'break', 'continue'],
  ...['debugger', 'with', 'export'],
]);

function unexpected(source: string, offset: number): Error {
  const found = /^(?:[\p{L}\p{N}_$]+|.)/u.exec(source.slice(offset, offset + 80))?.[0] ?? '';
  if (STATEMENTS.has(found))
    return syntaxError(source, offset, `"${found}" begins a statement, and only an expression can stand here.`, {
      found,
      advice: 'Write the value itself, for example with condition ? a : b, or use a code step.',
    });
  const advice =
    found === ';'
      ? 'Leave the semicolon out; an expression is one value.'
      : 'Look at the quotes and brackets before it.';
  return syntaxError(source, offset, `"${found}" was not expected here.`, { found, advice });
}

function unreadable(source: string, start: number, thrown: unknown): Error {
  if (thrown instanceof RangeError || String(thrown).includes('stack space')) return tooDeep(source, start);
  const problem = thrown as { message?: unknown; raisedAt?: unknown; pos?: unknown };
  if (typeof problem.pos !== 'number') throw thrown;
  const offset = start + problem.pos;
  const message = String(problem.message).replace(/\s*\(\d+:\d+\)$/, '');
  if (offset >= source.length)
    return syntaxError(source, source.length, 'The expression is not complete.', {
      advice: 'Something is missing at its end.',
    });
  if (message === 'Unexpected token') return unexpected(source, offset);
  return syntaxError(source, offset, `${message}.`, { found: source.slice(offset, offset + 20) });
}

/** Past white space and comments. */
function skipBlank(code: string, from: number): number {
  let at = from;
  for (;;) {
    while (at < code.length && /\s/.test(code[at] as string)) at++;
    if (code.startsWith('/*', at)) {
      const end = code.indexOf('*/', at + 2);
      at = end === -1 ? code.length : end + 2;
    } else if (code.startsWith('//', at)) {
      const end = code.indexOf('\n', at);
      at = end === -1 ? code.length : end + 1;
    } else return at;
  }
}
