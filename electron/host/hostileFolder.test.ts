import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { v7 as uuid } from 'uuid';
import { expect, test } from 'vitest';
import { catalog } from '#runtime/connectors/registry.ts';
import { SluiceError } from '#shared/error.ts';
import { scratchDir } from '../../tests/fixtures/scratch.ts';
import { openProjectDb } from '../store/projectDb.ts';
import { openProject } from './projectHost.ts';

/** What somebody's computer holds beside the project: nothing in here may change, whatever a project brings. */
const VICTIM = { 'rc.sh': 'echo mine\n', 'folder/.a.0123.sluice-tmp': 'mine\n', 'folder/main.yaml': 'mine: 1\n' };
const ID = '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55';
const WORKFLOW = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const MANIFEST = `id: ${ID}\nname: Gift\nformat: 1\n`;
const MAIN = `id: ${WORKFLOW}\nname: Main\nsteps:\n  start:\n    uses: trigger.manual\n  set:\n    uses: items.set\n    config:\n      fields: { a: 1 }\nedges:\n  - start -> set\n`;

const AT_ONCE = 12;

type Place = { dir: string; victim: string; canary: string };
type Hostile = { what: string; make(place: Place): void; isOpened?: true };

function put(dir: string, path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

/** Something else in the place of a file or folder of the project. */
function instead(dir: string, path: string, make: (full: string) => void): void {
  rmSync(join(dir, path), { recursive: true, force: true });
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  make(join(dir, path));
}

function withDatabase(dir: string, work: (db: DatabaseSync) => void): void {
  openProjectDb(dir, 'Somebody').close();
  const db = new DatabaseSync(join(dir, '.sluice', 'state.db'));
  work(db);
  db.close();
}

const FILES = [
  ...['sluice.yaml', 'connections.yaml', 'workflows/main.yaml', 'scripts/a.ts', 'machines/m.yaml'],
  ...['environments/local.yaml', 'tests/t.yaml', 'tests/pins/main.set.json', '.git', '.git/HEAD', '.git/index.lock'],
  ...['.sluice/.gitignore', '.sluice/state.db', '.sluice/state.db-wal', '.sluice/state.db-shm'],
  ...['.sluice/kept/workflows/main.yaml.1', '.sluice/conflicts/a.json', '.gitignore', '.gitattributes'],
];
const FOLDERS = [
  ...['workflows', 'scripts', 'scripts/lib', 'machines', 'environments', 'tests', 'tests/pins', '.git'],
  ...['.sluice', '.sluice/kept', '.sluice/kept/workflows', '.sluice/conflicts'],
];
const TEXTS = [
  ...['../../rc', '/etc/passwd', '..\\..\\rc', 'a/../../rc', '.', '..', 'CON', 'a\0b', '\u202e', 'x'.repeat(2_000)],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '!!js/function "f"',
    '!!binary aGk=',
    '*a',
    '&a [*a]',
    '<<: *a',
    '{',
    '"',
  ],
  ...['$(touch canary)', '`touch canary`', '=process.exit()', '{{ globalThis.process.exit() }}', '1e999', '\ud800'],
];
const quoted = (text: string) => JSON.stringify(text);
const FIELDS: [string, (text: string) => [path: string, text: string]][] = [
  ['project', (text) => ['sluice.yaml', `id: ${ID}\nname: ${text}\nformat: 1\n${text}: 1\n`]],
  ['project id', (text) => ['sluice.yaml', `id: ${quoted(text)}\nname: Gift\nformat: 1\n`]],
  ['workflow id', (text) => ['workflows/main.yaml', MAIN.replace(WORKFLOW, quoted(text))]],
  ['step', (text) => ['workflows/main.yaml', MAIN.replace('  set:', `  ${quoted(text)}:`)]],
  ['setting', (text) => ['workflows/main.yaml', MAIN.replace('a: 1', `a: ${text}`)]],
  ['variable', (text) => ['environments/local.yaml', `vars:\n  ${quoted(text)}: ${quoted(text)}\n`]],
];

