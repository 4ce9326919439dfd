import { isJsonObject, type Json } from '#shared/json.ts';

export type TokenKind = 'key' | 'text' | 'number' | 'word' | 'mark';
export type Token = { kind: TokenKind; text: string };
export type JsonLine = { indent: number; tokens: Token[]; path: (string | number)[] };

const mark = (text: string): Token => ({ kind: 'mark', text });

/** A value as coloured lines, one field a line, so that a long one can be shown in part. Long texts are cut at `cutAt`. */
export function jsonLines(value: Json, cutAt = 2_000): JsonLine[] {
  const lines: JsonLine[] = [];
  write(value, [], 0, [], []);
  return lines;

  function write(one: Json, path: (string | number)[], indent: number, before: Token[], after: Token[]) {
    const entries = Array.isArray(one)
      ? one.map((entry, index): [string | number, Json] => [index, entry])
      : isJsonObject(one)
        ? Object.entries(one)
        : undefined;
    const [open, close] = Array.isArray(one) ? ['[', ']'] : ['{', '}'];
    if (!entries) {
      lines.push({
        indent,
        path,
        tokens: [...before, scalar(one as null | boolean | number | string, cutAt), ...after],
      });
      return;
    }
    if (entries.length === 0) {
      lines.push({ indent, path, tokens: [...before, mark(open + close), ...after] });
      return;
    }
    lines.push({ indent, path, tokens: [...before, mark(open)] });
    entries.forEach(([key, entry], index) => {
      const label: Token[] = typeof key === 'string' ? [{ kind: 'key', text: JSON.stringify(key) }, mark(': ')] : [];
      write(entry, [...path, key], indent + 1, label, index < entries.length - 1 ? [mark(',')] : []);
    });
    lines.push({ indent, path, tokens: [mark(close), ...after] });
  }
}

export function scalar(value: null | boolean | number | string, cutAt = 200): Token {
  if (typeof value === 'string') {
    const text = JSON.stringify(value.length > cutAt ? `${value.slice(0, cutAt)}…` : value);
    return { kind: 'text', text };
  }
  return { kind: typeof value === 'number' ? 'number' : 'word', text: String(value) };
}

/** One line for a value of any depth: `"B"`, `12`, `3 entries`, `{ id, name }`. */
export function shortValue(value: Json | undefined, cutAt = 200): Token {
  if (value === undefined) return { kind: 'mark', text: '' };
  if (Array.isArray(value)) return { kind: 'mark', text: value.length === 1 ? '1 entry' : `${value.length} entries` };
  if (isJsonObject(value)) {
    const keys = Object.keys(value);
    return { kind: 'mark', text: keys.length === 1 ? '1 field' : `${keys.length} fields` };
  }
  return scalar(value, cutAt);
}

/** The names of a type as the editor says them. */
export function typeWord(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'string') return 'text';
  return typeof value === 'boolean' ? 'true or false' : typeof value;
}

/** Whether a value or a key anywhere in it holds the text, letters of either case. */
export function holds(value: Json, wanted: string): boolean {
  const low = wanted.toLowerCase();
  if (Array.isArray(value)) return value.some((entry) => holds(entry, low));
  if (isJsonObject(value)) {
    return Object.entries(value).some(([key, entry]) => key.toLowerCase().includes(low) || holds(entry, low));
  }
  return String(value).toLowerCase().includes(low);
}
