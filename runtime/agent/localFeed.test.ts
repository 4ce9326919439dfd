import { expect, test } from 'vitest';
import type { RunStore, ShownRun } from '../journal/runStore.ts';
import { createLocalFeed } from './localFeed.ts';

const RUN_ID = '0199f2c4-7000-7000-8000-000000000001';
const running = { runId: RUN_ID, projectId: 'p', status: 'running' } as unknown as ShownRun;
const run = { runId: RUN_ID, projectId: 'p', status: 'succeeded', answer: { status: 200 } } as unknown as ShownRun;

test('a look at a store that cannot be read ends nothing, and the next one sees what it missed', async () => {
  let version = 0;
  let refusals = 0;
  const store = { dataVersion: () => ++version } as unknown as RunStore;
  const feed = createLocalFeed(store, () => {
    // The first answers who asks; then the disk is full for two looks.
    if (version === 0) return running;
    if (refusals < 2) {
      refusals += 1;
      throw new Error('disk full');
    }
    return run;
  });
  expect(await feed.answered(RUN_ID, 20_000)).toEqual({ status: 200 });
  expect(refusals).toBe(2);
  feed.close();
});

test('a version that a failed look saw is looked at again, though nobody writes any more', async () => {
  let looks = 0;
  const store = { dataVersion: () => 1 } as unknown as RunStore;
  const feed = createLocalFeed(store, () => {
    looks += 1;
    if (looks === 1) return running;
    if (looks === 2) throw new Error('disk full');
    return run;
  });
  expect(await feed.answered(RUN_ID, 20_000)).toEqual({ status: 200 });
  feed.close();
});
