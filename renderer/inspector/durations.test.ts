import { expect, test } from 'vitest';
import { toMs, unitOf } from './durations.ts';

test('a time shows in the greatest unit that makes it a whole number', () => {
  expect([undefined, 0, 250, 1_500, 5_000, 90_000, 60_000, 7_200_000, 172_800_000].map(unitOf)).toEqual([
    's',
    's',
    'ms',
    'ms',
    's',
    's',
    'min',
    'h',
    'd',
  ]);
});

test('what is typed is kept in whole milliseconds and within its bounds', () => {
  expect(toMs(1.5, 's', 1, 10_000)).toBe(1_500);
  expect(toMs(0, 'min', 1, 10_000)).toBe(1);
  expect(toMs(2, 'h', 1, 3_600_000)).toBe(3_600_000);
});
