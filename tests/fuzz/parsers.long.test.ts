import { afterAll, expect, test } from 'vitest';
import { openFuzzer, toldFuzz } from './fuzzParsers.ts';
import { PARSERS } from './parsers.ts';

const { fuzz, close } = openFuzzer();
afterAll(close);

test.each(PARSERS.map(({ name }) => name))('%s: none of 500,000 inputs crashes it, hangs it or changes a global', {
  timeout: 3 * 3_600_000,
}, async (name) => {
  const fuzzed = await fuzz(name, 500_000, 'fuzz-long');
  console.info(toldFuzz(fuzzed));
  expect(fuzzed.faults).toEqual([]);
});
