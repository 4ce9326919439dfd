import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const MOST_PARENTS = 40;
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 16 * 1_048_576;
/** Of the files of Git's that hold one line. */
const MAX_LINE = 4_096;

/** The folder that Git keeps its own files in for a checkout that holds `dir`; undefined where there is none. */
export function gitDirOf(dir: string): string | undefined {
  let at = resolve(dir);
  for (let n = 0; n < MOST_PARENTS; n++) {
    const git = join(at, '.git');
    const stats = statSync(git, { throwIfNoEntry: false });
    if (stats?.isDirectory()) return git;
    // A worktree or a submodule has a file that says where.
    if (stats?.isFile()) {
      const elsewhere = /^gitdir: (.+)$/m.exec(lineOf(git) ?? '')?.[1];
      const found = elsewhere === undefined ? undefined : resolve(at, elsewhere);
      // It may name any folder there is; only one of Git's is watched.
      return found !== undefined && lineOf(join(found, 'HEAD')) !== undefined ? found : undefined;
    }
    if (dirname(at) === at) return undefined;
    at = dirname(at);
  }
  return undefined;
}

/** What is checked out: `main`, or the hash of a commit. undefined without Git. */
export function checkedOut(gitDir: string | undefined): string | undefined {
  if (gitDir === undefined) return undefined;
  return lineOf(join(gitDir, 'HEAD'))
    ?.trim()
    .replace(/^ref: (?:refs\/heads\/)?/, '');
}

/** A short file's text; undefined where there is none, or something else than a file, which reading might never end. */
function lineOf(file: string): string | undefined {
  try {
    const stats = statSync(file);
    return stats.isFile() && stats.size <= MAX_LINE ? readFileSync(file, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** Whether Git is writing the checkout now. */
export function gitIsBusy(gitDir: string | undefined): boolean {
  return gitDir !== undefined && existsSync(join(gitDir, 'index.lock'));
}

/** The sides of a file that a merge of Git's left open. No base where both branches began the file. */
export type Stages = { base?: string; ours: string; theirs: string };

/**
 * What Git has of the sides of a file.
 *
 * @param path below `dir`, with `/`
 * @returns undefined where there is no Git, or no open merge of this file
 */
export async function gitStages(dir: string, path: string): Promise<Stages | undefined> {
  const [base, ours, theirs] = await Promise.all([1, 2, 3].map((stage) => blob(dir, `:${stage}:./${path}`)));
  if (ours === undefined || theirs === undefined) return undefined;
  return { ...(base === undefined ? {} : { base }), ours, theirs };
}

/** `cat-file` gives the bytes as they are: no filter and no program that the repository may name is run. */
function blob(dir: string, name: string): Promise<string | undefined> {
  const args = ['-c', 'core.fsmonitor=false', 'cat-file', 'blob', name];
  const options = { cwd: dir, timeout: TIMEOUT_MS, maxBuffer: MAX_BYTES, windowsHide: true };
  return new Promise((done) => {
    execFile('git', args, options, (error, stdout) => done(error ? undefined : stdout));
  });
}
