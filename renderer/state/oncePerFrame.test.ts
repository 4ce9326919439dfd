import { expect, test } from 'vitest';
import { oncePerFrame } from './oncePerFrame.ts';

function withFrames() {
  const taken: number[][] = [];
  const asked: (() => void)[] = [];
  const hear = oncePerFrame<number>(
    (all) => taken.push(all),
    (run) => asked.push(run),
  );
  const draw = () => {
    for (const run of asked.splice(0)) run();
  };
  return { hear, taken, asked, draw };
}

test('what comes alone is handed on at once', () => {
  const { hear, taken, draw } = withFrames();
  hear(1);
  expect(taken).toEqual([[1]]);
  draw();
  hear(2);
  expect(taken).toEqual([[1], [2]]);
});

test('what follows before the next drawing is handed on together, in order, and nothing is left behind', () => {
  const { hear, taken, asked, draw } = withFrames();
  for (const one of [1, 2, 3, 4]) hear(one);
  expect(taken).toEqual([[1]]);
  draw();
  expect(taken).toEqual([[1], [2, 3, 4]]);
  // That was a drawing too: what comes after it waits for the next one.
  hear(5);
  expect(taken).toHaveLength(2);
  draw();
  expect(taken).toEqual([[1], [2, 3, 4], [5]]);
  draw();
  expect(asked).toEqual([]);
});

test('what comes while something is handed on is not handed on within it', () => {
  const taken: number[][] = [];
  const asked: (() => void)[] = [];
  const hear = oncePerFrame<number>(
    (all) => {
      taken.push(all);
      if (all[0] === 1) hear(2);
    },
    (run) => asked.push(run),
  );
  hear(1);
  expect(taken).toEqual([[1]]);
  for (const run of asked.splice(0)) run();
  expect(taken).toEqual([[1], [2]]);
});
