import { expect, test } from 'vitest';
import { insist } from './part.ts';

/** A network that loses the first requests. */
function losing(count: number) {
  let asked = 0;
  const load = async () => {
    asked++;
    if (asked <= count) throw new TypeError(`Failed to fetch, time ${asked}`);
    return 'the part';
  };
  return { load, asked: () => asked };
}

test('a part of the page that is lost on its way is asked for again, and counts as broken only when that does not help', async () => {
  for (const lost of [0, 1, 3]) {
    const { load, asked } = losing(lost);
    expect(await insist(load, [0, 0, 0])).toBe('the part');
    expect(asked()).toBe(lost + 1);
  }
  const { load, asked } = losing(4);
  await expect(insist(load, [0, 0, 0])).rejects.toThrow('Failed to fetch, time 4');
  expect(asked()).toBe(4);
});
