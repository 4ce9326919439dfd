import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';

const MAX_BYTES = 20 * 1_048_576;

const Manifest = z.object({
  name: z.string().optional(),
  version: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  devDependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});
const Entry = z.object({
  name: z.string().optional(),
  version: z.string().optional(),
  integrity: z.string().optional(),
  link: z.boolean().optional(),
  os: z.array(z.string()).optional(),
  cpu: z.array(z.string()).optional(),
});
const Lock = z.object({ packages: z.record(z.string(), Entry) });

/** A project's npm packages, as its `package.json` and lock file say. */
export type LockFile = {
  /** Its text, with line feeds. */
  text: string;
  /** What may be imported: what package.json names. */
  direct: Set<string>;
  /** By place: `node_modules/lodash`. */
  packages: Record<string, z.infer<typeof Entry>>;
};

export const INSTALL = 'In scripts/, run "npm ci --ignore-scripts": Sluice itself installs and fetches nothing.';

/**
 * @param scriptsDir the folder `scripts` of a project
 * @returns undefined where there is no lock file or no package.json
 * @throws SluiceError package.not_locked where they cannot be read
 */
export async function readLock(scriptsDir: string): Promise<LockFile | undefined> {
  const [manifestText, text] = await Promise.all([
    readSmall(join(scriptsDir, 'package.json')),
    readSmall(join(scriptsDir, 'package-lock.json')),
  ]);
  if (manifestText === undefined || text === undefined) return undefined;
  const manifest = parseJson(Manifest, manifestText, 'scripts/package.json');
  const { packages } = parseJson(Lock, text, 'scripts/package-lock.json');
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  const direct = new Set(Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies }));
  return { text: text.replaceAll('\r\n', '\n'), direct, packages };
}

/**
 * Sees to it that what is installed at some places is what the lock file names: its name, its version, and the sum that
 * npm noted when it installed it.
 *
 * @param places `node_modules/lodash`, …
 * @returns versions by place without its first `node_modules/`
 * @throws SluiceError package.not_locked, package.not_installed
 */
export async function checkInstalled(
  scriptsDir: string,
  places: readonly string[],
  lock: LockFile,
): Promise<Record<string, string>> {
  const noted = await readSmall(join(scriptsDir, 'node_modules/.package-lock.json'));
  const installed =
    noted === undefined ? undefined : parseJson(Lock, noted, 'node_modules/.package-lock.json').packages;
  const versions: Record<string, string> = {};
  for (const place of places) {
    const shown = place.slice('node_modules/'.length);
    const text = await readSmall(join(scriptsDir, place, 'package.json'));
    const locked = Object.hasOwn(lock.packages, place) ? lock.packages[place] : undefined;
    if (text === undefined) throw notInstalled(shown);
    const { name, version } = parseJson(Manifest, text, `scripts/${place}/package.json`);
    if (locked?.version === undefined || locked.link) {
      throw new SluiceError('package.not_locked', `scripts/package-lock.json does not name the installed ${shown}.`, {
        advice: locked?.link ? 'Use the package itself in place of a link to a folder.' : INSTALL,
        details: { package: shown },
      });
    }
    const wantedName = locked.name ?? place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const sum = installed?.[place]?.integrity;
    const otherSum = sum !== undefined && locked.integrity !== undefined && sum !== locked.integrity;
    if (version !== locked.version || name !== wantedName || otherSum) {
      const is = otherSum ? 'another build of it' : `${name} ${version}`;
      throw new SluiceError(
        'package.not_locked',
        `${is} is installed where scripts/package-lock.json says ${wantedName} ${locked.version}.`,
        { advice: INSTALL, details: { package: shown } },
      );
    }
    versions[shown] = version;
  }
  return versions;
}

export function notInstalled(name: string, by?: string): SluiceError {
  const who = by === undefined ? '' : `, which ${by} imports,`;
  return new SluiceError(
    'package.not_installed',
    `The package ${name}${who} is not installed in scripts/node_modules.`,
    {
      advice: INSTALL,
      details: { package: name },
    },
  );
}

/** A file as text; undefined where there is none. */
async function readSmall(path: string): Promise<string | undefined> {
  const full = await realpath(path).catch(() => undefined);
  if (full === undefined) return undefined;
  const file = await open(full, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > MAX_BYTES)
      throw new SluiceError('package.not_locked', `${path} is not a file of at most 20 MB.`, { advice: INSTALL });
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function parseJson<S extends z.ZodType>(schema: S, text: string, file: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SluiceError('package.not_locked', `${file} is not JSON.`, {
      advice: 'Let a current npm write it again: "npm install --ignore-scripts" in scripts/.',
    });
  }
  return parse(schema, value, file, 'package.not_locked');
}
