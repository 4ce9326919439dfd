import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SluiceError } from '#shared/error.ts';
import { isFolder, readAt, syncFolder, walk, writeThrough } from './fileDisk.ts';
import { openFileLog, type PendingWrite } from './fileLog.ts';
import { filePath, folderPath } from './filePath.ts';
import type { FilesPort } from './ports.ts';

export type ProjectFilesOptions = {
  /** What all files together may take. Without it, as much as the disk has. */
  maxBytes?: number;
  now?(): number;
};

export type ProjectFiles = FilesPort & {
  /** Where a file lies on the disk, with its folders made and no link on the way. For a library that opens it itself. */
  placeOf(path: string): string;
  /** Bytes that may still be written. */
  room(): number;
  close(): void;
};

const MOST_FILES = 10_000;
const MOST_BYTES = 64 * 1024 * 1024;
/** How long a count of what is there is trusted: people and databases write into the folder too. */
const COUNT_MS = 5_000;
/** What SQLite keeps beside a database while it writes. */
const SIDE_FILES = ['-journal', '-wal', '-shm'];

/**
 * The files of a project in one environment: `<dir>/files`. A write names the idempotency key of its effect and happens
 * once per key, whatever is killed in between: it is written down first (`fileLog.ts`), then done, and what was written
 * down and not finished is finished by whoever comes next, here or in another process. A file is replaced as a whole or
 * not at all.
 *
 * @throws SluiceError config.invalid (a path that cannot be), file.not_found, file.exists, limit.exceeded (full, too many
 *   files, more than 64 MB at once), disk.failed
 */
