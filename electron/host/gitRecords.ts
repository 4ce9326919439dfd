import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Conflict, type ConflictRecord, conflictRecord } from '#shared/merge/conflict.ts';
import { gitStages, type Stages } from '../store/git.ts';
import type { FolderState } from './folderState.ts';
import type { Who } from './projectLog.ts';

/** Both branches, as a record says whose answers it holds. */
export const BRANCHES: Who = { theirs: 'The other branch', ours: 'This branch' };

const MOST_FILES = 200;
const MAX_BYTES = 4 * 1_048_576;
const Kept = z.object({ id: z.uuid(), conflicts: z.array(Conflict).max(10_000) });

/** What the merge driver could not decide while Git merged, from the files that it leaves below `.sluice/conflicts/`. */
export async function readGitRecords(dir: string): Promise<ConflictRecord[]> {
  const folder = join(dir, '.sluice', 'conflicts');
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).slice(0, MOST_FILES);
  const found = await Promise.all(names.map((name) => readRecord(join(folder, name))));
  return found.flat();
}

async function readRecord(file: string): Promise<ConflictRecord[]> {
  try {
    const stats = await lstat(file);
    if (!stats.isFile() || stats.size > MAX_BYTES) return [];
    const { id, conflicts } = Kept.parse(JSON.parse(await readFile(file, 'utf8')));
    return conflicts.map((one) => conflictRecord(one, id, BRANCHES));
  } catch {
    // Half written, or of another release: what it says stands in Git as well.
    return [];
  }
}

/** The versions of a file that a merge of Git's left open, as the merge of one file takes them. */
export function versionsOf(path: string, stages: Stages, manifest: string) {
  return { path, base: stages.base ?? '', ours: stages.ours, theirs: stages.theirs, manifest };
}

/** Of the files with markers those whose both sides Git has. */
export async function mergeableFiles(
  dir: string,
  gitDir: string | undefined,
  { unreadable }: Pick<FolderState, 'unreadable'>,
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const { file, why } of unreadable.values())
    if (why === 'markers' && gitDir && (await gitStages(dir, file))) found.add(file);
  return found;
}
