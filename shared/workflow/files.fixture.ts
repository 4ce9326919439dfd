import { expect } from 'vitest';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from './example.fixture.ts';
import { type ProjectFiles, projectFiles, readProject } from './files.ts';
import { setIn } from './plainData.ts';
import type { Tree } from './tree.ts';

export const catalog = EXAMPLE_CATALOG;
export const WORKFLOW = 'workflows/triage.yaml';

export function read(files: ProjectFiles): Tree {
  const { tree, problems } = readProject(files, catalog);
  expect(problems).toEqual([]);
  return tree as Tree;
}

export function change(tree: Tree, path: string[], value: unknown): Tree {
  const changed = setIn(tree, path, value as never);
  if (!changed) throw new Error(`no ${path.join('/')}`);
  return changed;
}

/** Applies the changes and returns the lines that differ, by file. */
export function save(tree: Tree, files: ProjectFiles, pins: Record<string, string> = {}) {
  const changes = projectFiles(tree, files, { catalog, pins });
  const after: ProjectFiles = { ...files };
  for (const [path, text] of Object.entries(changes)) {
    if (text === null) delete after[path];
    else after[path] = text;
  }
  return { changes, after };
}

export function changedLines(before: string, after: string): { removed: string[]; added: string[] } {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  return { removed: a.slice(head, a.length - tail), added: b.slice(head, b.length - tail) };
}

/** Changes one place of the example's workflow and says which lines of the file differ. */
export function edited(path: string[], value: unknown, files = EXAMPLE_FILES) {
  const tree = change(read(files), ['workflows', TRIAGE, ...path], value);
  const { changes, after } = save(tree, files);
  expect(Object.keys(changes)).toEqual([WORKFLOW]);
  expect(read(after)).toEqual(tree);
  return changedLines(files[WORKFLOW] as string, after[WORKFLOW] as string);
}

export const withWorkflow = (text: string): ProjectFiles => ({
  'sluice.yaml': EXAMPLE_FILES['sluice.yaml'] as string,
  'workflows/a.yaml': text,
});
export const problemsOf = (text: string) => readProject(withWorkflow(text), catalog).problems;