export function openProjectFiles(dir: string, { maxBytes, now = Date.now }: ProjectFilesOptions = {}): ProjectFiles {
  const root = join(dir, 'files');
  const pendingDir = join(dir, 'files.pending');
  mkdirSync(root, { recursive: true });
  mkdirSync(pendingDir, { recursive: true });
  const log = openFileLog(join(dir, 'files.db'), { now });
  let counted = { at: Number.NEGATIVE_INFINITY, bytes: 0, files: 0 };

  function placeOf(path: string, make = true): string {
    const parts = filePath(path).split('/');
    let at = root;
    for (const [index, part] of parts.entries()) {
      at = join(at, part);
      const found = lstatSync(at, { throwIfNoEntry: false });
      const last = index === parts.length - 1;
      if (found ? (last ? !found.isFile() : !found.isDirectory()) : false) {
        throw new SluiceError(
          'config.invalid',
          `'${parts.slice(0, index + 1).join('/')}' is no ${last ? 'file' : 'folder'}.`,
          {
            advice: 'Links and special files are not followed; choose another path.',
            details: { path },
          },
        );
      }
      if (!found && !last && make) mkdirSync(at);
    }
    return at;
  }

  /** Finishes what was written down. Doing it twice is doing it once. */
  function finish({ key, path, kind, offset }: PendingWrite): void {
    const place = placeOf(path);
    const kept = join(pendingDir, key);
    if (kind === 'remove') {
      rmSync(place, { force: true });
      for (const ending of SIDE_FILES) rmSync(`${place}${ending}`, { force: true });
    } else if (kind === 'append') {
      const bytes = readFileSync(kept);
      writeThrough(place, bytes, offset);
      rmSync(kept, { force: true });
    } else if (lstatSync(kept, { throwIfNoEntry: false })) {
      renameSync(kept, place);
    }
    syncFolder(dirname(place));
  }

  /** Finishes what is written down; what cannot be is taken back, as if it had never been asked for. */
  function settle(own?: string): void {
    for (const pending of log.pending()) {
      try {
        finish(pending);
        log.done(pending.key);
      } catch (thrown) {
        takeBack(pending);
        log.forget(pending.key);
        if (pending.key === own) throw thrown;
      }
    }
  }

  function takeBack({ key, path, kind, offset }: PendingWrite): void {
    rmSync(join(pendingDir, key), { force: true });
    if (kind === 'append' && offset > 0) truncateSync(join(root, ...path.split('/')), offset);
  }

  /** Looked up, else written down and done. */
  function once<T extends { path: string; bytes: number } | { removed: boolean }>(
    effectKey: string,
    plan: () => { result: T; write?: Omit<PendingWrite, 'key'>; bytes?: Uint8Array },
  ): T {
    // Keys of the engine are hashes; the name of a file is made of nothing else.
    const key = log.nameOf(effectKey);
    return guard(() =>
      log.locked(() => {
        settle();
        const known = log.find(key);
        if (known !== undefined) return known as T;
        const { result, write, bytes } = plan();
        if (bytes) writeThrough(join(pendingDir, key), bytes, 0);
        log.add(key, result, write);
        if (write) {
          // Somebody else may have finished it meanwhile, and have gone on from there.
          settle(key);
          counted.at = Number.NEGATIVE_INFINITY;
        }
        return result;
      }),
    );
  }

  function count() {
    if (now() - counted.at > COUNT_MS) {
      counted = { at: now(), bytes: 0, files: 0 };
      for (const { bytes } of walk(root, '')) {
        counted.bytes += bytes;
        counted.files += 1;
      }
    }
    return counted;
  }

  function checkRoom(more: number, isNew: boolean): void {
    const { bytes, files } = count();
    if (isNew && files >= MOST_FILES) {
      throw new SluiceError('limit.exceeded', `The project's storage has ${files} files; ${MOST_FILES} are allowed.`, {
        advice: 'Delete files that are no longer needed.',
        details: { limit: MOST_FILES, what: 'files' },
      });
    }
    if (maxBytes !== undefined && bytes + more > maxBytes) {
      throw new SluiceError('limit.exceeded', `The project's storage is full: its files may take ${maxBytes} bytes.`, {
        advice: 'Delete files that are no longer needed, or get more storage.',
        details: { limit: maxBytes, bytes },
      });
    }
  }

  const sizeOf = (place: string) => lstatSync(place, { throwIfNoEntry: false })?.size;
  guard(() =>
    log.locked(() => {
      settle();
      // Written for what was never written down: nobody will ask for it.
      for (const name of readdirSync(pendingDir)) rmSync(join(pendingDir, name), { force: true });
    }),
  );

  return {
    async load(path) {
      const place = placeOf(path, false);
      return guard(() => {
        const bytes = sizeOf(place);
        if (bytes === undefined) throw notFound(path);
        if (bytes > MOST_BYTES) throw tooLarge(path, bytes);
        return readAt(place, 0, bytes).bytes;
      });
    },

    async part(path, { offset, length }) {
      const place = placeOf(path, false);
      return guard(() => {
        if (sizeOf(place) === undefined) throw notFound(path);
        return readAt(place, offset, Math.min(length, MOST_BYTES));
      });
    },

    async save(path, bytes, { how, effectKey }) {
      const kept = filePath(path);
      if (bytes.length > MOST_BYTES) throw tooLarge(kept, bytes.length);
      return once(effectKey, () => {
        const before = sizeOf(placeOf(kept, false));
        if (how === 'create' && before !== undefined) {
          throw new SluiceError('file.exists', `There is a file ${kept} already.`, {
            advice: 'Choose another name, or let the step replace the file or add to it.',
            details: { path: kept },
          });
        }
        const offset = how === 'append' ? (before ?? 0) : 0;
        checkRoom(bytes.length - (how === 'append' ? 0 : (before ?? 0)), before === undefined);
        const result = { path: kept, bytes: offset + bytes.length };
        return { result, bytes, write: { path: kept, kind: how === 'append' ? 'append' : 'replace', offset } };
      });
    },

    async list(folder) {
      const at = folderPath(folder);
      if (at !== '' && !isFolder(join(root, at))) return [];
      return guard(() =>
        [...walk(join(root, at), at)]
          .slice(0, MOST_FILES)
          .map(({ path, bytes, changedMs }) => ({ path, bytes, changedAt: new Date(changedMs).toISOString() }))
          .sort((a, b) => (a.path < b.path ? -1 : 1)),
      );
    },

    async remove(path, { effectKey }) {
      const kept = filePath(path);
      return once(effectKey, () => {
        const removed = sizeOf(placeOf(kept, false)) !== undefined;
        return {
          result: { removed },
          ...(removed ? { write: { path: kept, kind: 'remove' as const, offset: 0 } } : {}),
        };
      });
    },

    placeOf: (path) => guard(() => placeOf(path)),
    room: () => (maxBytes === undefined ? Number.POSITIVE_INFINITY : Math.max(0, maxBytes - count().bytes)),
    close: () => log.close(),
  };
}

function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof SluiceError) throw thrown;
    const { code } = thrown as { code?: string };
    if (code === undefined || code === 'ERR_SQLITE_ERROR') {
      throw new SluiceError('store.failed', 'The list of the project’s file writes failed.', { cause: thrown });
    }
    throw new SluiceError('disk.failed', `The project's storage cannot be used (${code}).`, {
      cause: thrown,
      advice: 'Look whether the disk has room and may be written.',
      details: { reason: code },
    });
  }
}

function notFound(path: string): SluiceError {
  return new SluiceError('file.not_found', `There is no file ${path} in the project's storage.`, {
    advice: 'Look at the path, or let an earlier step write the file.',
    details: { path },
  });
}

function tooLarge(path: string, bytes: number): SluiceError {
  return new SluiceError('limit.exceeded', `${path} has ${bytes} bytes; ${MOST_BYTES} are allowed at once.`, {
    advice: 'Split the file, or read it in batches: file.lines and csv.rows take any size.',
    details: { limit: MOST_BYTES, bytes },
  });
}
