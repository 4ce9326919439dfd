import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'joins.md'), 'utf8');

/** What each part below a heading of its own is called, and the cases that are run in it (`tests/docs.test.ts`). */
const parts = page
  .split(/^## /m)
  .slice(1)
  .map((part) => ({
    title: part.slice(0, part.indexOf('\n')),
    cases: [...part.matchAll(/^```yaml runnable\n.*?^---\nname: (.*?)$.*?^```$/gms)].map(([, name]) => name),
  }));
const rows = [...page.matchAll(/^\| \[(.+?)\]\(#(.+?)\) \|/gm)].map(([, title = '', anchor = '']) => ({
  title,
  anchor,
}));

test('every row of the table of joins leads to a case of that name, which is run, and none is left out', () => {
  expect(rows.length).toBeGreaterThan(15);
  const anchorOf = (title: string) =>
    title
      .toLowerCase()
      .replaceAll(' ', '-')
      .replace(/[^a-z-]/g, '');
  expect(rows.map(({ anchor }) => anchor)).toEqual(parts.map(({ title }) => anchorOf(title)));
  expect(rows.map(({ title }) => title.toLowerCase())).toEqual(parts.map(({ title }) => title.toLowerCase()));
  for (const { title, cases } of parts) expect(cases, title).toEqual([title]);
});
