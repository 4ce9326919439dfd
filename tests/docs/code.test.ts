import { cpSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { afterAll, expect, test } from 'vitest';
import { catalog } from '#runtime/connectors/registry.ts';
import { runCase } from '#runtime/engine/runCase.ts';
import { patientSandbox } from '#runtime/sandbox/sandbox.fixture.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import { withPackages } from '../../electron/packages/packProject.ts';
import { json, writeFiles } from '../../electron/packages/project.fixture.ts';
import { readProjectFolder } from '../../electron/store/projectFolder.ts';

const ROOT = join(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/code.md'), 'utf8');
const WORKFLOW = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const sandbox = patientSandbox({ workers: 1 });
afterAll(() => sandbox.close());

type Example = { title: string; files: Record<string, string>; wheel: Record<string, string>; packages: string[] };

/** The runnable examples of the page, each with the files that stand before it in its chapter. */
function examples(): Example[] {
  return page.split(/^## /m).flatMap((chapter) => {
    const found: Example[] = [];
    let files: Record<string, string> = {};
    let wheel: Record<string, string> = {};
    for (const [, about = '', block = ''] of chapter.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)) {
      const [language = '', what = '', more = ''] = about.split(' ');
      if (what.startsWith('scripts/')) files[what] = block;
      else if (what.startsWith('wheel:')) wheel[what.slice('wheel:'.length)] = block;
      else if (what === 'runnable') {
        const [workflow = '', saved = ''] = block.split(/^---\n/m);
        files['workflows/example.yaml'] = `id: ${WORKFLOW}\n${workflow}`;
        files['tests/example.yaml'] = `workflow: example\n${saved}`;
        const packages = /^packages=(.*)$/.exec(more)?.[1]?.split(',') ?? [];
        found.push({ title: /^name: (.*)$/m.exec(saved)?.[1] ?? 'without a name', files, wheel, packages });
        [files, wheel] = [{}, {}];
      } else expect(['sh', 'json'], about).toContain(language);
    }
    expect(Object.keys(files), 'files without an example').toEqual([]);
    return found;
  });
}

/** A project's folder with an example; its packages are those that this repository has installed. */
function folderOf({ files, wheel, packages }: Example): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-docs-'));
  writeFiles(dir, { 'sluice.yaml': 'id: 0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55\nname: Docs\nformat: 1\n', ...files });
  if (Object.keys(wheel).length > 0) {
    const note = 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n';
    const content = { ...wheel, 'labels-1.0.dist-info/WHEEL': note };
    const bytes = Object.entries(content).map(([path, text]) => [path, strToU8(text)]);
    writeFiles(dir, { 'scripts/wheels/labels-1.0-py3-none-any.whl': zipSync(Object.fromEntries(bytes)) });
  }
  if (packages.length > 0) {
    const { packages: locked } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string }>;
    };
    const places = packages.map((name) => `node_modules/${name}`);
    const dependencies = Object.fromEntries(packages.map((name) => [name, locked[`node_modules/${name}`]?.version]));
    const entries = Object.fromEntries(places.map((place) => [place, locked[place]]));
    writeFiles(dir, {
      'scripts/package.json': json({ private: true, dependencies }),
      'scripts/package-lock.json': json({ lockfileVersion: 3, packages: { '': { dependencies }, ...entries } }),
    });
    for (const place of places) cpSync(join(ROOT, place), join(dir, 'scripts', place), { recursive: true });
  }
  return dir;
}

test('every part of the page that can be run is', () => {
  expect(examples().length).toBeGreaterThanOrEqual(8);
  expect(page.match(/^```yaml/gm)).toHaveLength(examples().length);
});

test.each(examples())('$title', async (example) => {
  const dir = folderOf(example);
  const { files } = await readProjectFolder(dir);
  const { tree, problems, sources } = readProject(files, catalog());
  expect(problems).toEqual([]);
  if (!tree) throw new Error('The example was not read.');
  expect(validateTree(tree, catalog(), sources)).toEqual([]);
  const packed = await withPackages(dir, tree);
  const saved = packed.tests.example;
  if (!saved) throw new Error('The case was not read.');
  // A busy machine may take longer to start an interpreter than a step may take.
  for (const { steps } of Object.values(packed.workflows)) {
    for (const step of Object.values(steps)) step.timeoutMs = 300_000;
  }
  const result = await runCase(packed, 'example', saved, { sandbox, vars: {} });
  expect(result.differences).toEqual([]);
});

test('the limits that the page names are those that hold', async () => {
  const { PYTHON_LIMITS, SCRIPT_LIMITS } = await import('#runtime/connectors/code/code.ts');
  const row = (name: string) => new RegExp(`^\\| ${name} \\| (.*?) \\| (.*?) \\|$`, 'm').exec(page)?.slice(1);
  const both = [SCRIPT_LIMITS, PYTHON_LIMITS];
  expect(row('Time of one call')).toEqual(both.map(({ wallMs }) => `${wallMs / 1000} s`));
  expect(row('CPU time of one call')).toEqual(both.map(({ cpuMs }) => `${cpuMs / 1000} s`));
  expect(row('Memory')).toEqual(both.map(({ memoryMb }) => `${memoryMb} MB`));
  expect(row('What it gives')).toEqual(both.map(({ outputBytes }) => `${outputBytes / 1_048_576} MB`));
  const { MAX_PACKED } = await import('../../electron/packages/packNpm.ts');
  const { MAX_TOTAL_BYTES, MAX_WHEELS } = await import('../../electron/packages/packWheels.ts');
  const { MAX_WHEEL_BYTES } = await import('../../electron/packages/readWheel.ts');
  expect(page).toContain(`${MAX_PACKED.toLocaleString('en')} characters together`);
  const wheels = `at most ${MAX_WHEELS} of\nthem, ${MAX_WHEEL_BYTES / 1_048_576} MB each and ${MAX_TOTAL_BYTES / 1_048_576} MB together`;
  expect(page).toContain(wheels);
});

test('every page that this one leads to is there', () => {
  for (const [, target = ''] of page.matchAll(/\]\((?!https?:|#)([^)#]+)/g))
    expect(() => readFileSync(join(ROOT, 'docs', target)), target).not.toThrow();
});
