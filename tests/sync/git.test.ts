import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalog } from '#runtime/connectors/registry.ts';
import type { Conflict } from '#shared/merge/conflict.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { openShell } from './shell.ts';

const SLOW = { timeout: 900_000 };
const FILE = 'workflows/main.yaml';
const WORKFLOW = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const MANIFEST = 'id: 0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55\nname: Party\nformat: 1\n';
const ids = Array.from({ length: 40 }, (_, i) => `s${i}`);

/** Forty steps, one a line, as people write them. */
const workflow = `# Forty steps
id: ${WORKFLOW}
name: Main
steps:
  start: { uses: trigger.manual } # by hand
${ids.map((id) => `  ${id}: { uses: items.set, config: { fields: { n: 0 } } } # ${id}\n`).join('')}edges:
${ids.map((id, i) => `  - ${i === 0 ? 'start' : ids[i - 1]} -> ${id}\n`).join('')}`;

const SETUP = `
git config --global merge.sluice.driver "sluice merge-driver %O %A %B %P"
git config --global merge.sluice.recursive binary`;

type Shell = ReturnType<typeof openShell>;
type Clone = { dir: string; git(script: string): ReturnType<Shell['sh']>; text(): string; write(text: string): void };

/** Clones of one repository, on one computer; `inside` is where the project is in it. */
async function clones(names: string[], inside = '.'): Promise<Clone[]> {
  const { home, sh } = openShell();
  const first = join(home, 'first', inside);
  mkdirSync(join(first, 'workflows'), { recursive: true });
  writeFileSync(join(first, 'sluice.yaml'), MANIFEST);
  writeFileSync(join(first, FILE), workflow);
  writeFileSync(join(first, '.gitattributes'), 'workflows/*.yaml merge=sluice\n');
  writeFileSync(join(first, '.gitignore'), '.sluice/\n');
  const begin = `${SETUP}
