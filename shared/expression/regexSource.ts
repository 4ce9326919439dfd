/** Why a pattern cannot run here, in the words of the person who wrote it. */
export type PatternProblem = { unsupported: string };

// In RE2 these are something else; in JavaScript an escaped letter without a meaning is the letter.
const PLAIN_LETTERS = new Set('AzQECaGHRXZ');
const SPACE = '\\s\\x0b\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';

/**
 * Turns the source of a JavaScript pattern into one that a linear-time engine reads the same way, or says what such an
 * engine cannot do. `\s` keeps JavaScript's Unicode spaces, except negated inside a class.
 */
export function translatePattern(source: string): string | PatternProblem {
  let result = '';
  let inClass = false;
  for (let i = 0; i < source.length; i++) {
    const char = source[i] as string;
    if (char === '\\') {
      const next = source[++i] ?? '';
      if (next === 's') result += inClass ? SPACE : `[${SPACE}]`;
      else if (next === 'S' && !inClass) result += `[^${SPACE}]`;
      else if (!inClass && next >= '1' && next <= '9') return { unsupported: `a back-reference, \\${next}` };
      else if (!inClass && next === 'k') return { unsupported: 'a back-reference, \\k' };
      else if (next === '0') result += '\\x00';
      else if (inClass && next === 'b') result += '\\x08';
      else if (PLAIN_LETTERS.has(next)) result += next;
      else result += `\\${next}`;
      continue;
    }
    if (inClass) {
      if (char === ']') inClass = false;
      result += char === '[' ? '\\[' : char;
      continue;
    }
    if (char === '[') {
      inClass = true;
      // `[]` and `[^]` are whole classes in JavaScript: the engine's own translation knows them.
      const empty = source.startsWith('[^]', i) ? '[^]' : source.startsWith('[]', i) ? '[]' : undefined;
      if (empty !== undefined) {
        inClass = false;
        i += empty.length - 1;
        result += empty;
        continue;
      }
    }
    if (char === '(' && source[i + 1] === '?') {
      const kind = /^\(\?(?:[=!]|<[=!])/.exec(source.slice(i, i + 4))?.[0];
      if (kind !== undefined)
        return { unsupported: kind.length === 3 ? `look-ahead, ${kind}` : `look-behind, ${kind}` };
    }
    result += char;
  }
  return result;
}
