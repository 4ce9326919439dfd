import { mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whoever holds it this long died. */
const STALE_MS = 30_000;
const LOOK_AGAIN_MS = 25;

/** Runs `work` while no other process of ours does the same. Short things only: a holder counts as dead after 30 s. */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  for (;;) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.close();
      break;
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      // Windows answers EPERM while the last holder's file is on its way out.
      if (code !== 'EEXIST' && code !== 'EPERM') throw thrown;
      const since = await stat(path).then(
        (stats) => stats.mtimeMs,
        () => Date.now(),
      );
      if (Date.now() - since > STALE_MS) await unlink(path).catch(() => undefined);
      else await sleep(LOOK_AGAIN_MS);
    }
  }
  try {
    return await work();
  } finally {
    await unlink(path).catch(() => undefined);
  }
}