const HOSTILE: Hostile[] = [
  ...FILES.flatMap((path): Hostile[] => [
    {
      what: `${path} is a link to somebody's file`,
      make: ({ dir, victim }) => instead(dir, path, (full) => symlinkSync(join(victim, 'rc.sh'), full)),
    },
    {
      what: `${path} is a link to a file that is not there yet`,
      make: ({ dir, victim }) => instead(dir, path, (full) => symlinkSync(join(victim, 'new'), full)),
    },
    {
      what: `${path} is a pipe`,
      make: ({ dir }) => instead(dir, path, (full) => execFileSync('mkfifo', [full])),
    },
  ]),
  ...FOLDERS.map(
    (path): Hostile => ({
      what: `${path} is a link to somebody's folder`,
      make: ({ dir, victim }) => instead(dir, path, (full) => symlinkSync(join(victim, 'folder'), full)),
    }),
  ),
  ...FIELDS.flatMap(([field, fileOf]) =>
    TEXTS.map(
      (text): Hostile => ({
        what: `${field} ${quoted(text.slice(0, 20))}`,
        make: ({ dir }) => put(dir, ...fileOf(text)),
      }),
    ),
  ),
  ...['CREATE TRIGGER t AFTER INSERT ON commits BEGIN DELETE FROM baseFiles; END', 'CREATE VIEW v AS SELECT 1'].map(
    (sql): Hostile => ({
      what: `a database with a program: ${sql.slice(0, 20)}`,
      make: ({ dir }) => withDatabase(dir, (db) => db.exec(sql)),
      isOpened: true,
    }),
  ),
  {
    what: 'a database that is none',
    make: ({ dir }) => put(dir, '.sluice/state.db', 'no database\n'.repeat(1_000)),
    isOpened: true,
  },
  ...['../../rc.sh', '/etc/x', 'workflows/../../rc.yaml', '.sluice/state.db'].map(
    (path): Hostile => ({
      what: `a database that takes ${path} for a file of the project`,
      make: ({ dir }) =>
        withDatabase(dir, (db) => db.prepare('INSERT INTO baseFiles (path, text) VALUES (?, ?)').run(path, 'x')),
    }),
  ),
  ...['../../rc.sh', 'x/../../../rc.sh', '__proto__'].map(
    (path): Hostile => ({
      what: `a database with a script ${path} that is still to be written`,
      make: ({ dir }) =>
        withDatabase(dir, (db) =>
          db
            .prepare(
              'INSERT INTO commits (revision, commitId, origin, ops, at, back, changes) VALUES (1, ?, ?, ?, ?, ?, ?)',
            )
            .run(
              ...[uuid(), 'canvas', JSON.stringify([{ op: 'set', path: ['scripts', path], value: 'x', was: null }])],
              ...[new Date().toISOString(), '[]', '{"changes":[],"changeCount":0}'],
            ),
        ),
    }),
  ),
  ...['/', '..', '../victim', '/proc/self', '/dev'].map(
    (place): Hostile => ({
      what: `a file .git that leads to ${place}`,
      make: ({ dir }) => put(dir, '.git', `gitdir: ${place}\n`),
      isOpened: true,
    }),
  ),
  {
    what: 'a repository whose settings name programs, with a merge that is open',
    make: ({ dir, canary }) => {
      const git = (...args: string[]) => execFileSync('git', args, { cwd: dir, stdio: 'pipe' });
      git('init', '-q', '-b', 'main');
      for (const name of ['core.fsmonitor', 'core.pager', 'diff.external', 'filter.x.smudge', 'filter.x.clean'])
        git('config', name, `touch ${canary}`);
      put(dir, '.gitattributes', '* filter=x\n');
      put(dir, '.git/hooks/post-index-change', `#!/bin/sh\ntouch ${canary}\n`);
      put(dir, 'workflows/main.yaml', `<<<<<<< a\n${MAIN}=======\n${MAIN}>>>>>>> b\n`);
    },
  },
];

