import { expect, test } from 'vitest';
import { runDays } from './runDays.ts';

// At noon of the clock that the test has, so that no zone moves a run to another day.
const at = (day: string) => new Date(`${day}T12:00:00`).toISOString();
const now = Date.parse(at('2026-11-21'));
const run = (day: string, status: Parameters<typeof runDays>[0][number]['status']) => ({ queuedAt: at(day), status });

test('runs are counted by the day on which they came, and a day without any is there as well', () => {
  const runs = [
    run('2026-11-21', 'running'),
    run('2026-11-21', 'succeeded'),
    run('2026-11-19', 'timed_out'),
    run('2026-11-19', 'failed'),
    run('2026-11-10', 'succeeded'),
  ];
  expect(runDays(runs, true, now, 3)).toEqual([
    { day: '2026-11-19', succeeded: 0, failed: 2, other: 0 },
    { day: '2026-11-20', succeeded: 0, failed: 0, other: 0 },
    { day: '2026-11-21', succeeded: 1, failed: 0, other: 1 },
  ]);
});

test('a day of which older runs may be unknown is left out, and with all of them known it is there', () => {
  const runs = [run('2026-11-21', 'succeeded'), run('2026-11-20', 'succeeded')];
  expect(runDays(runs, false, now, 3).map(({ day }) => day)).toEqual(['2026-11-21']);
  expect(runDays(runs, true, now, 3).map(({ day }) => day)).toEqual(['2026-11-19', '2026-11-20', '2026-11-21']);
});
