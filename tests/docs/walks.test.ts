import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/walks.md'), 'utf8');
const names = [...page.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
const isFile = (name: string) => /^[\w-]+\/[\w./-]+\.\w+$/.test(name);

test('every file that the walks name exists', () => {
  const files = names.filter(isFile);
  expect(files.length).toBeGreaterThan(25);
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

test('every function that the walks name stands in the file named before it', () => {
  const missing: string[] = [];
  let file = '';
  let functions = 0;
  for (const name of names) {
    if (isFile(name)) file = name;
    const called = /^(\w+)\(\)$/.exec(name)?.[1];
    if (!called) continue;
    functions++;
    const text = existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
    if (!new RegExp(`export (?:async )?(?:function|const) ${called}\\b`).test(text)) missing.push(`${file}: ${called}`);
  }
  expect(functions).toBeGreaterThan(20);
  expect(missing).toEqual([]);
});