cd first && git init -q -b main && git add . && git commit -q -m Begin
${names.map((name) => `git clone -q . ../${name}`).join('\n')}`;
  expect(await sh(begin)).toMatchObject({ code: 0 });
  return names.map((name) => {
    const dir = join(home, name, inside);
    return {
      dir,
      git: (script) => sh(script, dir),
      text: () => readFileSync(join(dir, FILE), 'utf8'),
      write: (text) => writeFileSync(join(dir, FILE), text),
    };
  });
}

/** The workflow with these steps set to a value, by hand. */
const withSteps = (text: string, steps: string[], n: number) =>
  steps.reduce(
    (now, id) =>
      now.replace(
        `  ${id}: { uses: items.set, config: { fields: { n: 0`,
        `  ${id}: { uses: items.set, config: { fields: { n: ${n}`,
      ),
    text,
  );

function stepsOf(text: string): Tree['workflows'][string]['steps'] {
  const { tree, problems } = readProject({ 'sluice.yaml': MANIFEST, [FILE]: text }, catalog());
  expect(problems).toEqual([]);
  return tree?.workflows[WORKFLOW]?.steps ?? {};
}

function recordsIn(dir: string): { file: string; conflicts: Conflict[] }[] {
  const folder = join(dir, '.sluice/conflicts');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
}

test('two clones that each changed twenty other steps keep all forty', SLOW, async () => {
  const [ada, bo] = (await clones(['ada', 'bo'])) as [Clone, Clone];
  const even = ids.filter((_, i) => i % 2 === 0);
  const odd = ids.filter((_, i) => i % 2 === 1);
  ada.write(withSteps(ada.text(), even, 1));
  bo.write(withSteps(bo.text(), odd, 2));
  for (const clone of [ada, bo]) expect(await clone.git('git commit -q -a -m Change')).toMatchObject({ code: 0 });

  const pull = await bo.git('git pull -q --no-rebase --no-edit ../ada main');
  expect(pull).toMatchObject({ code: 0 });
  const numbers = Object.entries(stepsOf(bo.text())).map(([id, { config }]) => [
    id,
    (config.fields as { n?: number })?.n,
  ]);
  expect(Object.fromEntries(numbers)).toEqual({
    start: undefined,
    ...Object.fromEntries(even.map((id) => [id, 1])),
    ...Object.fromEntries(odd.map((id) => [id, 2])),
  });
  expect(bo.text()).toBe(withSteps(withSteps(workflow, even, 1), odd, 2));
  expect(recordsIn(bo.dir)).toEqual([]);

  // Line by line, as Git does without the driver, nothing of it can be merged.
  const lines = await ada.git(`
    git fetch -q ../bo main
    git -c 'merge.sluice.driver=git merge-file %A %O %B' merge --no-edit FETCH_HEAD^1`);
  expect(lines).toMatchObject({ code: 1, out: expect.stringContaining('CONFLICT (content)') });
});

test('a clash is told, recorded and left to a person, in a project below the top of a repository', SLOW, async () => {
  const [ada, bo] = (await clones(['ada', 'bo'], 'flows/party')) as [Clone, Clone];
  ada.write(withSteps(ada.text(), ['s1', 's3'], 1));
  bo.write(
    withSteps(bo.text(), ['s1', 's4'], 2)
      .replace(/ {2}s3: .*\n/, '')
      .replace('  - s2 -> s3\n  - s3 -> s4\n', '  - s2 -> s4\n'),
  );
  for (const clone of [ada, bo]) expect(await clone.git('git commit -q -a -m Change')).toMatchObject({ code: 0 });

  const pull = await bo.git('git pull -q --no-rebase --no-edit ../ada main');
  expect(pull).toMatchObject({ code: 1 });
  expect(pull.err).toContain(
    'flows/party/workflows/main.yaml: steps.s1.config.fields.n: 2 on this branch stands, 1 on the other does not.',
  );
  expect((await bo.git('git status --short')).out).toContain('UU workflows/main.yaml');
  const steps = stepsOf(bo.text());
  expect([steps.s1, steps.s3, steps.s4].map((step) => step?.config.fields)).toEqual([{ n: 2 }, { n: 1 }, { n: 2 }]);
  expect(bo.text()).toContain('# Forty steps');
  const [record, ...others] = recordsIn(bo.dir);
  expect(others).toEqual([]);
  expect(record).toMatchObject({ file: FILE });
  const told = record?.conflicts.map(({ kind, path, chosen }) => `${kind} ${path.slice(2).join('.')} ${chosen}`);
  expect(told).toEqual([
    'delete_vs_edit steps.s3 theirs',
    'delete_vs_edit edges.s2.main->s4.main theirs',
    'value steps.s1.config.fields.n ours',
  ]);

  // The same merge made again has the same record.
  expect(await bo.git('git merge --abort && git pull -q --no-rebase --no-edit ../ada main')).toMatchObject({ code: 1 });
  expect(recordsIn(bo.dir)).toHaveLength(1);
  expect(await bo.git('git add . && git commit -q --no-edit && git status --short')).toMatchObject({
    code: 0,
    out: '',
  });
});

test('a version that cannot be read leaves the file as it is', SLOW, async () => {
  const [ada, bo] = (await clones(['ada', 'bo'])) as [Clone, Clone];
  ada.write(ada.text().replace('edges:', 'edges: ['));
  bo.write(withSteps(bo.text(), ['s7'], 2));
  const mine = bo.text();
  for (const clone of [ada, bo]) expect(await clone.git('git commit -q -a -m Change')).toMatchObject({ code: 0 });
  const pull = await bo.git('git pull -q --no-rebase --no-edit ../ada main');
  expect(pull).toMatchObject({ code: 1 });
  expect(pull.err).toMatch(/main\.yaml as it is on the other branch cannot be read: line \d+: /);
  expect(bo.text()).toBe(mine);
  expect((await bo.git('git status --short')).out).toContain(`UU ${FILE}`);
});
