import { createHash } from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type JsonObject } from '#shared/json.ts';
import { PACKAGE_PREFIX, type ReadScript } from './imports.ts';

/** Where the packages that scripts import lie, packed, so that they travel as scripts do. */
export const PACKED_PATH = 'scripts/packages/npm.js';
/** What was packed: each import with its own module, and the modules that several of them share. */
export type Packed = {
  /** What it was packed for and from, as a hash: the same scripts and the same lock file give the same. */
  inputs: string;
  /** Code by what a script imports (`lodash`), or by `./name.js` for what modules share. */
  modules: Record<string, string>;
  /** For each module, the shared ones that it imports. */
  uses: Record<string, string[]>;
  /** What each import may name: `*` is all there is. */
  imports: Record<string, string[]>;
  /** Versions, by name. */
  packages: Record<string, string>;
};

const HEAD = '// Packed by Sluice from package-lock.json. Not to be edited: it is checked. ';
const PART_HEAD = '// More of what Sluice packed.\n';
/** Fits into what a script may be long. */
const PART_CHARACTERS = 480_000;

/** The texts that hold them, by path: one, and more where that would be too long. The same packages give the same texts. */
export function packTexts({ inputs, modules, uses, imports, packages }: Packed): Record<string, string> {
  const names = Object.keys(modules).sort();
  const body = names.map((name) => modules[name]).join('\n');
  const [first = '', ...more] = pieces(body);
  const about = {
    hash: sha256(body),
    parts: more.length + 1,
    inputs,
    packages: sorted(packages),
    imports: sorted(imports),
    modules: names.map((name) => [name, (modules[name] as string).length, uses[name] ?? []]),
  };
  const texts: Record<string, string> = { [PACKED_PATH]: `${HEAD}${JSON.stringify(about)}\n${first}\n` };
  for (const [index, piece] of more.entries()) texts[partPath(index + 2)] = `${PART_HEAD}${piece}\n`;
  return texts;
}

const partPath = (number: number) => PACKED_PATH.replace(/\.js$/, `-${number}.js`);

/** Whether a script is one of those that hold packages, by its path below `scripts/`. */
export function isPackedPath(path: string): boolean {
  return /^packages\/npm(?:-\d+)?\.js$/.test(path);
}

/**
 * @param read the text of a project's script
 * @returns undefined where nothing is packed
 * @throws SluiceError package.not_packed where it is not as it was packed
 */
export function readPacked(read: ReadScript): Packed | undefined {
  const text = read(PACKED_PATH);
  if (text === undefined) return undefined;
  const end = text.indexOf('\n');
  let about: unknown;
  try {
    about = text.startsWith(HEAD) ? JSON.parse(text.slice(HEAD.length, end)) : undefined;
  } catch {
    about = undefined;
  }
  let body = text.slice(end + 1, -1);
  const parts = isPackedHead(about) ? about.parts : 1;
  for (let number = 2; number <= parts && number <= MOST_PARTS; number++)
    body += (read(partPath(number)) ?? '').slice(PART_HEAD.length, -1);
  if (!isPackedHead(about) || about.hash !== sha256(body)) {
    throw new SluiceError('package.not_packed', `${PACKED_PATH} is not as Sluice packed it.`, {
      advice:
        'Delete it, install what scripts/package-lock.json says with "npm ci --ignore-scripts" in scripts/, and run again.',
    });
  }
  const modules: Packed['modules'] = {};
  const uses: Packed['uses'] = {};
  let at = 0;
  for (const [name, length, others] of about.modules) {
    modules[name] = body.slice(at, at + length);
    uses[name] = others;
    at += length + 1;
  }
  return { inputs: about.inputs, packages: about.packages, imports: about.imports, modules, uses };
}

const MOST_PARTS = 100;

function pieces(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; ) {
    let end = at + PART_CHARACTERS;
    // Half a letter would not be stored.
    if (/[\ud800-\udbff]/.test(text.charAt(end - 1))) end -= 1;
    found.push(text.slice(at, end));
    at = end;
  }
  return found;
}

const IMPORT = /\b(?:from|import)\s*(['"])([@a-z0-9][^'"\n]{0,213})\1/g;
/** Whether a script may import something from a package, by its looks: a comment counts as well. */
export function importsPackage(text: string): boolean {
  return text.search(IMPORT) >= 0;
}

const MOST_KEPT = 8;
const kept = new Map<string, Packed>();

/**
 * The packed modules that scripts may import, to be sent along with them. Found by their looks, as scripts are.
 *
 * @param read the text of a project's script
 * @throws SluiceError package.not_packed
 */
export function packagesFor(texts: readonly string[], read: ReadScript): Record<string, string> {
  const wanted = texts.flatMap((text) => Array.from(text.matchAll(IMPORT), ([, , specifier = '']) => specifier));
  const index = wanted.length === 0 ? undefined : read(PACKED_PATH);
  if (index === undefined) return {};
  const known = kept.get(index) ?? readPacked(read);
  if (!known) return {};
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(index, known);
  const found: Record<string, string> = {};
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    const key = PACKAGE_PREFIX + name;
    if (!Object.hasOwn(known.modules, name) || Object.hasOwn(found, key)) continue;
    found[key] = known.modules[name] as string;
    wanted.push(...(known.uses[name] ?? []));
  }
  return found;
}

type PackedHead = Omit<Packed, 'modules' | 'uses'> & {
  hash: string;
  parts: number;
  modules: [string, number, string[]][];
};

function isPackedHead(value: unknown): value is PackedHead {
  if (!isJsonObject(value)) return false;
  const { hash, parts, inputs, packages, imports, modules } = value as JsonObject;
  if (typeof hash !== 'string' || typeof inputs !== 'string' || !Number.isInteger(parts)) return false;
  if (!isJsonObject(packages) || !isJsonObject(imports) || !Array.isArray(modules)) return false;
  return (
    Object.values(packages).every((version) => typeof version === 'string') &&
    Object.values(imports).every(isTexts) &&
    modules.every((one) => {
      if (!Array.isArray(one)) return false;
      const [name, length, uses] = one;
      return typeof name === 'string' && Number.isInteger(length) && isTexts(uses);
    })
  );
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
