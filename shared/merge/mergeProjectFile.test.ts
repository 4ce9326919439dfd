import { describe, expect, it } from 'vitest';
import { EXAMPLE_CATALOG, EXAMPLE_FILES } from '../workflow/example.fixture.ts';
import { mergeProjectFile } from './mergeProjectFile.ts';

const manifest = EXAMPLE_FILES['sluice.yaml'] as string;
const path = 'workflows/main.yaml';
const base = `# Tickets
id: 0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01
name: Tickets # shown in lists
steps:
  start: { uses: trigger.manual } # by hand
  one: { uses: items.set, config: { fields: { a: 1, b: 1 } } }
  two: { uses: items.set, config: { fields: { a: 1 } } }
  three: { uses: items.set, config: { fields: { a: 1 } } } # the last
edges:
  - start -> one
  - one -> two
  - two -> three
`;
const merge = (ours: string, theirs: string, more: { base?: string; path?: string } = {}) =>
  mergeProjectFile({ path, manifest, base, ...more, ours, theirs }, EXAMPLE_CATALOG);
const change = (...changes: [from: string, to: string][]) =>
  changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`There is no ${from}.`);
    return text.replace(from, to);
  }, base);

describe('two branches of a workflow’s file', () => {
  it('that changed different lines are one text with the comments of both', () => {
    const ours = change(['name: Tickets # shown in lists', 'name: Orders # shown everywhere']);
    const theirs = change(['# the last', '# the very last'], ['edges:', '# How it runs\nedges:']);
    expect(merge(ours, theirs)).toEqual({
      text: change(
        ['name: Tickets # shown in lists', 'name: Orders # shown everywhere'],
        ['# the last', '# the very last'],
        ['edges:', '# How it runs\nedges:'],
      ),
      conflicts: [],
    });
  });

  it('that changed neighbouring lines, or two fields of one line, are merged where lines would clash', () => {
    const ours = change(
      ['b: 1', 'b: 2'],
      ['two: { uses: items.set, config: { fields: { a: 1', 'two: { uses: items.set, config: { fields: { a: 5'],
    );
    const theirs = change(
      ['{ a: 1, b', '{ a: 3, b'],
      ['three: { uses: items.set', 'three: { uses: items.set, notes: Last'],
    );
    const { text, conflicts } = merge(ours, theirs);
    expect(conflicts).toEqual([]);
    expect(text).toBe(
      change(
        ['{ a: 1, b: 1', '{ a: 3, b: 2'],
        ['two: { uses: items.set, config: { fields: { a: 1', 'two: { uses: items.set, config: { fields: { a: 5'],
        [
          'three: { uses: items.set, config: { fields: { a: 1 } } }',
          'three: { uses: items.set, config: { fields: { a: 1 } }, notes: Last }',
        ],
      ),
    );
  });

  it('that changed one field keep ours, and tell both with the names that Git has', () => {
    const { text, conflicts } = merge(change(['{ a: 1, b', '{ a: 2, b']), change(['{ a: 1, b', '{ a: 3, b']));
    expect(text).toBe(change(['{ a: 1, b', '{ a: 2, b']));
    expect(conflicts).toEqual([
      {
        path: ['workflows', '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01', 'steps', 'one', 'config', 'fields', 'a'],
        kind: 'value',
        base: 1,
        ours: 2,
        theirs: 3,
        chosen: 'ours',
      },
    ]);
  });

  it('of which one took away what the other changed keep it, whichever it was', () => {
    const without = change(
      ['  two: { uses: items.set, config: { fields: { a: 1 } } }\n', ''],
      ['  - one -> two\n  - two -> three', '  - one -> three'],
    );
    const changed = change([
      'two: { uses: items.set, config: { fields: { a: 1',
      'two: { uses: items.set, config: { fields: { a: 7',
    ]);
    const kept = { text: expect.stringContaining('fields: { a: 7 }') };
    expect(merge(without, changed)).toMatchObject({
      ...kept,
      conflicts: [{ kind: 'delete_vs_edit', chosen: 'theirs' }, {}],
    });
    expect(merge(changed, without)).toMatchObject({
      ...kept,
      conflicts: [{ kind: 'delete_vs_edit', chosen: 'ours' }, {}],
    });
    for (const { text } of [merge(without, changed), merge(changed, without)]) expect(text).toContain('- two -> three');
  });

  it('that both added the file are merged without a base', () => {
    const { text, conflicts } = merge(
      base,
      change(['# Tickets\n', ''], ['  - two -> three\n', '  - two -> three\n  - one -> three\n']),
      { base: '' },
    );
    expect([text.includes('# Tickets'), text.includes('- one -> three'), conflicts]).toEqual([true, true, []]);
  });

  it('of which one renamed a step that the other names in an expression still point at that step', () => {
    const named = change(['one: { uses', 'one: { name: First, uses']);
    const ours = named.replace('name: First', 'name: Begin');
    const theirs = named.replace(
      'three: { uses: items.set, config: { fields: { a: 1',
      `three: { uses: items.set, config: { fields: { a: "=$('First').first()"`,
    );
    const { text, conflicts } = merge(ours, theirs, { base: named });
    expect(text).toContain('one: { name: Begin, uses');
    expect(text).toContain(`three: { uses: items.set, config: { fields: { a: "=$('one').first()" } } } # the last`);
    expect(conflicts).toEqual([]);
  });

  it('keep the line ends of ours', () => {
    const ours = change(['name: Tickets', 'name: Orders']).replaceAll('\n', '\r\n');
    const { text } = merge(ours, change(['a: 1, b', 'a: 2, b']));
    expect(text).toBe(change(['name: Tickets', 'name: Orders'], ['a: 1, b', 'a: 2, b']).replaceAll('\n', '\r\n'));
  });

  it('of which one cannot be read are not merged, and it is told which and where', () => {
    const broken = change(['edges:', 'edges: [']);
    const refused = (message: RegExp) =>
      expect.objectContaining({ code: 'project.invalid', message: expect.stringMatching(message) });
    expect(() => merge(broken, base)).toThrow(
      refused(/^workflows\/main.yaml as it is on this branch cannot be read: line \d+: /),
    );
    expect(() => merge(base, broken)).toThrow(refused(/on the other branch/));
    expect(() => merge(base, base, { base: broken })).toThrow(refused(/where both come from/));
    expect(() => merge(base, change(['5e6a01', '5e6a02']))).toThrow(refused(/another workflow on each branch/));
    expect(() => merge(base, base, { path: 'README.md' })).toThrow(refused(/no file that is merged/));
    expect(merge(base, base).text).toBe(base);
  });
});

