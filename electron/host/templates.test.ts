import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import { expect, test } from 'vitest';
import { catalog } from '#runtime/connectors/registry.ts';
import { projectFiles } from '#shared/workflow/files.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import { readProjectFolder } from '../store/projectFolder.ts';
import { createFromTemplate, listTemplates } from './templates.ts';

const place = () => join(mkdtempSync(join(tmpdir(), 'sluice-template-')), 'project');

test('the templates are listed in order, with what a card shows of them', async () => {
  const templates = await listTemplates();
  expect(templates.map(({ name }) => name)).toEqual(['hello', 'issue-triage', 'blank']);
  expect(templates[0]).toMatchObject({
    title: 'Hello',
    stepCount: 3,
    uses: ['trigger.manual', 'code.javascript', 'items.set'],
  });
  expect(templates[1]?.uses.slice(0, 4)).toEqual(['trigger.webhook', 'flow.filter', 'flow.switch', 'code.typescript']);
});

test.each([
  'hello',
  'issue-triage',
  'blank',
])('a project made from %s has no problems and needs no rewriting', async (template) => {
  const dir = place();
  await createFromTemplate({ dir, name: 'Mine: "quoted"', template }, { uuid });
  const { files, refused } = await readProjectFolder(dir);
  const { tree, problems, sources } = readProject(files, catalog());
  expect([...problems, ...refused]).toEqual([]);
  if (!tree) throw new Error('It was not read.');
  expect(tree.project.name).toBe('Mine: "quoted"');
  expect(validateTree(tree, catalog(), sources)).toEqual([]);
  expect(
    Object.keys(projectFiles(tree, files, { catalog: catalog() })).filter((path) => !path.startsWith('.git')),
  ).toEqual([]);
  expect(existsSync(join(dir, '.gitignore'))).toBe(true);
});

test('two projects of one template share no id, and their tests name their own workflows', async () => {
  const trees = [];
  for (let n = 0; n < 2; n++) {
    const dir = place();
    await createFromTemplate({ dir, name: 'Mine', template: 'issue-triage' }, { uuid });
    trees.push(readProject((await readProjectFolder(dir)).files, catalog()).tree);
  }
  const ids = trees.flatMap((tree) => [tree?.project.id, ...Object.keys(tree?.workflows ?? {})]);
  expect(new Set(ids).size).toBe(6);
  for (const tree of trees) {
    for (const one of Object.values(tree?.tests ?? {})) expect(tree?.workflows[one.workflow]).toBeDefined();
  }
});

test('a folder with something in it is not written to', async () => {
  const dir = place();
  mkdirSync(dir);
  writeFileSync(join(dir, 'thesis.txt'), 'mine');
  await expect(createFromTemplate({ dir, name: 'Mine', template: 'hello' }, { uuid })).rejects.toMatchObject({
    code: 'project.exists',
  });
  expect(readdirSync(dir)).toEqual(['thesis.txt']);
});

test('a template that is not there is named with those that are', async () => {
  await expect(createFromTemplate({ dir: place(), name: 'Mine', template: 'nope' }, { uuid })).rejects.toMatchObject({
    code: 'template.not_found',
    advice: expect.stringContaining('hello, issue-triage, blank'),
  });
});
