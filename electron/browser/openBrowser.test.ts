import { expect, test } from 'vitest';
import { shouldOpen } from './openBrowser.ts';

const person = { env: { DISPLAY: ':0' }, platform: 'linux' as const, isTerminal: true };

test('a browser opens for a person at a terminal with a screen', () => {
  expect(shouldOpen(person, [])).toBe(true);
  expect(shouldOpen({ ...person, env: {}, platform: 'darwin' }, [])).toBe(true);
});

test.each([
  ['no screen', { ...person, env: {} }, []],
  ['no terminal', { ...person, isTerminal: false }, []],
  ['a build machine', { ...person, env: { DISPLAY: ':0', CI: 'true' } }, []],
  ['somebody who does not want it', person, ['--no-open']],
])('%s: none opens', (_what, surroundings, args) => {
  expect(shouldOpen(surroundings, args)).toBe(false);
});
