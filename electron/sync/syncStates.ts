import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { SyncState } from '#shared/contract/host/common.ts';
import { writeFileAtomic } from '../store/atomicFile.ts';

/** Where each project stood when it was last open, for the list of projects: a closed one cannot be asked. */
export type SyncStates = {
  get(projectId: string): SyncState;
  /** @returns whether it was another one before */
  set(projectId: string, state: SyncState): boolean;
  close(): Promise<void>;
};

const File = z.record(z.string(), SyncState);
const WRITE_MS = 500;

export function openSyncStates(file: string): SyncStates {
  const states = new Map(Object.entries(read(file)));
  let timer: NodeJS.Timeout | undefined;
  const write = async () => {
    timer = undefined;
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomic(file, JSON.stringify(Object.fromEntries(states)));
  };
  return {
    get: (projectId) => states.get(projectId) ?? { state: 'local_only', pending: 0 },
    set: (projectId, state) => {
      if (JSON.stringify(states.get(projectId)) === JSON.stringify(state)) return false;
      states.set(projectId, state);
      // It can all be had again by opening the project; a failed write costs nothing else.
      timer ??= setTimeout(() => void write().catch(() => undefined), WRITE_MS);
      return true;
    },
    close: async () => {
      if (!timer) return;
      clearTimeout(timer);
      await write().catch(() => undefined);
    },
  };
}

function read(file: string): Record<string, SyncState> {
  try {
    return File.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}
