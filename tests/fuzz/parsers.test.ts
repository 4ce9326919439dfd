import { afterAll, expect, test } from 'vitest';
import { FOUND } from './found.ts';
import { openFuzzer, toldFuzz } from './fuzzParsers.ts';
import { PARSERS } from './parsers.ts';

// The same with 500,000 inputs each: parsers.long.test.ts.
const INPUTS = 20_000;
/** Of those that take about a millisecond for each input. */
const FEW = 6_000;
const SLOW = new Set(['workflow file', 'case file', 'state machine file']);
const SEED = 'fuzz-1';

const { fuzz, close } = openFuzzer();
afterAll(close);

test.each(PARSERS.map(({ name }) => name))('%s: no input crashes it, hangs it or changes a global', {
  timeout: 300_000,
}, async (name) => {
  const fuzzed = await fuzz(name, SLOW.has(name) ? FEW : INPUTS, SEED);
  console.info(toldFuzz(fuzzed));
  expect(fuzzed.faults).toEqual([]);
  // Where nothing is ever read or nothing ever refused, the inputs prove little.
  expect(fuzzed.results).toBeGreaterThan(fuzzed.inputs / 200);
});

test.each(FOUND)('$parser: what once broke it gives a result or a named error now: $what', async ({
  parser,
  input,
}) => {
  const found = PARSERS.find(({ name }) => name === parser);
  expect(found).toBeDefined();
  const outcome = await Promise.resolve()
    .then(() => found?.read(input))
    .then(
      () => 'a result',
      (thrown: Error) => thrown.name,
    );
  expect(['a result', 'SluiceError']).toContain(outcome);
});
