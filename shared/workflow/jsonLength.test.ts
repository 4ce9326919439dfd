import { expect, test } from 'vitest';
import type { Json } from '../json.ts';
import { jsonLength } from './jsonLength.ts';

test('the length is that of the text, whatever the value', () => {
  const values: Json[] = [
    null,
    true,
    -1.5e30,
    'a "quoted" \n text with ü, 漢 and \u2028',
    [],
    [1, [2, { three: 3 }], 'four'],
    {},
    { 'a"b': { c: [], d: {} }, e: 'f', 'ü\n': null },
    { gone: undefined, here: 1 } as unknown as Json,
    { gone: undefined } as unknown as Json,
  ];
  for (const value of values) expect([value, jsonLength(value)]).toEqual([value, JSON.stringify(value).length]);
});

test('a copy with another part is measured anew, and what it shares is not', () => {
  const shared = { many: 'things' };
  const first = { shared, n: 1 };
  expect(jsonLength(first)).toBe(JSON.stringify(first).length);
  const second = { ...first, n: 100 };
  expect(jsonLength(second)).toBe(jsonLength(first) + 2);
});
