import { constants, readFileSync, renameSync, type Stats, unlinkSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { copyFile, lstat, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SluiceError } from '#shared/error.ts';
import { ScriptPath, Slug, StepId } from '#shared/ids.ts';
import { diskFailure, syncFolder, TEMP_SUFFIX, writeFileAtomic } from './atomicFile.ts';

/** A project's files by path below its folder, with `/`. */
export type ProjectFiles = Record<string, string>;
/** A file that is there but is not read, and why. */
export type RefusedFile = { file: string; message: string };

const MAX_FILES = 5_000;
const MAX_ENTRIES = 20_000;
const MAX_FILE_BYTES = 1_048_576;
const MAX_PIN_BYTES = 10 * 1_048_576;
const MAX_TOTAL_BYTES = 64 * 1_048_576;
const MAX_DEPTH = 8;
const GENERATIONS = 3;
/** So that three generations reach back further than three keystrokes. */
const GENERATION_MS = 60_000;

/** The folders that hold a project's files, and whether they have folders in them. */
const FOLDERS = ['workflows', 'scripts', 'machines', 'environments', 'tests'];

/** Whether a path is one of a project's files. Everything else in the folder is somebody else's business. */
export function isProjectPath(path: string): boolean {
  if (path === 'sluice.yaml' || path === 'connections.yaml') return true;
  const slash = path.indexOf('/');
  const folder = path.slice(0, Math.max(0, slash));
  const rest = path.slice(slash + 1);
  if (folder === 'scripts') return ScriptPath.safeParse(rest).success;
  if (folder === 'tests' && rest.startsWith('pins/')) {
    const [slug, stepId, ending, ...more] = rest.slice('pins/'.length).split('.');
    return ending === 'json' && more.length === 0 && Slug.safeParse(slug).success && StepId.safeParse(stepId).success;
  }
  if (!FOLDERS.includes(folder) || !rest.endsWith('.yaml')) return false;
  return Slug.safeParse(rest.slice(0, -'.yaml'.length)).success;
}

/** How Dropbox, Nextcloud, Syncthing, Google Drive and iCloud name the second of two files that met. */
const COPY =
  /\((?:[^()]*\s)?conflicted copy[^()]*\)|\(case conflict[^()]*\)|\.sync-conflict-\d{8}-\d{6}| (?:\(\d+\)|\d+)(?=\.[a-z]+$)/i;

/** Whether a cloud drive put this file beside one of the project's because both had changed. It is never read. */
export function isConflictedCopy(path: string): boolean {
  const slash = path.lastIndexOf('/');
  const inProject = slash === -1 ? /^(?:sluice|connections)\b/.test(path) : FOLDERS.includes(path.split('/')[0] ?? '');
  return inProject && /\.(?:yaml|ts|js|py|json)$/.test(path) && COPY.test(path.slice(slash + 1));
}

/**
 * Reads a project's files. Only reads: nothing is followed, executed or contacted. Links, devices, pipes, files beyond the
 * limits and bytes that are not UTF-8 are refused and named.
 *
 * @param even also where there is no sluice.yaml, or no folder any more
 * @throws SluiceError project.not_found where there is no sluice.yaml, project.invalid beyond the limits of the whole
 */
export async function readProjectFolder(
  dir: string,
  { even = false }: { even?: boolean } = {},
): Promise<{ files: ProjectFiles; refused: RefusedFile[]; copies: string[] }> {
  const files: ProjectFiles = Object.create(null) as ProjectFiles;
  const refused: RefusedFile[] = [];
  const copies: string[] = [];
  let entries = 0;
  let count = 0;
  let bytes = 0;

  async function take(path: string): Promise<void> {
    if (++count > MAX_FILES) throw tooBig(dir, `more than ${MAX_FILES} files`);
    const text = await readProjectFile(dir, path).catch((thrown: unknown) => {
      if (thrown instanceof SluiceError && thrown.code === 'project.invalid') {
        refused.push({ file: path, message: thrown.message });
        return undefined;
      }
      throw thrown;
    });
    if (text === undefined) return;
    bytes += text.length;
    if (bytes > MAX_TOTAL_BYTES) throw tooBig(dir, `more than ${MAX_TOTAL_BYTES / 1_048_576} MB`);
    files[path] = text;
  }

  async function walk(folder: string, depth: number): Promise<void> {
    const stats = await lstat(join(dir, folder)).catch(ignoreMissing);
    if (!stats) return;
    if (!stats.isDirectory()) {
      refused.push({ file: folder, message: `${folder} is not a folder but ${kindOf(stats)}. It is not read.` });
      return;
    }
    for (const entry of (await readdir(join(dir, folder), { withFileTypes: true })).sort(byName)) {
      if (++entries > MAX_ENTRIES) throw tooBig(dir, `more than ${MAX_ENTRIES} entries`);
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (depth < MAX_DEPTH && !entry.name.startsWith('.') && entry.name !== 'node_modules')
          await walk(path, depth + 1);
      } else if (isConflictedCopy(path)) copies.push(path);
      else if (isProjectPath(path)) await take(path);
    }
  }

  await take('sluice.yaml');
  if (!even && !Object.hasOwn(files, 'sluice.yaml') && refused.length === 0) throw noProject(dir);
  await take('connections.yaml');
  for (const folder of FOLDERS) await walk(folder, 1);
  for (const name of (await readdir(dir).catch(() => [])).sort()) if (isConflictedCopy(name)) copies.push(name);
  return { files, refused, copies };
}