function newPlace(): Place {
  const root = scratchDir('sluice-gift-');
  const [dir, victim] = [join(root, 'project'), join(root, 'victim')];
  for (const [path, text] of Object.entries(VICTIM)) put(victim, path, text);
  put(dir, 'sluice.yaml', MANIFEST);
  put(dir, 'workflows/main.yaml', MAIN);
  return { dir, victim, canary: join(root, 'canary') };
}

/** Opens it, changes something, saves and closes; what is refused has a name. */
async function openAndChange(dir: string): Promise<'used' | 'refused'> {
  try {
    const deps = { catalog: catalog(), emit: () => undefined, program: 'The test', now: Date.now, uuid };
    const project = await openProject(dir, deps);
    try {
      project.edit([{ type: 'renameProject', name: 'Changed' }]);
      project.edit([{ type: 'setVariable', environment: 'local', name: 'word', value: 'x' }]);
      const [workflowId = ''] = Object.keys(project.tree().workflows);
      if (workflowId) project.edit([{ type: 'renameWorkflow', workflowId, name: 'Other', slug: 'other' }]);
      await project.flush();
    } finally {
      await project.close();
    }
    return 'used';
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code !== 'internal') return 'refused';
    throw thrown;
  }
}

/** All that is below a folder, links not followed. */
function everythingIn(dir: string): Record<string, string> {
  const found = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  return Object.fromEntries(
    found.map((entry) => {
      const full = join(entry.parentPath, entry.name);
      return [full.slice(dir.length + 1), lstatSync(full).isFile() ? readFileSync(full, 'utf8') : 'no file'];
    }),
  );
}

/** Goes through one of them. @returns what must not be */
async function tryOut({ what, make, isOpened }: Hostile, told: Record<'used' | 'refused', number>): Promise<string[]> {
  const place = newPlace();
  const faults: string[] = [];
  try {
    make(place);
    const outcome = await openAndChange(place.dir);
    told[outcome]++;
    if (isOpened && outcome !== 'used') faults.push('it could not be opened');
  } catch (thrown) {
    faults.push(String((thrown as Error).stack ?? thrown));
  }
  const after = everythingIn(place.victim);
  if (!sameFiles(after)) faults.push(`beside it there is ${JSON.stringify(after)}`);
  if (existsSync(place.canary)) faults.push('something ran');
  const beside = readdirSync(dirname(place.dir)).sort().join();
  if (beside !== 'project,victim') faults.push(`there is ${beside}`);
  rmSync(dirname(place.dir), { recursive: true, force: true });
  return faults.map((fault) => `${what}: ${fault}`);
}

test.skipIf(process.platform === 'win32')(
  'of more than 200 projects that somebody made to do harm, none writes outside of itself or runs anything (not on Windows)',
  { timeout: 300_000 },
  async () => {
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    const told = { used: 0, refused: 0 };
    const faults: string[] = [];
    // Most of the time goes into waiting for the disk.
    for (let at = 0; at < HOSTILE.length; at += AT_ONCE) {
      const some = HOSTILE.slice(at, at + AT_ONCE);
      faults.push(...(await Promise.all(some.map((one) => tryOut(one, told)))).flat());
    }
    console.info(`hostile projects: N = ${HOSTILE.length}, ${told.used} opened and changed, ${told.refused} refused`);
    expect(faults).toEqual([]);
    expect(HOSTILE.length).toBeGreaterThanOrEqual(200);
    expect(told.used).toBeGreaterThan(100);
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
  },
);

const sameFiles = (found: Record<string, string>) =>
  Object.keys(found).length === Object.keys(VICTIM).length &&
  Object.entries(VICTIM).every(([path, text]) => found[path] === text);
