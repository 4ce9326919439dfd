import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Control, createControlBench } from '../../fixtures/control.ts';
import { playHistories, toldHistories } from './playHistories.fixture.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

test('ten thousand histories lose nothing that was acknowledged', async () => {
  const seed = 1_000_000;
  const played = await playHistories(control, { histories: 10_000, seed });
  console.info(toldHistories(played, seed));
  expect(played.faults).toEqual([]);
  expect(played.records).toBeGreaterThan(5_000);
});
