import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../paths.ts';
import { madePages } from './writeDocs.ts';

test('the pages that are made from the code say what the code says (npm run docs)', () => {
  const docs = join(root, 'docs');
  const pages = madePages(docs);
  for (const [path, text] of pages) expect(readFileSync(join(docs, path), 'utf8'), path).toBe(text);
  const onDisk = readdirSync(join(docs, 'steps')).map((name) => `steps/${name}`);
  expect(onDisk.filter((path) => !pages.has(path))).toEqual([]);
  expect(pages.size).toBeGreaterThan(25);
});
