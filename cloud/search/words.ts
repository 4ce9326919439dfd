/** How much a word counts: that of a name the most, that of a config the least (Postgres' own letters). */
export type Weight = 'A' | 'B' | 'C' | 'D';

const MOST_WORDS = 400;
const LONGEST = 40;
const MOST_ASKED = 10;
/** Of a position in a tsvector; what stands later counts as standing there. */
const LAST_POSITION = 16_000;

/**
 * A text as words: letters and digits alone, without case and accents, `sendMail` and `http.request` in their parts. Both
 * what is kept and what is asked for go through here, so that no parser of the database has a say in it.
 */
export function wordsOf(text: string): string[] {
  return lettersOf(text.replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2'));
}

/** The same, and names also as one word each, for who types them without regard to case. */
function everyWordOf(text: string): string[] {
  const parts = wordsOf(text);
  const known = new Set(parts);
  return [...parts, ...lettersOf(text).filter((word) => !known.has(word))];
}

function lettersOf(text: string): string[] {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
  return (plain.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => [...word].slice(0, LONGEST).join(''));
}

/** Texts with their weights as a `tsvector`; nothing in it needs quoting, since words are letters and digits. */
export function vectorOf(texts: readonly { text: string; weight: Weight }[]): string {
  const places = new Map<string, string[]>();
  let position = 0;
  for (const { text, weight } of texts) {
    for (const word of everyWordOf(text)) {
      if (position >= MOST_WORDS) break;
      position++;
      const at = places.get(word) ?? [];
      at.push(`${Math.min(position, LAST_POSITION)}${weight}`);
      places.set(word, at);
    }
  }
  return [...places].map(([word, at]) => `'${word}':${at.join(',')}`).join(' ');
}

/** What somebody typed as a `tsquery`: every word, each as a beginning. Undefined where there is no word in it. */
export function queryOf(text: string, weight?: Weight): string | undefined {
  const words = [...new Set(wordsOf(text))].slice(0, MOST_ASKED);
  if (words.length === 0) return undefined;
  return words.map((word) => `'${word}':*${weight ?? ''}`).join(' & ');
}

/** The first line that holds a word beginning as one of the query does, cut to what a person reads at a glance. */
export function excerptOf(body: string, asked: string): string | undefined {
  const wanted = wordsOf(asked);
  const line = body
    .split('\n')
    .find((one) => everyWordOf(one).some((word) => wanted.some((begin) => word.startsWith(begin))));
  if (line === undefined) return undefined;
  const letters = [...line.trim()];
  return letters.length > 160 ? `${letters.slice(0, 159).join('')}…` : letters.join('');
}
