import { SluiceError } from '../error.ts';
import { isJsonObject, type Json } from '../json.ts';

const WIDTH = 100;
/** Characters that YAML or an editor may treat as a line end, a mark or nothing at all. */
const UNSAFE = /[\p{Cc}\p{Cs}\u00a0\u2028\u2029\ufeff]/u;
const WORDS = /^(?:~|null|true|false|yes|no|on|off|y|n)$/i;
const DATE = /^\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a map or list at this path takes a line for each of its fields even where it would fit on one. */
export type BlockRule = (path: readonly (string | number)[]) => boolean;

/** Whether a text may stand without quotes. */
function isPlain(text: string, inFlow: boolean): boolean {
  if (text === '' || text.startsWith(' ') || text.endsWith(' ') || UNSAFE.test(text) || WORDS.test(text)) return false;
  if (/^[-?:,[\]{}#&*!|>'"%@`+.<~]/.test(text) || /: | #|:$/.test(text)) return false;
  if (/^\d/.test(text) && !DATE.test(text) && !UUID.test(text)) return false;
  return !(inFlow && /[,[\]{}]/.test(text));
}

/** A text in double quotes, on one line. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\p{Cc}\u00a0\u2028\u2029\ufeff]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A text in single quotes where that is possible, else in double ones. */
export function singleQuoted(text: string): string {
  return UNSAFE.test(text) ? quoted(text) : `'${text.replaceAll("'", "''")}'`;
}

function scalarText(value: null | boolean | number | string, inFlow: boolean): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return isPlain(value, inFlow) ? value : quoted(value);
}

export function keyText(key: string): string {
  if (key.length > 1000) {
    const advice = 'Give the field a shorter name.';
    throw new SluiceError('limit.exceeded', `A field's name has ${key.length} characters; at most 1,000 fit.`, {
      advice,
    });
  }
  return isPlain(key, true) && !/[:=]/.test(key) ? key : quoted(key);
}

/** The value on one line: scalars as they are, maps and lists in braces. */
export function flowText(value: Json, inFlow = true): string {
  if (Array.isArray(value)) return `[${value.map((one) => flowText(one)).join(', ')}]`;
  if (!isJsonObject(value)) return scalarText(value, inFlow);
  const fields = Object.keys(value).map((key) => `${keyText(key)}: ${flowText(value[key] as Json)}`);
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}

/** The lines of a literal block after its header, or undefined where quotes are needed. */
function literalLines(text: string): { header: string; lines: string[] } | undefined {
  if (!text.includes('\n') || /^[ \n\t]/.test(text) || /[ \t]$/m.test(text) || text.endsWith('\n\n')) return undefined;
  const lines = text.replace(/\n$/, '').split('\n');
  if (lines.some((line) => UNSAFE.test(line.replaceAll('\t', ' ')))) return undefined;
  return { header: text.endsWith('\n') ? '|' : '|-', lines };
}

function hasLongText(value: Json): boolean {
  if (typeof value === 'string') return literalLines(value) !== undefined;
  if (Array.isArray(value)) return value.some(hasLongText);
  return isJsonObject(value) && Object.values(value).some(hasLongText);
}

const pad = (line: string, by: number) => (line === '' ? '' : ' '.repeat(by) + line);

/**
 * A field with its value as lines, the first without indentation, the others indented below it.
 *
 * @param room how far in the field stands, for the choice between one line and several
 * @param step indentation of what is below it
 */
export function pairLines(
  key: string,
  value: Json,
  block: BlockRule = () => false,
  path: readonly (string | number)[] = [],
  room = 0,
  step = 2,
): string[] {
  if (typeof value === 'string') {
    const literal = literalLines(value);
    if (literal) return [`${key}: ${literal.header}`, ...literal.lines.map((line) => pad(line, step))];
    return [`${key}: ${scalarText(value, false)}`];
  }
  if (isBlock(value, block, path, room + key.length + 2)) {
    const lines = blockLines(value, block, path, room + step);
    return [`${key}:`, ...lines.map((line) => pad(line, step))];
  }
  return [`${key}: ${flowText(value, false)}`];
}

/** An entry of a block list as lines, the first with its dash. */
export function itemLines(value: Json, block: BlockRule, path: readonly (string | number)[], room: number): string[] {
  if (isBlock(value, block, path, room + 2)) {
    const lines = blockLines(value, block, path, room + 2);
    return lines.map((line, i) => (i === 0 ? `- ${line}` : pad(line, 2)));
  }
  return [`- ${flowText(value, false)}`];
}

function isBlock(value: Json, block: BlockRule, path: readonly (string | number)[], room: number): boolean {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return false;
  return block(path) || room + flowText(value, false).length > WIDTH || hasLongText(value);
}

/** A map or list as lines of its own. */
function blockLines(value: Json, block: BlockRule, path: readonly (string | number)[], room: number): string[] {
  if (Array.isArray(value)) return value.flatMap((one, i) => itemLines(one, block, [...path, i], room));
  if (!isJsonObject(value)) return [flowText(value, false)];
  return Object.keys(value).flatMap((key) => pairLines(keyText(key), value[key] as Json, block, [...path, key], room));
}

/** A whole file: the root's fields, each with a line of its own. */
export function yamlText(value: Json, block: BlockRule): string {
  const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return `${empty ? flowText(value, false) : blockLines(value, block, [], 0).join('\n')}\n`;
}
