import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ADVISORIES } from './advisories.ts';
import { advisedAgainst, compare, type LockFile, packagesOf } from './lockFile.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const lock = JSON.parse(read('package-lock.json')) as LockFile;
type Manifest = Record<'dependencies' | 'devDependencies' | 'optionalDependencies', Record<string, string>> & {
  allowScripts: Record<string, boolean>;
};
const manifest = JSON.parse(read('package.json')) as Manifest;

test('no package that is installed is one that is known to be bad', () => {
  expect(advisedAgainst(lock)).toEqual([]);
  console.log(`Advisories: ${ADVISORIES.length}, 0 of ${packagesOf(lock).length} packages affected.`);

  // The control: each of them is found, at its first version, and mended ones are not.
  const missed = ADVISORIES.filter(({ name, affected }) => {
    const versions = affected === '*' ? ['1.0.0'] : affected.map(([from]) => from);
    return versions.some(
      (version) => advisedAgainst({ packages: { [`node_modules/a/node_modules/${name}`]: { version } } }).length === 0,
    );
  });
  expect(missed.map(({ name }) => name)).toEqual([]);
  const mended = {
    packages: { 'node_modules/ws': { version: '8.17.1' }, 'node_modules/undici': { version: '7.5.0' } },
  };
  expect(advisedAgainst(mended)).toEqual([]);
  expect(advisedAgainst({ packages: { 'node_modules/ws': { version: '8.17.0' } } })).toHaveLength(1);
  expect(
    [compare('1.10.0', '1.9.9'), compare('2.0.0-rc.1', '2.0.0'), compare('1.0.0', '1.0.1')].map(Math.sign),
  ).toEqual([1, 0, -1]);
});

/** Under what others may give their work to us. */
const LICENCES =
  /^\(?(MIT|MIT-0|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|Unlicense|CC0-1\.0|Zlib|Python-2\.0|MPL-2\.0|EPL-2\.0|OFL-1\.1|WTFPL)( (OR|AND|and) [\w.-]+)*\)?$/;
/** Their own files say it; their manifests do not. */
const SAID_ELSEWHERE = new Set(['buildcheck', 'cpu-features', 'seq-queue', 'ssh2']);

test('every package comes from a registry, at one version, as it was, with a licence that we may use', () => {
  const problems: string[] = [];
  for (const { name, version, resolved, integrity, license } of packagesOf(lock)) {
    if (!/^\d+\.\d+\.\d+/.test(version ?? '')) problems.push(`${name} has the version ${version}`);
    if (resolved !== undefined && !/^https:\/\/[^/]+\/.*\.tgz$/.test(resolved))
      problems.push(`${name} is from elsewhere`);
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '')) problems.push(`${name} has no hash of its bytes`);
    if (license === undefined ? !SAID_ELSEWHERE.has(name) : !LICENCES.test(license))
      problems.push(`${name}: ${license}`);
  }
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'] as const) {
    for (const [name, version] of Object.entries(manifest[kind])) {
      if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) problems.push(`${name} is asked for as ${version}`);
    }
  }
  expect(problems).toEqual([]);
  for (const bad of ['GPL-3.0', 'UNLICENSED', 'AGPL-3.0-only', 'SEE LICENSE IN x']) expect(bad).not.toMatch(LICENCES);
});

test('only those packages run something when they are installed that somebody decided about', () => {
  const undecided = packagesOf(lock).filter(
    ({ name, hasInstallScript, optional }) => hasInstallScript && !(name in manifest.allowScripts) && !optional,
  );
  expect(undecided.map(({ name }) => name)).toEqual([]);
  expect(Object.values(manifest.allowScripts).filter(Boolean).length).toBeLessThanOrEqual(9);
});

/** What no file of ours may hold: it runs text as a program, puts text into a page as markup, or takes any certificate. */
const BANNED: readonly [RegExp, string][] = [
  [/\bnew Function\(/, 'new Function("a")'],
  [/(?<![.\w])eval\(/, 'eval("a")'],
  [/from 'node:vm'|require\('(node:)?vm'\)/, "import vm from 'node:vm'"],
  [/\.(inner|outer)HTML\s*=|insertAdjacentHTML|document\.write\(/, 'element.innerHTML = text'],
  [/dangerouslySetInnerHTML/, '<b dangerouslySetInnerHTML={x} />'],
  [/rejectUnauthorized:\s*false|NODE_TLS_REJECT_UNAUTHORIZED/, '{ rejectUnauthorized: false }'],
  [/\bshell:\s*true/, '{ shell: true }'],
];

test('no program of ours holds what is banned', () => {
  const files = ['shared', 'runtime', 'electron', 'cloud', 'renderer'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file) && !/\.(test|fixture)\.tsx?$|[\\/]generated[\\/]/.test(file))
      .map((file) => join(folder, file)),
  );
  const found = files.flatMap((file) => {
    const text = read(file);
    return BANNED.filter(([pattern]) => pattern.test(text)).map(([pattern]) => `${file}: ${pattern.source}`);
  });
  expect(found).toEqual([]);
  expect(files.length).toBeGreaterThan(500);
  console.log(`Banned: ${BANNED.length} constructs in ${files.length} files, 0 found.`);
  for (const [pattern, example] of BANNED) expect(example).toMatch(pattern);
});
