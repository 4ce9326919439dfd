import { expect, test } from 'vitest';
import { lineRows } from './lineRows.ts';
import { wordRuns } from './wordRuns.ts';

const lines = (count: number, word = 'line') => Array.from({ length: count }, (_, i) => `${word} ${i + 1}`);

test('changed words are marked, the others are not', () => {
  expect(wordRuns('Decide the kind.', 'Decide the kind and the area.')).toEqual([
    { text: 'Decide the kind', changed: false },
    { text: ' and the area', changed: true },
    { text: '.', changed: false },
  ]);
  expect(wordRuns('same', 'same')).toEqual([{ text: 'same', changed: false }]);
  expect(wordRuns('', 'new')).toEqual([{ text: 'new', changed: true }]);
  expect(
    wordRuns('a\nb', 'a\nb\nc')
      .map(({ text }) => text)
      .join(''),
  ).toBe('a\nb\nc');
});

test('equal lines far from a change are folded, with their number; opened, all are shown', () => {
  const before = lines(40);
  const after = [...before];
  after[19] = 'another';
  const rows = lineRows(before.join('\n'), after.join('\n'));
  expect(rows.filter((row) => row.kind === 'folded')).toEqual([
    { kind: 'folded', count: 16, from: 1 },
    { kind: 'folded', count: 17, from: 24 },
  ]);
  expect(rows.find((row) => row.kind === 'changed')).toEqual({
    kind: 'changed',
    left: { line: 20, text: 'line 20' },
    right: { line: 20, text: 'another' },
  });
  const open = lineRows(before.join('\n'), after.join('\n'), new Set([1, 24]));
  expect(open.filter((row) => row.kind === 'folded')).toEqual([]);
  expect(open).toHaveLength(40);
});

test('lines that came and went stand on their side, with the numbers of both texts', () => {
  expect(lineRows('a\nb', 'a\nx\ny\nb')).toEqual([
    { kind: 'same', left: 1, right: 1, text: 'a' },
    { kind: 'changed', right: { line: 2, text: 'x' } },
    { kind: 'changed', right: { line: 3, text: 'y' } },
    { kind: 'same', left: 2, right: 4, text: 'b' },
  ]);
  expect(lineRows('', 'new')).toEqual([{ kind: 'changed', right: { line: 1, text: 'new' } }]);
  expect(lineRows('old', '')).toEqual([{ kind: 'changed', left: { line: 1, text: 'old' } }]);
  expect(lineRows('', '')).toEqual([]);
});
