import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { sha3_256, sha3_512 } from '@noble/hashes/sha3.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { textArg } from './args.ts';
import { charge, type Evaluation, failure, made } from './evaluation.ts';
import { type MethodEntry, method, type Table, table } from './tables.ts';
import { stringify } from './text.ts';

type Entry = MethodEntry<string>;

const HASHES: Record<string, (data: Uint8Array) => Uint8Array> = {
  md5,
  sha1,
  sha224,
  sha256,
  sha384,
  sha512,
  'sha3-256': sha3_256,
  'sha3-512': sha3_512,
};

/** Both are there in Node and in browsers. */
const { btoa, atob } = globalThis as unknown as { btoa(bytes: string): string; atob(base64: string): string };

function toBase64(evaluation: Evaluation, text: string): string {
  charge(evaluation, text.length / 16);
  let bytes = '';
  for (const byte of utf8ToBytes(text)) bytes += String.fromCharCode(byte);
  return made(evaluation, btoa(bytes));
}

function fromBase64(evaluation: Evaluation, text: string): string {
  charge(evaluation, text.length / 16);
  try {
    // The alphabet of addresses is taken as well.
    const bytes = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    // Each character is a byte; percent signs turn them back into UTF-8.
    let escaped = '';
    for (let i = 0; i < bytes.length; i++) escaped += `%${bytes.charCodeAt(i).toString(16).padStart(2, '0')}`;
    return made(evaluation, decodeURIComponent(escaped));
  } catch {
    throw failure(evaluation, 'The text is not the Base64 of a text.', 'Binary data belongs into a file of the item.');
  }
}

function hash(evaluation: Evaluation, text: string, args: readonly unknown[]): string {
  const name = textArg(evaluation, args, 0, 'sha256').toLowerCase();
  const work = Object.hasOwn(HASHES, name) ? HASHES[name] : undefined;
  if (!work) {
    throw failure(
      evaluation,
      `There is no hash "${name.slice(0, 20)}".`,
      `There are ${Object.keys(HASHES).join(', ')}.`,
    );
  }
  charge(evaluation, 50 + text.length / 4);
  return bytesToHex(work(utf8ToBytes(text)));
}

