import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** Regular files below a folder; links are neither followed nor shown. */
export function* walk(dir: string, prefix: string): Generator<{ path: string; bytes: number; changedMs: number }> {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) yield* walk(join(dir, entry.name), path);
    else if (entry.isFile()) {
      const found = lstatSync(join(dir, entry.name), { throwIfNoEntry: false });
      if (found) yield { path, bytes: found.size, changedMs: found.mtimeMs };
    }
  }
}

export function isFolder(place: string): boolean {
  return lstatSync(place, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Writes from an offset on, cuts what was behind it, and waits until the disk has it. */
export function writeThrough(place: string, bytes: Uint8Array, offset: number): void {
  const fd = openSync(place, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0), 0o600);
  try {
    ftruncateSync(fd, offset);
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function syncFolder(dir: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Bytes of a file from an offset on, as many as it has there; links are not followed. */
export function readAt(
  place: string,
  offset: number,
  length: number,
): { bytes: Uint8Array; size: number; changedMs: number } {
  const fd = openSync(place, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const { size, mtimeMs } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
    return { bytes: bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset)), size, changedMs: mtimeMs };
  } finally {
    closeSync(fd);
  }
}
