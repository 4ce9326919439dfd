import { expect, test } from 'vitest';
import { formatDay, formatMoment, formatTime } from './format.ts';

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

test('a moment says its day, its clock and the zone of that clock', () => {
  const time = '2026-11-21T12:00:00.000Z';
  expect(formatMoment(time, 'UTC')).toBe('21 Nov 2026, 12:00:00 UTC');
  expect(formatMoment(time, 'Asia/Tokyo')).toBe('21 Nov 2026, 21:00:00 GMT+9');
  // Without a zone it is the computer's own, and still named.
  expect(formatMoment(time)).toMatch(/^2[0-2] Nov 2026, [0-9]{2}:[0-9]{2}:00 \S+$/);
});
