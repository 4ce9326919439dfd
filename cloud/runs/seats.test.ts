import { expect, test } from 'vitest';
import { createLocalChannel } from '../platform/channel.ts';
import { createSeats, QUIET_MS } from './seats.ts';
import type { Signal } from './signals.ts';

function setUp() {
  const signals = createLocalChannel<Signal>();
  let now = 1_000;
  const seats = createSeats(signals, () => now);
  const work = (workspaceId = 'w') => signals.publish({ kind: 'work', workspaceId });
  return { seats, work, pass: (ms: number) => (now += ms) };
}

test('who asks again after nothing was left is not looked up for, until work is told of or a second is over', async () => {
  const { seats, work, pass } = setUp();
  const seat = seats.take('w', 2);
  expect(seat.isQuiet()).toBe(false);
  expect(await seat.look(async () => ['run'])).toEqual(['run']);
  expect(seats.take('w', 1).isQuiet()).toBe(true);
  expect(seats.take('other', 1).isQuiet()).toBe(false);
  work('other');
  expect(seat.isQuiet()).toBe(true);
  work();
  expect(seat.isQuiet()).toBe(false);
  await seat.look(async () => []);
  pass(QUIET_MS);
  expect(seat.isQuiet()).toBe(false);
});

test('work that is told of during a look is looked for, and so is what was more than there was room for', async () => {
  const { seats, work } = setUp();
  const seat = seats.take('w', 1);
  await seat.look(async () => {
    work();
    return [];
  });
  expect(seat.isQuiet()).toBe(false);
  await seat.look(async () => ['run']);
  expect(seat.isQuiet()).toBe(false);
});

test('a workspace is attended while a runtime with room for a run waits', () => {
  const { seats } = setUp();
  const [first, second, full] = [seats.take('w', 1), seats.take('w', 3), seats.take('w', 0)];
  full.waits(true);
  expect(seats.isAttended('w')).toBe(false);
  first.waits(true);
  first.waits(true);
  second.waits(true);
  first.waits(false);
  expect(seats.isAttended('w')).toBe(true);
  second.waits(false);
  second.waits(false);
  expect(seats.isAttended('w')).toBe(false);
});
