import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, type Step, type Workflow } from '../workflow/tree.ts';
import { closedCycles } from './cycles.ts';

/** `ab` is an arrow from a to b. */
function workflow(...arrows: string[]): Workflow {
  const ids = [...new Set(arrows.join(''))];
  const step: Step = { uses: 'items.set', version: 1, name: 'x', config: {}, onError: 'stop', mode: 'each' };
  return {
    slug: 'main',
    name: 'Main',
    settings: DEFAULT_SETTINGS,
    steps: Object.fromEntries(ids.map((id) => [id, step])),
    edges: Object.fromEntries(arrows.map((one) => [`${one[0]}.main->${one[1]}.main`, {}])),
    layout: {},
  };
}
const told = (keys: string[]) => keys.map((key) => `${key[0]}${key.at(-6)}`);
const closed = (base: string[], theirs: string[], ours: string[], gone: string[] = []) =>
  told(
    closedCycles(
      workflow(...[...base, ...theirs, ...ours].filter((one) => !gone.includes(one))),
      workflow(...base, ...theirs),
      workflow(...base.filter((one) => !gone.includes(one)), ...ours),
    ),
  );
const steps = ['ax', 'bx', 'cx', 'dx', 'xy', 'xz'];

describe('circles that a merge closes', () => {
  it('are told by one arrow of ours each', () => {
    expect(closed(['ab', ...steps], ['bc'], ['ca'])).toEqual(['ca']);
    expect(closed(steps, ['ab', 'cd'], ['ba', 'dc'])).toEqual(['ba', 'dc']);
  });

  it('are told where an arrow of ours went round in a smaller one before', () => {
    expect(closed(['ca', ...steps], ['bc'], ['ab', 'ba'])).toEqual(['ab']);
  });

  it('are not those that somebody drew, or that were there', () => {
    expect(closed(['ab'], ['xy'], ['ba'])).toEqual([]);
    expect(closed(['ab'], ['ba'], ['bc'])).toEqual([]);
    expect(closed(['ab', 'bc', 'ca'], ['ba'], ['ac'])).toEqual([]);
    expect(closed(['aa', ...steps], ['ab'], ['bb'])).toEqual([]);
    // Theirs drew the way back, ours put a step into the way there.
    expect(closed(['ab', ...steps], ['ba'], ['an', 'nb'], ['ab'])).toEqual([]);
    expect(closed(['bx', ...steps], ['ab'], ['bn', 'na'])).toEqual(['bn']);
  });
});
