import { expect, test } from 'vitest';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from './example.fixture.ts';
import { readProject } from './readProject.ts';

const workflowOf = (files: Record<string, string>, catalog = EXAMPLE_CATALOG) =>
  readProject(files, catalog).readable.workflows[TRIAGE];

test('a file with the same text is read once, and anew where its text or the step types are others', () => {
  const first = workflowOf(EXAMPLE_FILES);
  expect(first).toBeDefined();
  expect(workflowOf({ ...EXAMPLE_FILES })).toBe(first);
  expect(workflowOf(EXAMPLE_FILES, { ...EXAMPLE_CATALOG })).not.toBe(first);
  const [path = ''] = Object.keys(EXAMPLE_FILES).filter((one) => one.startsWith('workflows/'));
  const changed = workflowOf({ ...EXAMPLE_FILES, [path]: `${EXAMPLE_FILES[path]}\n# seen\n` });
  expect(changed).toEqual(first);
  expect(changed).not.toBe(first);
});

test('a workflow that names another one by its file is made anew when that one has another id', () => {
  const caller = 'name: A\nsteps:\n  call:\n    uses: flow.runWorkflow\n    config:\n      workflow: other\n';
  const other = (id: string) => ({
    'sluice.yaml': EXAMPLE_FILES['sluice.yaml'] as string,
    'workflows/caller.yaml': `id: ${TRIAGE}\n${caller}`,
    'workflows/other.yaml': `id: ${id}\nname: B\nsteps: {}\n`,
  });
  const ids = ['0199f2c4-6a02-7c11-8b7e-000000000001', '0199f2c4-6a02-7c11-8b7e-000000000002'];
  const called = ids.map((id) => workflowOf(other(id))?.steps.call?.config.workflow);
  expect(called).toEqual(ids);
});

test('what is wrong with a file is said each time it is read', () => {
  const files = { ...EXAMPLE_FILES, 'workflows/broken.yaml': 'name: [' };
  const [first, second] = [readProject(files, EXAMPLE_CATALOG), readProject(files, EXAMPLE_CATALOG)];
  expect(first.problems.length).toBeGreaterThan(0);
  expect(second.problems).toEqual(first.problems);
  expect(second.tree).toBeUndefined();
});
