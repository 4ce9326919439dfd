import { describe, expect, it } from 'vitest';
import { closedCycles } from './cycles.ts';

/** `ab` is an arrow from a to b. */
const edges = (...arrows: string[]) => Object.fromEntries(arrows.map((one) => [`${one[0]}.main->${one[1]}.main`, {}]));
const closed = (base: string[], theirs: string[], ours: string[]) =>
  closedCycles(edges(...base, ...theirs, ...ours), edges(...base, ...theirs), edges(...base, ...ours)).map(
    (key) => `${key[0]}${key.at(-6)}`,
  );

describe('circles that a merge closes', () => {
  it('are told by one arrow of ours each', () => {
    expect(closed(['ab'], ['bc'], ['ca'])).toEqual(['ca']);
    expect(closed([], ['ab', 'cd', 'xy'], ['ba', 'dc', 'yz'])).toEqual(['ba', 'dc']);
  });

  it('are told where an arrow of ours went round in a smaller one before', () => {
    expect(closed(['ca'], ['bc'], ['ab', 'ba'])).toEqual(['ab']);
  });

  it('are not those that somebody drew, or that were there', () => {
    expect(closed(['ab'], ['xy'], ['ba'])).toEqual([]);
    expect(closed(['ab'], ['ba'], ['bc'])).toEqual([]);
    expect(closed(['ab', 'bc', 'ca'], ['ba'], ['ac'])).toEqual([]);
    expect(closed(['aa'], ['ab'], ['bb'])).toEqual([]);
  });
});
