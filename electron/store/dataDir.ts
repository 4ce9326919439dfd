import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export type Places = {
  /** Databases, blobs, logs and the vault. */
  dataDir: string;
  /** Where new projects are made unless somebody names a folder. */
  projectsDir: string;
  /** The repository, where the program runs from one. */
  checkout: string | undefined;
};

type Env = Record<string, string | undefined>;

/**
 * Where this computer keeps our things: `SLUICE_DATA`, else `.data/` of a checkout, else the platform's folder for app
 * data. Makes nothing.
 *
 * @param from the folder to look for a checkout from, upwards; by default this file's
 */
export function findPlaces(env: Env, platform: NodeJS.Platform = process.platform, from = import.meta.dirname): Places {
  const checkout = findCheckout(from);
  const home = env.HOME ?? env.USERPROFILE ?? homedir();
  const named = env.SLUICE_DATA ? resolve(env.SLUICE_DATA) : checkout && join(checkout, '.data');
  return {
    dataDir: named ?? join(appData(env, platform, home), 'Sluice'),
    projectsDir: named ? join(named, 'projects') : join(home, 'Sluice'),
    checkout,
  };
}

/** The repository above a folder. An installed program has a package.json too, but no lock file beside it. */
function findCheckout(from: string): string | undefined {
  for (let dir = from; ; dir = dirname(dir)) {
    const manifest = join(dir, 'package.json');
    if (existsSync(manifest) && existsSync(join(dir, 'package-lock.json'))) {
      const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string };
      if (name === 'sluice') return dir;
    }
    if (dirname(dir) === dir) return undefined;
  }
}

function appData(env: Env, platform: NodeJS.Platform, home: string): string {
  if (platform === 'win32') return env.APPDATA ?? join(home, 'AppData', 'Roaming');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  return env.XDG_DATA_HOME ?? join(home, '.local', 'share');
}
