import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalog } from '#runtime/connectors/registry.ts';
import { runCase } from '#runtime/engine/runCase.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import { validateTree } from '#shared/workflow/validate.ts';

const PAGES = ['concepts.md', 'expressions.md', 'flow-control.md', 'joins.md'].map((name) =>
  readFileSync(join(import.meta.dirname, '..', 'docs', name), 'utf8'),
);
const WORKFLOW = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const MANIFEST = 'id: 0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55\nname: Concepts\nformat: 1\n';

/** The examples that are marked as runnable: a workflow file and a saved case, parted by a line of dashes. */
function examplesOf(page: string): { workflow: string; saved: string; title: string }[] {
  return [...page.matchAll(/^```yaml runnable\n(.*?)^```$/gms)].map(([, block = '']) => {
    const [workflow = '', saved = ''] = block.split(/^---\n/m);
    return { workflow, saved, title: /^name: (.*)$/m.exec(saved)?.[1] ?? 'without a name' };
  });
}

const examples = PAGES.flatMap(examplesOf);
const noSandbox = { run: () => Promise.reject(new Error('No example runs a script.')), close: async () => {} };

test('every part of the pages that can be run is', () => {
  expect(examples.length).toBeGreaterThanOrEqual(9);
  expect(PAGES.flatMap((page) => page.match(/^```yaml/gm) ?? [])).toHaveLength(examples.length);
});

test.each(examples)('$title', async ({ workflow, saved }) => {
  const { tree, problems, sources } = readProject(
    {
      'sluice.yaml': MANIFEST,
      'workflows/example.yaml': `id: ${WORKFLOW}\n${workflow}`,
      'tests/example.yaml': `workflow: ${WORKFLOW}\n${saved}`,
    },
    catalog(),
  );
  expect(problems).toEqual([]);
  if (!tree) throw new Error('The example was not read.');
  expect(validateTree(tree, catalog(), sources)).toEqual([]);
  const example = tree.tests.example;
  if (!example) throw new Error('The case was not read.');
  const result = await runCase(tree, 'example', example, { sandbox: noSandbox, vars: {} });
  expect(result.differences).toEqual([]);
});
