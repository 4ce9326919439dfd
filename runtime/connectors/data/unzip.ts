import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { SluiceError } from '#shared/error.ts';

export type ZipLimits = {
  /** Files in one archive. */
  entries: number;
  /** All files together, unpacked. */
  bytes: number;
  /** How many times larger than packed a file may be; small ones may be any number of times larger. */
  ratio: number;
};

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const SMALL = 1_048_576;

/**
 * The files of a ZIP archive. Folders are left out. Only what an archive of today needs is read: stored and deflated
 * files, no passwords, no parts on other disks, no ZIP64.
 *
 * @throws SluiceError data.invalid (no such archive, or damaged), limit.exceeded
 */
export async function unzip(bytes: Uint8Array, limits: ZipLimits): Promise<{ name: string; bytes: Uint8Array }[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = directoryOf(view, bytes, limits);
  const files: { name: string; bytes: Uint8Array }[] = [];
  const names = new Set<string>();
  let total = 0;
  for (const entry of entries) {
    if (entry.name.endsWith('/')) continue;
    checkName(entry.name, names);
    // What an archive says of itself is not believed: the unpacking stops at the limit.
    const room = Math.min(limits.bytes - total, Math.max(SMALL, entry.packed * limits.ratio));
    const content = await unpacked(view, bytes, entry, room, limits);
    total += content.length;
    files.push({ name: entry.name, bytes: content });
  }
  return files;
}

type Entry = { name: string; method: number; crc: number; packed: number; size: number; at: number };

function directoryOf(view: DataView, bytes: Uint8Array, limits: ZipLimits): Entry[] {
  const end = endOf(view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (view.getUint16(end + 4, true) !== 0 || count === 0xffff || at === 0xffffffff)
    throw damaged('is in parts or too large');
  if (count > limits.entries) {
    throw new SluiceError('limit.exceeded', `The archive has ${count} files; ${limits.entries} are allowed.`, {
      advice: 'Pack fewer files into one archive.',
      details: { limit: limits.entries },
    });
  }
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL) throw damaged('has a broken list of files');
    const flags = view.getUint16(at + 8, true);
    const nameBytes = view.getUint16(at + 28, true);
    if (flags & 1) throw damaged('is protected by a password');
    const raw = bytes.subarray(at + 46, at + 46 + nameBytes);
    entries.push({
      name: new TextDecoder(flags & 0x800 ? 'utf-8' : 'latin1').decode(raw),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      at: view.getUint32(at + 42, true),
    });
    at += 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

/** The end record stands last, before a comment of at most 64 KB. */
function endOf(view: DataView): number {
  const first = Math.max(0, view.byteLength - 22 - 0xffff);
  for (let at = view.byteLength - 22; at >= first; at--) {
    if (view.getUint32(at, true) === END && at + 22 + view.getUint16(at + 20, true) === view.byteLength) return at;
  }
  throw damaged('is none, or is cut off');
}

async function unpacked(view: DataView, bytes: Uint8Array, entry: Entry, room: number, limits: ZipLimits) {
  const { name, at, packed, size, method, crc } = entry;
  if (at + 30 > bytes.length || view.getUint32(at, true) !== LOCAL) throw damaged(`has a broken file ${shown(name)}`);
  const start = at + 30 + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
  if (start + packed > bytes.length) throw damaged(`has a broken file ${shown(name)}`);
  const data = bytes.subarray(start, start + packed);
  if (method !== 0 && method !== 8) throw damaged(`packs ${shown(name)} in a way that is not known`);
  if ((method === 0 ? packed : size) > room) throw tooLarge(name, limits);
  const content = method === 0 ? data : await inflated(data, name, room, limits);
  if (content.length !== size || crc32(content) !== crc) throw damaged(`has a damaged file ${shown(name)}`);
  return content;
}

async function inflated(data: Uint8Array, name: string, room: number, limits: ZipLimits): Promise<Uint8Array> {
  try {
    return await promisify(inflateRaw)(data, { maxOutputLength: Math.max(1, Math.floor(room)) });
  } catch (thrown) {
    if ((thrown as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(name, limits);
    throw damaged(`has a damaged file ${shown(name)}`);
  }
}

/** A name that a later step may use as a path: below where it is put, and there once. */
function checkName(name: string, names: Set<string>): void {
  const isSafe =
    name.length > 0 &&
    name.length <= 500 &&
    !/[\\\p{Cc}:]/u.test(name) &&
    name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isSafe) throw damaged(`has a file named ${shown(name)}, which cannot be a path below a folder`);
  if (names.has(name)) throw damaged(`has two files named ${shown(name)}`);
  names.add(name);
}

const shown = (name: string) => `'${name.slice(0, 100)}'`;

function tooLarge(name: string, { bytes, ratio }: ZipLimits): SluiceError {
  return new SluiceError(
    'limit.exceeded',
    `The archive unpacks to too much at ${shown(name)}: ${bytes} bytes in all, and ${ratio} times its size, are allowed.`,
    { advice: 'Unpack it elsewhere, or pack fewer files into one archive.', details: { limit: bytes, ratio } },
  );
}

function damaged(why: string): SluiceError {
  return new SluiceError('data.invalid', `The ZIP archive ${why}.`, {
    advice: 'Look whether the file is whole and really a ZIP archive.',
  });
}
