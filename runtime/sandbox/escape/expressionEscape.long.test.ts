import { expect, test } from 'vitest';
import { plantCanaries } from './canaries.fixture.ts';
import { fuzzExpressions } from './expressionGrammar.fixture.ts';

const WANTED = 1_000_000;
const BATCH = 20_000;

test('a million generated expressions give a value or an error of their own, in time, and change nothing of ours', async () => {
  const canaries = await plantCanaries();
  const broken: string[] = [];
  let evaluated = 0;
  for (let seed = 1; evaluated < WANTED; seed++) {
    const verdict = fuzzExpressions(BATCH, seed);
    broken.push(...verdict.crashes, ...verdict.hangs);
    evaluated += verdict.evaluated;
  }
  expect(broken.slice(0, 10)).toEqual([]);
  expect(canaries.reached('')).toEqual([]);
  console.log(`${evaluated} generated expressions: 0 crashes, 0 hangs, 0 changes`);
  await canaries.remove();
});
