import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

/** What we write down about a process, to find it again after our own end. */
export const ProcessMark = z.object({
  pid: z.int().positive(),
  /** As the system tells it: with the number it makes sure that this is the process we started. */
  startedAt: z.string(),
  workspaceId: z.string(),
  containerId: z.string(),
  runtimeHash: z.string(),
  agentUrl: z.string(),
});
export type ProcessMark = z.infer<typeof ProcessMark>;

const run = promisify(execFile);

/** When a process began, in the system's own words; undefined if there is none of that number. */
export async function startOfProcess(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields?.[0] === 'Z' ? undefined : fields?.[19];
  }
  if (process.platform === 'win32') return undefined;
  const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.trim() || undefined;
}

export async function writeMark(dir: string, mark: ProcessMark): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(path.join(dir, `${mark.workspaceId}.json`), JSON.stringify(mark));
}

export async function removeMark(dir: string, workspaceId: string): Promise<void> {
  await rm(path.join(dir, `${workspaceId}.json`), { force: true });
}

/** The marks whose process still runs; those of processes that are gone are removed. */
export async function livingMarks(dir: string): Promise<ProcessMark[]> {
  const living: ProcessMark[] = [];
  for (const name of await readdir(dir).catch(() => [])) {
    const file = path.join(dir, name);
    const mark = ProcessMark.safeParse(readJson(await readFile(file, 'utf8').catch(() => '')));
    if (mark.success && mark.data.startedAt === (await startOfProcess(mark.data.pid))) living.push(mark.data);
    else await rm(file, { force: true });
  }
  return living;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
