import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';

/** A folder, or a file with its bytes from memory or from a path on this machine. */
export type TarEntry = { name: string; mode: number } & ({ folder: true } | { bytes: Uint8Array } | { from: string });

const BLOCK = 512;

/** A ustar archive, made as it is read. Times are zero and owners are root, so the same entries give the same bytes. */
export function tarStream(entries: TarEntry[]): Readable {
  return Readable.from(blocks(entries), { objectMode: false });
}

async function* blocks(entries: TarEntry[]): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    if ('folder' in entry) {
      yield header(`${entry.name}/`, entry.mode, 0, '5');
      continue;
    }
    const size = 'bytes' in entry ? entry.bytes.byteLength : (await stat(entry.from)).size;
    yield header(entry.name, entry.mode, size, '0');
    let written = 0;
    const source = 'bytes' in entry ? [Buffer.from(entry.bytes)] : createReadStream(entry.from);
    for await (const chunk of source) {
      written += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
    if (written !== size) throw new Error(`${entry.name} changed while it was read`);
    if (size % BLOCK > 0) yield Buffer.alloc(BLOCK - (size % BLOCK));
  }
  yield Buffer.alloc(2 * BLOCK);
}

function header(name: string, mode: number, size: number, type: '0' | '5'): Buffer {
  const block = Buffer.alloc(BLOCK);
  const [prefix, rest] = split(name);
  block.write(rest, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(' '.repeat(8), 148);
  block.write(type, 156);
  block.write('ustar\x0000', 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

/** ustar keeps 100 bytes of a name, and 155 of the folders before them. */
function split(name: string): [prefix: string, rest: string] {
  if (Buffer.byteLength(name) <= 100) return ['', name];
  for (let at = name.indexOf('/'); at > 0; at = name.indexOf('/', at + 1)) {
    if (Buffer.byteLength(name.slice(at + 1)) <= 100 && at <= 155) return [name.slice(0, at), name.slice(at + 1)];
  }
  throw new Error(`${name} is too long for an image`);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
