import { expect, test } from 'vitest';
import { createTogether } from './together.ts';

test('what is asked for in one turn is done in one go, in its order; what breaks keeps nothing else from being done', async () => {
  const together = createTogether();
  const done: string[] = [];
  const note = (what: string) => () => void done.push(what);
  const broke = (thrown: unknown) => void done.push(`broke: ${(thrown as Error).message}`);
  together(note('one'), broke);
  together(() => {
    throw new Error('two');
  }, broke);
  together(() => {
    done.push('three');
    together(note('four'), broke);
  }, broke);
  expect(done).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toEqual(['one', 'broke: two', 'three']);
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toEqual(['one', 'broke: two', 'three', 'four']);
});
