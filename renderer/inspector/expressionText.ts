import { type Completion, type CompletionScope, complete } from '#shared/expression/complete.ts';
import { isExpression } from './formSchema.ts';

/** A field's value as it is shown: the `=` of an expression stands before the text, not in it. */
export type ShownText = {
  /** Whether the `=` is drawn. */
  equals: boolean;
  text: string;
  /** What is evaluated: an expression with its `=`, a template as it is. */
  source: string;
  /** How far a place in `text` is from the same place in `source`. */
  shift: number;
};

/** @param always the field holds expressions only, and its value may lack the `=` */
export function shownText(value: string, always = false): ShownText {
  if (value.startsWith('=')) return { equals: true, text: value.slice(1), source: value, shift: 1 };
  if (!always || isExpression(value)) return { equals: false, text: value, source: value, shift: 0 };
  return { equals: true, text: value, source: value === '' ? '' : `=${value}`, shift: value === '' ? 0 : 1 };
}

/** A text with the place of the cursor. */
export type Typed = { text: string; caret: number };

/**
 * What a field holds after somebody typed or pasted. An `=` at the start is the sign of an expression, whether or not
 * there is one already: it is never part of the text.
 */
export function valueTyped(
  { text, caret }: Typed,
  equals: boolean,
  always = false,
): { value: string; caret: number | undefined } {
  const own = /^=(?!=)/.test(text);
  const bare = own ? text.slice(1) : text;
  const value = equals || own ? `=${bare}` : text;
  return { value: value === '=' && always ? '' : value, caret: own ? Math.max(0, caret - 1) : undefined };
}

const MOST_OPTIONS = 8;
const REST_OF_NAME = /^[\p{L}\p{N}_$]*/u;

/** Names to go on with, `from` and `to` in the text that is shown: accepting one replaces all of the name at the cursor. */
export type Offer = { from: number; to: number; options: Completion['options'] };

/**
 * What could be written at the cursor.
 *
 * @param asked also where no name has begun
 */
export function offerAt(shown: ShownText, caret: number, scope: CompletionScope, asked: boolean): Offer | undefined {
  const { equals, text } = shown;
  if (!equals && !isExpression(text)) return undefined;
  const source = shown.source === '' ? '=' : shown.source;
  const shift = source.length - text.length;
  const at = caret + shift;
  const found = complete(source, at, scope);
  const begun = source.slice(found.from, at);
  const before = source.slice(0, found.from);
  if (!asked && begun === '' && !/[.'"`]$|^=$/.test(before)) return undefined;
  const options = found.options.filter(({ label }) => asked || label !== begun).slice(0, MOST_OPTIONS);
  if (options.length === 0) return undefined;
  const rest = REST_OF_NAME.exec(text.slice(caret))?.[0] ?? '';
  return { from: Math.max(0, found.from - shift), to: caret + rest.length, options };
}

/** The text with a name put in place of the one that was begun; a function comes with its bracket. */
export function accepted(text: string, { from, to }: Offer, option: Completion['options'][number]): Typed {
  const call = option.kind === 'function' || option.kind === 'method';
  const bracket = call && !/[.)…]$/.test(option.label) && !option.detail?.endsWith('.…') && text[to] !== '(';
  const label = option.label + (bracket ? '(' : '');
  return { text: text.slice(0, from) + label + text.slice(to), caret: from + label.length };
}
