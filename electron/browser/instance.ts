import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '#shared/error.ts';
import { takeLock } from '../store/lock.ts';
import { openSqlite } from '../store/sqlite.ts';

const ADDRESS_MS = 20_000;

/** This computer's one desktop on a data folder. */
export type Instance = {
  /** Tells the next one that starts where this one is. */
  announce(url: string): void;
  release(): void;
};

/**
 * Becomes the desktop of a data folder, or finds the one that is.
 *
 * @returns the address of the one that runs, for the person who started a second one
 * @throws SluiceError service.unavailable where the other one never says where it is
 */
export async function takeInstance(dataDir: string): Promise<{ instance: Instance } | { running: string }> {
  const { db } = openSqlite(join(dataDir, 'desktop.db'), '');
  const file = join(dataDir, 'desktop.json');
  try {
    const lock = takeLock(db, 'The desktop');
    rmSync(file, { force: true });
    return {
      instance: {
        // It holds the launch token, so it is for this user's eyes only.
        announce: (url) => writeFileSync(file, JSON.stringify({ url }), { mode: 0o600 }),
        release: () => {
          rmSync(file, { force: true });
          lock.release();
          db.close();
        },
      },
    };
  } catch (thrown) {
    db.close();
    if (!(thrown instanceof SluiceError) || thrown.code !== 'project.locked') throw thrown;
    return { running: await addressIn(file) };
  }
}

async function addressIn(file: string): Promise<string> {
  for (const until = Date.now() + ADDRESS_MS; Date.now() < until; await sleep(100)) {
    try {
      return (JSON.parse(readFileSync(file, 'utf8')) as { url: string }).url;
    } catch {
      // It is still starting.
    }
  }
  throw new SluiceError('service.unavailable', 'Sluice was started already and does not say where.', {
    advice: 'Wait until it is ready, or stop it and start again.',
  });
}