/** The words of a text: parted by white space, signs, and where a small letter meets a large one. */
function words(evaluation: Evaluation, text: string): string[] {
  charge(evaluation, text.length / 4);
  const found: string[] = [];
  let word = '';
  for (const letter of text) {
    const isWord = /[\p{L}\p{N}]/u.test(letter);
    const turns = /\p{Ll}|\p{N}/u.test(word.at(-1) ?? '') && /\p{Lu}/u.test(letter);
    if ((!isWord || turns) && word !== '') {
      found.push(word);
      word = '';
    }
    if (isWord) word += letter;
  }
  if (word !== '') found.push(word);
  return found;
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();

/** An address of the web, its parts; looked for only behind `http://` and `https://`. */
function firstUrl(evaluation: Evaluation, text: string): string | undefined {
  for (let at = text.search(/https?:\/\//i); at !== -1; ) {
    charge(evaluation, 100 + text.length / 64);
    const rest = text.slice(at, at + 8_000);
    const found = /^https?:\/\/[^\s<>"'`]+/i.exec(rest)?.[0].replace(/[.,;:!?)\]}]+$/, '');
    if (found !== undefined && hostOf(found) !== undefined) return found;
    const next = text.slice(at + 4).search(/https?:\/\//i);
    at = next === -1 ? -1 : at + 4 + next;
  }
  return undefined;
}

const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,63}$/i;

function hostOf(url: string): string | undefined {
  const host = /^[a-z][a-z0-9+.-]*:\/\/(?:[^\s/?#@]{0,400}@)?([^\s/?#:]{1,253})/i.exec(url)?.[1];
  return host !== undefined && (DOMAIN.test(host) || host === 'localhost' || /^[\d.]+$/.test(host)) ? host : undefined;
}

/** The domain of an address of the web or of an e-mail address, or the text itself where it is one. */
function domainOf(evaluation: Evaluation, text: string): string | undefined {
  charge(evaluation, text.length / 16);
  const trimmed = text.trim().slice(0, 4_000);
  const url = hostOf(trimmed);
  if (url !== undefined) return url;
  const bare = (/@([^\s@/]{1,253})$/.exec(trimmed)?.[1] ?? trimmed).split(/[/?#:]/)[0] ?? '';
  return DOMAIN.test(bare) ? bare : undefined;
}

/** Cuts out what stands between `<` and `>`, in one pass. */
function withoutTags(evaluation: Evaluation, text: string): string {
  charge(evaluation, text.length / 8);
  let out = '';
  for (let at = 0; at < text.length; ) {
    const open = text.indexOf('<', at);
    const close = open === -1 ? -1 : text.indexOf('>', open);
    if (close === -1 || !/[a-z/!?]/i.test(text[open + 1] ?? '')) {
      const end = open === -1 || close === -1 ? text.length : open + 1;
      out += text.slice(at, end);
      at = end;
    } else {
      out += text.slice(at, open);
      at = close + 1;
    }
  }
  return made(evaluation, out);
}

/** Line by line, so that no pattern runs over all of it. */
function withoutMarkdown(evaluation: Evaluation, text: string): string {
  charge(evaluation, text.length / 2);
  const plain = text.split('\n').map((line) =>
    line
      .slice(0, 10_000)
      .replace(/^\s{0,3}(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,9}[.)]\s+)/, '')
      .replace(/!?\[([^[\]]{0,1000})\]\([^()\s]{0,2000}\)/g, '$1')
      .replace(/(\*\*|__|~~|\*|_|`)(?=\S)([^*_~`]{1,1000})\1/g, '$2')
      .replace(/^\s*(?:```|~~~|---|\*\*\*).*$/, ''),
  );
  return made(evaluation, plain.join('\n'));
}

/** Ways to write the same text: encodings, hashes, cases of names, and what stands in it. */
export const TEXT_FORMS: Table<Entry> = table<Entry>({
  base64Decode: method('()', 'The text that this Base64 stands for.', (e, s) => fromBase64(e, s)),
  base64Encode: method('()', 'Its UTF-8 as Base64.', (e, s) => toBase64(e, s)),
  extractDomain: method('()', 'The domain of an address of the web or of an e-mail address, or undefined.', (e, s) =>
    domainOf(e, s),
  ),
  extractUrl: method('()', 'The first address of the web in it, or undefined.', (e, s) => firstUrl(e, s)),
  extractUrlPath: method('()', 'The path of an address of the web, or undefined.', (e, s) => {
    const url = firstUrl(e, s);
    return url === undefined ? undefined : /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] || '/';
  }),
  hash: method(
    '(algorithm?)',
    'Its hash in hex: md5, sha1, sha224, sha256 (without an argument), sha384, sha512, sha3-256, sha3-512.',
    hash,
  ),
  isDomain: method('()', 'Whether all of it is the name of a domain.', (_e, s) => s.length <= 253 && DOMAIN.test(s)),
  isUrl: method(
    '()',
    'Whether all of it is an address of the web.',
    (e, s) => s.length <= 8_000 && firstUrl(e, s) === s,
  ),
  quote: method('(mark?)', 'Between quotation marks, with those inside it escaped.', (e, s, a) => {
    const mark = textArg(e, a, 0, '"');
    return made(e, mark === '' ? s : `${mark}${s.replaceAll('\\', '\\\\').replaceAll(mark, `\\${mark}`)}${mark}`);
  }),
  removeMarkdown: method('()', 'Without the signs of Markdown.', (e, s) => withoutMarkdown(e, s)),
  removeTags: method('()', 'Without the tags of HTML; what stands between them stays.', (e, s) => withoutTags(e, s)),
  replaceSpecialChars: method('()', 'With accents taken off letters: é becomes e.', (e, s) => {
    charge(e, s.length / 8);
    return made(
      e,
      s.normalize('NFD').replace(/\p{M}/gu, '').replaceAll('ß', 'ss').replaceAll('ø', 'o').replaceAll('æ', 'ae'),
    );
  }),
  toBoolean: method(
    '()',
    'False for "false", "no", "off", "0" and empty text, else true.',
    (_e, s) => !['', '0', 'false', 'no', 'off'].includes(s.trim().toLowerCase()),
  ),
  toCamelCase: method('()', 'As nameOfAField.', (e, s) => {
    const [first = '', ...rest] = words(e, s);
    return made(e, first.toLowerCase() + rest.map(capital).join(''));
  }),
  toFloat: method('()', 'The number it begins with, NaN where it begins with none.', (_e, s) => Number.parseFloat(s)),
  toInt: method('()', 'The whole number it begins with, NaN where it begins with none.', (_e, s) =>
    Number.parseInt(s, 10),
  ),
  toJsonString: method('()', 'Its JSON text, with quotation marks.', (e, s) => stringify(e, s)),
  toKebabCase: method('()', 'As name-of-a-field.', (e, s) => made(e, words(e, s).join('-').toLowerCase())),
  toSnakeCase: method('()', 'As name_of_a_field.', (e, s) => made(e, words(e, s).join('_').toLowerCase())),
});
