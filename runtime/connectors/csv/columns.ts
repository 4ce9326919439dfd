import type { Json, JsonObject } from '#shared/json.ts';

/** Names for columns: those without one are numbered, those that come again get a number behind theirs. */
export function columnNames(given: readonly string[]): string[] {
  const taken = new Set<string>();
  return given.map((text, index) => {
    const wanted = text.trim().slice(0, 200) || `column_${index + 1}`;
    let name = wanted;
    for (let n = 2; taken.has(name); n++) name = `${wanted}_${n}`;
    taken.add(name);
    return name;
  });
}

/** A text as what it looks like: a number that keeps every digit, yes or no, nothing; else itself. */
export function typed(text: string): Json {
  if (text === '') return null;
  if (text === 'true' || text === 'TRUE') return true;
  if (text === 'false' || text === 'FALSE') return false;
  if (!/^-?(0|[1-9]\d{0,15})(\.\d{1,15})?([eE][+-]?\d{1,3})?$/.test(text)) return text;
  const value = Number(text);
  const keeps = /[.eE]/.test(text) ? Number.isFinite(value) : Number.isSafeInteger(value);
  return keeps ? value : text;
}

/** A row as an object; values beyond the names are called after their place. */
export function rowOf(record: readonly string[], names: readonly string[], types: boolean): JsonObject {
  return Object.fromEntries(
    record.map((value, index) => [names[index] ?? `column_${index + 1}`, types ? typed(value) : value]),
  );
}
