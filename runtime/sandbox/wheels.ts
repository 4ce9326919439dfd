import { createHash } from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject } from '#shared/json.ts';
import { type ReadScript, WHEEL_PREFIX } from './imports.ts';

/** Where the wheels of a project are listed; their bytes lie beside it as text, so that they travel as scripts do. */
export const WHEELS_PATH = 'scripts/packages/wheels.py';

/** A wheel that a project carries. */
export type Wheel = {
  /** `tiny-1.0-py3-none-any.whl`. */
  file: string;
  bytes: Uint8Array;
  /** What Python code imports of it: the names at its top. */
  imports: string[];
};
type Listed = { file: string; sha256: string; imports: string[]; parts: string[] };

const HEAD = '# Packed by Sluice from scripts/wheels. Not to be edited: it is checked. ';
const PART_HEAD = '# Bytes of a wheel, packed by Sluice.\n';
/** Fits into what a script may be long. */
const PART_CHARACTERS = 480_000;
const LINE_CHARACTERS = 10_000;

/** The texts that carry wheels, by path. The same wheels give the same texts. */
export function wheelTexts(wheels: readonly Wheel[]): Record<string, string> {
  const texts: Record<string, string> = {};
  const listed = [...wheels]
    .sort((a, b) => (a.file < b.file ? -1 : 1))
    .map(({ file, bytes, imports }): Listed => {
      const hash = sha256(bytes);
      const base64 = Buffer.from(bytes).toString('base64');
      const parts = pieces(base64, PART_CHARACTERS).map((piece, index) => {
        const path = `scripts/packages/wheel-${hash.slice(0, 16)}-${index + 1}.py`;
        texts[path] = `${PART_HEAD}# ${pieces(piece, LINE_CHARACTERS).join('\n# ')}\n`;
        return path;
      });
      return { file, sha256: hash, imports: [...imports].sort(), parts };
    });
  texts[WHEELS_PATH] = `${HEAD}${JSON.stringify({ wheels: listed })}\n`;
  return texts;
}

type Known = { mentions: RegExp; files: Record<string, string> };
const MOST_KEPT = 8;
const kept = new Map<string, Known>();

/**
 * The wheels that go along with Python code, as base64 by `wheel:<hash>/<file>`: all of them where the code names one, since
 * they may need each other, else none.
 *
 * @param read the text of a project's script
 * @throws SluiceError package.not_packed where they are not as they were packed
 */
export function wheelsFor(texts: readonly string[], read: ReadScript): Record<string, string> {
  const index = read(WHEELS_PATH);
  if (index === undefined) return {};
  let known = kept.get(index);
  if (!known) {
    known = open(index, read);
    if (kept.size >= MOST_KEPT) kept.clear();
    kept.set(index, known);
  }
  const { mentions, files } = known;
  return texts.some((text) => mentions.test(text)) ? files : {};
}

function open(index: string, read: ReadScript): Known {
  const wheels = readIndex(index);
  const files: Record<string, string> = {};
  for (const { file, sha256: hash, parts } of wheels) {
    const base64 = parts.map((path) => (read(path) ?? '').replace(PART_HEAD, '').replaceAll(/[#\s]/g, '')).join('');
    if (sha256(Buffer.from(base64, 'base64')) !== hash) throw notAsPacked(`The wheel ${file}`);
    files[`${WHEEL_PREFIX}${hash}/${file}`] = base64;
  }
  const names = wheels.flatMap(({ imports }) => imports).filter((name) => /^\w+$/.test(name));
  return { mentions: new RegExp(`\\b(?:${names.join('|') || '(?!)'})\\b`), files };
}

function readIndex(text: string): Listed[] {
  let value: unknown;
  try {
    value = text.startsWith(HEAD) ? JSON.parse(text.slice(HEAD.length)) : undefined;
  } catch {
    value = undefined;
  }
  const wheels = isJsonObject(value) ? value.wheels : undefined;
  if (Array.isArray(wheels) && wheels.every(isListed)) return wheels;
  throw notAsPacked(WHEELS_PATH);
}

function isListed(value: unknown): value is Listed {
  if (!isJsonObject(value)) return false;
  const { file, sha256: hash, imports, parts } = value;
  return (
    typeof file === 'string' &&
    /^[\w.+!-]+\.whl$/.test(file) &&
    typeof hash === 'string' &&
    isTexts(imports) &&
    isTexts(parts)
  );
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function notAsPacked(what: string): SluiceError {
  return new SluiceError('package.not_packed', `${what} is not as Sluice packed it.`, {
    advice: `Delete ${WHEELS_PATH}, put the wheels into scripts/wheels and run again.`,
  });
}

function pieces(text: string, length: number): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; at += length) found.push(text.slice(at, at + length));
  return found;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