describe('other files', () => {
  it('as scripts are merged by line, ours where both changed one', () => {
    const script = { path: 'scripts/a.ts', base: 'one\ntwo\nthree\n' };
    expect(merge('1\ntwo\nthree\n', 'one\ntwo\n3\n', script)).toEqual({ text: '1\ntwo\n3\n', conflicts: [] });
    const clash = merge('1\ntwo\nthree\n', 'I\ntwo\nIII\n', script);
    expect(clash.text).toBe('1\ntwo\nIII\n');
    expect(clash.conflicts).toMatchObject([
      { kind: 'text', path: ['scripts', 'a.ts'], chosen: 'ours', theirs: 'I\ntwo\nIII\n' },
    ]);
  });

  it('as variables and connections are merged by field', () => {
    const vars = (b: number, c: number) => `vars:\n  a: 1 # one\n  b: ${b}\n  c: ${c}\n`;
    expect(merge(vars(2, 1), vars(1, 2), { path: 'environments/local.yaml', base: vars(1, 1) })).toEqual({
      text: vars(2, 2),
      conflicts: [],
    });
    const connections = (...names: string[]) => names.map((name) => `${name}: { connector: http }\n`).join('');
    expect(
      merge(connections('a', 'b'), connections('a', 'c'), { path: 'connections.yaml', base: connections('a') }),
    ).toEqual({ text: connections('a', 'b', 'c'), conflicts: [] });
  });
});
