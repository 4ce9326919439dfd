import { MAX_DEPTH } from './bodyDepth.ts';

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];

/**
 * Refuses JSON before it is parsed: what is nested too deeply would parse and then overflow whatever walks it, and of a
 * name that stands twice in one object, the parser would keep the last and somebody else the first.
 *
 * @param bytes in UTF-8
 */
export function checkShape(bytes: Buffer): void {
  /** For each place that is open: the names of an object, or nothing for a list. */
  const open: (Set<string> | undefined)[] = [];
  let names: Set<string> | undefined;
  let isName = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      const end = endOfText(bytes, at + 1);
      if (isName && names) {
        const name = nameIn(bytes, at + 1, end);
        if (names.has(name)) throw new Error(`The body has ${shortly(name)} twice in one object.`);
        names.add(name);
        isName = false;
      }
      at = end;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      isName = byte === OPEN_OBJECT;
      names = isName ? new Set() : undefined;
      open.push(names);
      if (open.length > MAX_DEPTH) throw new Error(`The body is nested more than ${MAX_DEPTH} levels deep.`);
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      open.pop();
      names = open.at(-1);
      isName = false;
    } else if (byte === COMMA) isName = names !== undefined;
  }
}

function endOfText(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

/** A name as the parser reads it, so that `\u0069d` is `id`. */
function nameIn(bytes: Buffer, from: number, end: number): string {
  const raw = bytes.toString('utf8', from, end);
  if (!raw.includes('\\')) return raw;
  try {
    return String(JSON.parse(`"${raw}"`));
  } catch {
    // The parser will say what is wrong with it.
    return raw;
  }
}

const shortly = (name: string) => JSON.stringify(name.length > 60 ? `${name.slice(0, 59)}…` : name);