/**
 * Reads one file of a project.
 *
 * @returns undefined where there is none
 * @throws SluiceError project.invalid where it is no regular file, too long, or not UTF-8
 */
export async function readProjectFile(dir: string, path: string): Promise<string | undefined> {
  const limit = path.startsWith('tests/pins/') ? MAX_PIN_BYTES : MAX_FILE_BYTES;
  const full = join(dir, path);
  const seen = await lstat(full).catch(ignoreMissing);
  if (!seen) return undefined;
  if (!seen.isFile()) throw refuse(path, `${path} is not a file but ${kindOf(seen)}. It is not read.`);
  // Between the look and the opening somebody may put a link or a pipe there; the opened file is looked at again.
  const file = await open(full, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)).catch(
    (thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'ENOENT') return undefined;
      throw refuse(path, `${path} cannot be opened (${thrown.code}).`);
    },
  );
  if (!file) return undefined;
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw refuse(path, `${path} is not a file but ${kindOf(stats)}. It is not read.`);
    if (stats.size > limit) throw refuse(path, `${path} has ${stats.size} bytes; at most ${limit} are read.`);
    const bytes = await file.readFile();
    if (bytes.length > limit) throw refuse(path, `${path} has ${bytes.length} bytes; at most ${limit} are read.`);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw refuse(path, `${path} is not UTF-8 text.`);
    }
  } finally {
    await file.close();
  }
}

export type WriteDeps = {
  now?: () => number;
  /** The file system's save, where a test wants it to fail. */
  write?: (path: string, text: string) => Promise<void>;
  /** What the file must still hold; an absent text: that there is none. Absent: whatever is there is replaced. */
  expected?: { text: string | undefined };
};

/**
 * Writes one file of a project, or removes it where `text` is undefined. The last three generations of it stay below
 * `.sluice/kept/`, a minute or more apart.
 *
 * @throws SluiceError disk.failed, file.changed where it does not hold what was expected; the file is then as it was
 */
export async function writeProjectFile(
  dir: string,
  path: string,
  text: string | undefined,
  { now = Date.now, expected, write = saveOver(path, expected) }: WriteDeps = {},
): Promise<void> {
  if (!isProjectPath(path)) {
    throw new SluiceError('project.invalid', `${path} is not a path of a project.`);
  }
  const full = join(dir, path);
  try {
    await makeFolders(dir, dirname(path));
    const seen = await lstat(full).catch(ignoreMissing);
    if (seen && !seen.isFile()) throw refuse(path, `${path} is not a file but ${kindOf(seen)}. It is not written.`);
    if (seen) await keepGeneration(dir, path, now());
    if (text !== undefined) await write(full, text);
    else if (seen) {
      ensureHolds(full, path, expected);
      unlinkSync(full);
      await syncFolder(dirname(full));
    }
  } catch (thrown) {
    throw diskFailure(full, thrown);
  }
}

