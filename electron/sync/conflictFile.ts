import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Op } from '#shared/merge/ops.ts';
import { writeFileAtomic } from '../store/atomicFile.ts';

/** What of ours gave way to the cloud's. Its ops bring our values back, against the revision that is named. */
export type ConflictFile = { commitId: string; at: string; revision: number; ops: Op[] };

export async function keepConflict(projectDir: string, conflict: ConflictFile): Promise<void> {
  const dir = join(projectDir, '.sluice', 'conflicts');
  await mkdir(dir, { recursive: true });
  await writeFileAtomic(join(dir, `${conflict.commitId}.json`), `${JSON.stringify(conflict, null, 2)}\n`);
}
