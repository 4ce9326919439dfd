import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../json.ts';
import { checkFormat, upgradeTree } from './upgrades.ts';

describe('formats', () => {
  it('refuses a newer one and says what to do', () => {
    expect(() => checkFormat(2)).toThrow(
      expect.objectContaining({ code: 'client.upgrade_required', advice: expect.stringContaining('newest') }),
    );
    expect(() => upgradeTree({ project: { format: 7 } })).toThrow(
      expect.objectContaining({ details: { format: 7, known: 1 } }),
    );
  });

  it.each([0, -1, 1.5, '1', null, undefined])('refuses %j, which never was one', (format) => {
    expect(() => checkFormat(format)).toThrow(expect.objectContaining({ code: 'project.invalid' }));
  });

  it('gives a tree of today back as it is', () => {
    const tree = { project: { format: 1 } };
    expect(upgradeTree(tree)).toBe(tree);
  });

  it('takes old trees through every step to the newest', () => {
    const raise = (name: string) => (tree: JsonObject) => ({ ...tree, done: [...(tree.done as string[]), name] });
    const upgraded = upgradeTree({ project: { format: 1 }, done: [] }, { 0: raise('never') }, 1);
    expect(upgraded.done).toEqual([]);
    expect(() => upgradeTree({ project: { format: 1 }, done: [] }, {}, 2)).toThrow(/no way from format 1 to 2/);
    expect(upgradeTree({ project: { format: 1 }, done: [] }, { 1: raise('a'), 2: raise('b') }, 3).done).toEqual([
      'a',
      'b',
    ]);
  });
});
