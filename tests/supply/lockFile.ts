import { ADVISORIES, type Advisory } from './advisories.ts';

/** What a lock file says of one package. */
export type Locked = {
  version?: string;
  resolved?: string;
  integrity?: string;
  license?: string;
  link?: boolean;
  optional?: boolean;
  hasInstallScript?: boolean;
};

export type LockFile = { packages: Record<string, Locked> };

export const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** Every installed package with its version. */
export const packagesOf = ({ packages }: LockFile) =>
  Object.entries(packages)
    .filter(([path, { link }]) => path !== '' && !link)
    .map(([path, locked]) => ({ name: nameOf(path), ...locked }));

/** @returns what stands in the list of advisories, with its version and why */
export function advisedAgainst(lock: LockFile, advisories: readonly Advisory[] = ADVISORIES): string[] {
  return packagesOf(lock).flatMap(({ name, version = '0.0.0' }) =>
    advisories
      .filter((one) => one.name === name && isAffected(one.affected, version))
      .map(({ why }) => `${name} ${version}: ${why}`),
  );
}

function isAffected(affected: Advisory['affected'], version: string): boolean {
  if (affected === '*') return true;
  return affected.some(([from, below]) => compare(version, from) >= 0 && compare(version, below) < 0);
}

/** A version before its release counts as that release. */
export function compare(a: string, b: string): number {
  const numbers = (version: string) => (version.split(/[-+]/)[0] ?? '').split('.').map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let n = 0; n < 3; n++) {
    const difference = (left[n] ?? 0) - (right[n] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