/**
 * A save that looks at the file once more in the moment in which it puts the new one there: somebody may have written it
 * while the disk was at work. Look and rename are one turn of this process, so that nothing comes between them here.
 */
function saveOver(path: string, expected: WriteDeps['expected']): (full: string, text: string) => Promise<void> {
  const replace = (from: string, to: string) => {
    ensureHolds(to, path, expected);
    renameSync(from, to);
  };
  return (full, text) => writeFileAtomic(full, text, nodeFs, undefined, replace);
}

function ensureHolds(full: string, path: string, expected: WriteDeps['expected']): void {
  if (!expected) return;
  let there: string | undefined;
  try {
    there = readFileSync(full, 'utf8');
  } catch (thrown) {
    ignoreMissing(thrown as NodeJS.ErrnoException);
  }
  if (there === expected.text) return;
  throw new SluiceError('file.changed', `${path} was changed by somebody else in this moment.`, {
    advice: 'It is read again, and both changes are kept.',
    details: { file: path },
  });
}

/** Makes the folders above a file; one that is a link is refused, because it may lead out of the project. */
export async function makeFolders(dir: string, folder: string): Promise<void> {
  if (folder === '.') return;
  let path = '';
  for (const part of folder.split('/')) {
    path = path ? `${path}/${part}` : part;
    const full = join(dir, path);
    await mkdir(full).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'EEXIST') throw thrown;
    });
    const stats = await lstat(full);
    if (!stats.isDirectory())
      throw refuse(path, `${path} is not a folder but ${kindOf(stats)}. Nothing is written there.`);
  }
}

async function keepGeneration(dir: string, path: string, now: number): Promise<void> {
  const generation = (n: number) => join(dir, '.sluice', 'kept', `${path}.${n}`);
  const newest = await stat(generation(1)).catch(ignoreMissing);
  if (newest && now - newest.mtimeMs < GENERATION_MS) return;
  await makeFolders(dir, dirname(`.sluice/kept/${path}`));
  for (let n = GENERATIONS - 1; n >= 1; n--) await rename(generation(n), generation(n + 1)).catch(ignoreMissing);
  await copyFile(join(dir, path), generation(1), constants.COPYFILE_EXCL);
}

/** Removes the temporary files that a crash in the middle of a save left in a project. */
export async function sweepTemporary(dir: string): Promise<void> {
  const isFolder = async (path: string) => (await lstat(join(dir, path)).catch(ignoreMissing))?.isDirectory() === true;
  // What a link leads to is not ours to sweep.
  const swept = await Promise.all([...FOLDERS, 'tests/pins'].map((path) => isFolder(path)));
  const within = ['.', ...FOLDERS.filter((_, i) => swept[i])];
  if (within.includes('tests') && swept.at(-1)) within.push('tests/pins');
  for (const folder of within) {
    const names = await readdir(join(dir, folder)).catch(() => []);
    for (const name of names) {
      if (name.startsWith('.') && name.endsWith(TEMP_SUFFIX))
        await unlink(join(dir, folder, name)).catch(ignoreMissing);
    }
  }
}

function ignoreMissing(thrown: NodeJS.ErrnoException): undefined {
  if (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR') return undefined;
  throw thrown;
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a link';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFile()) return 'a file';
  return 'a device or pipe';
}

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);

const refuse = (file: string, message: string) =>
  new SluiceError('project.invalid', message, {
    advice: 'Put a regular file there, or take it away.',
    details: { file },
  });

const tooBig = (dir: string, what: string) =>
  new SluiceError('project.invalid', `${dir} holds ${what}, more than a project may.`, {
    advice: 'Take data out of the project, or open the folder that the project is in.',
  });

const noProject = (dir: string) =>
  new SluiceError('project.not_found', `There is no sluice.yaml in ${dir}.`, {
    advice: 'Name the folder of a project, or make one with "sluice new".',
  });
