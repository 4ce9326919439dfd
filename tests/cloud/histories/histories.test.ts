import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Control, createControlBench } from '../../fixtures/control.ts';
import { playHistories, toldHistories } from './playHistories.fixture.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

// The same with larger numbers: histories.long.test.ts.
test('what was acknowledged is never lost, and what met is kept, whatever the network and the processes do', async () => {
  const seed = 1;
  const played = await playHistories(control, { histories: 20, seed });
  console.info(toldHistories(played, seed));
  expect(played.faults).toEqual([]);
  expect(played.rebasedByServer).toBeGreaterThan(5);
  expect(played.merges).toBeGreaterThan(5);
  expect(played.records).toBeGreaterThan(5);
  expect(played.decided).toBeGreaterThan(0);
}, 300_000);

test('a server that forgets a commit, or what met, is found out', async () => {
  const forgetful = await playHistories(control, {
    histories: 2,
    seed: 1,
    spoil: (sync) => ({
      ...sync,
      push: async (input, actor) => {
        const answer = await sync.push(input, actor);
        return { ...answer, hash: '0'.repeat(64) };
      },
    }),
  });
  expect(forgetful.faults.join('\n')).toContain('which holds something else');
  const careless = await playHistories(control, {
    histories: 8,
    seed: 1,
    spoil: (sync) => ({ ...sync, push: (input, actor) => sync.push({ ...input, conflicts: [] }, actor) }),
  });
  expect(careless.faults.join('\n')).toContain('a record is gone');
}, 300_000);
