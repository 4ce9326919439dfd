import { expect, test } from 'vitest';
import { runSketch } from '../../../tests/fixtures/engine.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { dateTime } from './dateTime.ts';

const { run } = createWorld({ timezone: 'Europe/Berlin' });
const at = async (config: Parameters<typeof itemsOf>[0]) =>
  jsonOf((await run(dateTime, config, itemsOf({ kept: 1 }))).main)[0]?.date;

test('now is the moment of the step run, in the zone of the workflow or another', async () => {
  expect([await at({}), await at({ zone: 'utc' }), await at({ zone: 'UTC+2' })]).toEqual([
    '2026-11-20T08:00:00.000+01:00',
    '2026-11-20T07:00:00.000Z',
    '2026-11-20T09:00:00.000+02:00',
  ]);
});

test('a date is read from the forms people meet and written as they like', async () => {
  const iso = (date: string | number, reads?: string) => at({ action: 'parse', date, ...(reads ? { reads } : {}) });
  expect([
    await iso('2026-03-01T09:00:00Z'),
    await iso('2026-03-01 09:00:00'),
    await iso('Sun, 01 Mar 2026 08:00:00 GMT'),
    await iso(1_772_352_000_000),
    await iso('1.3.2026 09:00', 'd.M.yyyy HH:mm'),
  ]).toEqual(['2026-03-01T10:00:00.000+01:00', ...Array.from({ length: 4 }, () => '2026-03-01T09:00:00.000+01:00')]);
  const date = '2026-03-01T09:00:00Z';
  expect(await at({ action: 'format', date, writes: 'EEEE dd.MM.yyyy HH:mm', locale: 'de' })).toBe(
    'Sonntag 01.03.2026 10:00',
  );
});

test('days are those of the calendar where the clocks change, hours are those that pass', async () => {
  const date = '2026-03-28T12:00:00+01:00';
  expect([
    await at({ action: 'add', date, amount: 1, unit: 'days' }),
    await at({ action: 'add', date, amount: 24, unit: 'hours' }),
    await at({ action: 'subtract', date: '2026-03-31T12:00:00+02:00', amount: 1, unit: 'months' }),
  ]).toEqual(['2026-03-29T12:00:00.000+02:00', '2026-03-29T13:00:00.000+02:00', '2026-02-28T12:00:00.000+01:00']);
});

test('differences, starts, ends, rounding and parts', async () => {
  const date = '2026-03-18T10:37:30+01:00';
  expect([
    await at({ action: 'difference', date, other: '2026-03-19T22:37:30+01:00', unit: 'days' }),
    await at({ action: 'start_of', date, unit: 'weeks' }),
    await at({ action: 'end_of', date, unit: 'months' }),
    await at({ action: 'round', date, amount: 15, unit: 'minutes' }),
    await at({ action: 'round', date, unit: 'days' }),
    await at({ action: 'part', date, part: 'weekday' }),
    await at({ action: 'part', date, part: 'dayOfYear' }),
    await at({ action: 'part', date, part: 'offsetMinutes' }),
  ]).toEqual([
    1.5,
    '2026-03-16T00:00:00.000+01:00',
    '2026-03-31T23:59:59.999+02:00',
    '2026-03-18T10:45:00.000+01:00',
    '2026-03-18T00:00:00.000+01:00',
    3,
    77,
    60,
  ]);
});

test('what is no date, zone or size is refused and named', async () => {
  const refused = (config: Parameters<typeof itemsOf>[0]) =>
    at(config).then(
      () => undefined,
      (error: Error) => error.message,
    );
  expect(await refused({ action: 'parse', date: 'soon' })).toBe("date: 'soon' cannot be used.");
  expect(await refused({ action: 'parse' })).toBe('The date is missing, not a date.');
  expect(await refused({ action: 'parse', date: '1'.repeat(101) })).toMatch('cannot be used');
  expect(await refused({ action: 'parse', date: 8.64e15 + 1 })).toMatch('cannot be used');
  expect(await refused({ zone: 'Mars/Base' })).toBe("zone: 'Mars/Base' cannot be used.");
  expect(await refused({ action: 'add', date: 1e12, amount: 1e9, unit: 'years' })).toMatch('outside');
  expect(await refused({ action: 'round', date: 0, amount: 0, unit: 'minutes' })).toMatch('How many');
  expect(await refused({ action: 'parse', date: 8.6e15 })).toBeUndefined();
});

test('in a run, the zone is that of the workflow', async () => {
  const { left } = await runSketch({
    steps: { go: { uses: 'trigger.manual' }, when: { uses: 'data.dateTime' } },
    edges: ['go -> when'],
    settings: { timezone: 'Asia/Tokyo' },
  });
  expect(left('when')).toEqual([{ date: '2026-11-20T16:00:00.000+09:00' }]);
});
