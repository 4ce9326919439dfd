import { expect, test } from 'vitest';
import { formatDay, formatTime } from './format.ts';

// At noon of the clock that the test has, so that no zone moves it to another day.
const at = (day: string) => `${day}T12:00:00`;
const now = Date.parse(at('2026-11-21'));

test('a time of today is the clock alone, on another day the date stands before it, in another year the year as well', () => {
  expect(formatTime(at('2026-11-21'), now)).toBe('12:00:00');
  expect(formatTime(at('2026-11-20'), now)).toBe('20 Nov 12:00:00');
  expect(formatTime(at('2027-11-21'), now)).toBe('21 Nov 2027 12:00:00');
});

test('a day always says its year', () => {
  expect(formatDay(at('2026-11-28'))).toBe('28 Nov 2026');
});
