import { strFromU8, type UnzipFileInfo, unzipSync } from 'fflate';
import type { Wheel } from '#runtime/sandbox/wheels.ts';
import { SluiceError } from '#shared/error.ts';

/** What one wheel may be. */
export const MAX_WHEEL_BYTES = 2 * 1_048_576;
const MAX_UNPACKED_BYTES = 16 * 1_048_576;
const MAX_ENTRIES = 2_000;

const MACHINE_CODE = /\.(?:so(?:\.\d+)*|pyd|dylib|dll|a|o|wasm)$/i;
const PURE =
  'Python runs the same everywhere and fetches nothing: put a wheel here whose name ends in "-py3-none-any.whl", or look for a package that has one.';

/** A wheel with the name and version that its file says. */
export type NamedWheel = Wheel & { name: string; version: string };

/**
 * Takes a wheel as a file's name and bytes. Only its list and two of its notes are unpacked; nothing of it is executed.
 *
 * @throws SluiceError package.not_supported where it is none, is not pure Python, or is too large
 */
export function readWheel(file: string, bytes: Uint8Array): NamedWheel {
  const { name, version, python, abi, platform } = partsOf(file);
  const refuse = (why: string, advice: string) =>
    new SluiceError('package.not_supported', `scripts/wheels/${file} ${why}`, { advice, details: { package: name } });
  if (platform !== 'any') throw refuse(`is made for one system (${platform}), so it holds machine code.`, PURE);
  if (abi !== 'none') throw refuse(`is made for one build of Python (${abi}), so it holds machine code.`, PURE);
  if (!python.split('.').some((tag) => /^(?:py|cp)3\d*$/.test(tag)))
    throw refuse(`is for ${python}, not for Python 3.`, PURE);

  const { entries, notes } = listOf(file, bytes, refuse);
  const machineCode = entries.find(({ name: path }) => MACHINE_CODE.test(path));
  if (machineCode) throw refuse(`holds machine code (${machineCode.name}).`, PURE);
  const note = Object.entries(notes).find(([path]) => path.endsWith('.dist-info/WHEEL'))?.[1];
  if (note === undefined)
    throw refuse('is not a wheel: it has no .dist-info/WHEEL.', 'Take the file as the package’s author published it.');
  if (!/^Root-Is-Purelib:\s*true\s*$/im.test(strFromU8(note)))
    throw refuse('says of itself that it is not pure Python.', PURE);
  const apart = entries.find(({ name: path }) => /^[^/]+\.data\/(?:pure|plat)lib\//.test(path));
  if (apart)
    throw refuse(
      `has to be installed to be used (${apart.name}).`,
      'Look for a wheel of it that can be imported as it lies there.',
    );

  const imports = new Set(entries.flatMap(({ name: path }) => importOf(path) ?? []));
  if (imports.size === 0) throw refuse('holds nothing that could be imported.', PURE);
  return { file, bytes, imports: [...imports].sort(), name, version };
}

/** A wheel's name says what it is for: `name-version(-build)-python-abi-platform.whl`. */
function partsOf(file: string) {
  const parts = file.replace(/\.whl$/, '').split('-');
  const [name, version] = parts;
  const [python, abi, platform] = parts.slice(-3);
  const isName = /^[\w.+!-]+\.whl$/.test(file) && (parts.length === 5 || parts.length === 6);
  if (isName && name && version && python && abi && platform) {
    return { name: name.toLowerCase().replaceAll(/[-_.]+/g, '-'), version, python, abi, platform };
  }
  throw new SluiceError('package.not_supported', `scripts/wheels/${file} is not named as wheels are.`, {
    advice: 'Keep the name that it was published with, such as tiny-1.0-py3-none-any.whl.',
    details: { package: file },
  });
}

function listOf(file: string, bytes: Uint8Array, refuse: (why: string, advice: string) => SluiceError) {
  const smaller = 'Look for a smaller package, or carry only the part that the code uses as .py files.';
  if (bytes.length > MAX_WHEEL_BYTES)
    throw refuse(`has ${bytes.length} bytes; ${MAX_WHEEL_BYTES} is the most.`, smaller);
  const entries: UnzipFileInfo[] = [];
  let notes: Record<string, Uint8Array>;
  try {
    notes = unzipSync(bytes, {
      filter(entry) {
        entries.push(entry);
        return /^[^/]+\.dist-info\/WHEEL$/.test(entry.name) && entry.originalSize < 10_000;
      },
    });
  } catch (cause) {
    throw refuse(`cannot be read: it is no zip archive (${(cause as Error).message}).`, `Download ${file} again.`);
  }
  const unpacked = entries.reduce((sum, { originalSize }) => sum + originalSize, 0);
  if (unpacked > MAX_UNPACKED_BYTES)
    throw refuse(`holds ${unpacked} bytes once it is unpacked; ${MAX_UNPACKED_BYTES} is the most.`, smaller);
  if (entries.length > MAX_ENTRIES) throw refuse(`holds ${entries.length} files; ${MAX_ENTRIES} is the most.`, smaller);
  return { entries, notes };
}

/** What a file at the top of a wheel, or in a folder there, is imported as. */
function importOf(path: string): string | undefined {
  const [top = '', ...rest] = path.split('/');
  if (rest.length === 0) return /^(\w+)\.py$/.exec(top)?.[1];
  return /^\w+$/.test(top) && path.endsWith('.py') ? top : undefined;
}
