import { afterAll, expect, test } from 'vitest';
import { openFuzzer, toldFuzz } from './fuzzParsers.ts';
import { VALUES } from './values.ts';

const { fuzz, close } = openFuzzer();
afterAll(close);

test.each(VALUES.map(({ name }) => name))('%s gives a result or a named error, 200,000 times', {
  timeout: 3 * 3_600_000,
}, async (name) => {
  const fuzzed = await fuzz(name, 200_000, 'values-long');
  console.info(toldFuzz(fuzzed));
  expect(fuzzed.faults).toEqual([]);
});
