const OPENING: { readonly [close: string]: string } = { ')': '(', ']': '[', '}': '{' };

/** Where the text that ends with a closing quote at `end - 1` begins. */
function textStart(code: string, end: number): number {
  const quote = code[end - 1] as string;
  let at = end - 2;
  while (at >= 0 && (code[at] !== quote || code[at - 1] === '\\')) at--;
  return Math.max(0, at);
}

/** Where the bracket that closes at `end - 1` opens. */
function bracketStart(code: string, end: number): number {
  const open: string[] = [];
  for (let at = end - 1; at >= 0; at--) {
    const char = code[at] as string;
    const opening = OPENING[char];
    if (opening !== undefined) open.push(opening);
    else if (char === '"' || char === "'" || char === '`') at = textStart(code, at + 1);
    else if (char === open.at(-1)) {
      open.pop();
      if (open.length === 0) return at;
    }
  }
  return 0;
}

const NAME = /[\p{L}\p{N}_$]/u;

/** Where the chain of names, calls and brackets that ends at the end of `code` begins: `1 + $json.a(x).b` → 4. */
export function chainStart(code: string): number {
  let at = code.length;
  for (;;) {
    const char = code[at - 1] ?? '';
    if (OPENING[char] !== undefined) {
      at = bracketStart(code, at);
      const before = code[at - 1] ?? '';
      if (NAME.test(before) || OPENING[before] !== undefined) continue; // a call, or a bracket after a bracket
    } else if (char === '"' || char === "'" || char === '`') at = textStart(code, at);
    else if (NAME.test(char)) while (at > 0 && NAME.test(code[at - 1] as string)) at--;
    else return at;
    if (code.endsWith('?.', at)) at -= 2;
    else if (code[at - 1] === '.') at -= 1;
    else return at;
  }
}

/** Whether the end of `code` lies inside a text between quotes. */
export function endsInText(code: string): boolean {
  let quote = '';
  for (let at = 0; at < code.length; at++) {
    const char = code[at] as string;
    if (quote !== '') {
      if (char === '\\') at++;
      else if (char === quote) quote = '';
      else if (quote === '`' && code.startsWith('${', at)) quote = '';
    } else if (char === '"' || char === "'" || char === '`') quote = char;
  }
  return quote !== '';
}
