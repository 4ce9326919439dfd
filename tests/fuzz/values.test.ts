import { afterAll, expect, test } from 'vitest';
import { openFuzzer, toldFuzz } from './fuzzParsers.ts';
import { VALUES } from './values.ts';

// The same with 200,000 values each: values.long.test.ts.
const INPUTS = 4_000;

const { fuzz, close } = openFuzzer();
afterAll(close);

test.each(VALUES.map(({ name }) => name))('%s gives a result or a named error, to the end of a run', {
  timeout: 300_000,
}, async (name) => {
  const fuzzed = await fuzz(name, INPUTS, 'values-1');
  console.info(toldFuzz(fuzzed));
  expect(fuzzed.faults).toEqual([]);
  expect(fuzzed.results).toBeGreaterThan(20);
});
