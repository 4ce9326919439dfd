import { describe, expect, it } from 'vitest';
import { applyEdit, type Edit } from '../workflow/edit.ts';
import { setIn } from '../workflow/plainData.ts';
import { DEFAULT_SETTINGS, type Step, type Tree } from '../workflow/tree.ts';
import type { Conflict } from './conflict.ts';
import { mergeTrees } from './mergeTrees.ts';

const workflowId = '0199f2c4-0002-7000-8000-000000000002';
const wf = ['workflows', workflowId];
const pathOfStep = (id: string) => [...wf, 'steps', id];
const step = (name: string, uses = 'items.set'): Step => ({
  uses,
  version: 1,
  name,
  config: { x: 1, y: 1, list: [1, 2] },
  onError: 'stop',
  mode: 'each',
});
const ids = ['a', 'b', 'c', 'd', 'e'];
const base: Tree = {
  project: { id: '0199f2c4-0002-7000-8000-000000000001', name: 'Base', format: 1 },
  workflows: {
    [workflowId]: {
      slug: 'main',
      name: 'Main',
      settings: DEFAULT_SETTINGS,
      steps: Object.fromEntries(ids.map((id) => [id, step(id.toUpperCase())])),
      edges: { 'a.main->b.main': {}, 'b.main->c.main': {}, 'c.main->d.main': {}, 'd.main->e.main': {} },
      layout: Object.fromEntries(ids.map((id, i) => [id, [i, 0] as [number, number]])),
    },
  },
  scripts: { 'x.ts': 'one\ntwo\nthree\nfour\nfive\n' },
  machines: { order: { initial: 'new', states: { new: { on: { pay: { target: 'paid' } } }, paid: { final: true } } } },
  environments: { local: { vars: { n: 1, m: 1 }, bindings: {} } },
  connections: { tracker: { connector: 'http' } },
  tests: {},
  pins: {},
};

const edit = (...edits: Edit[]) => edits.reduce(applyEdit, base);
const config = (stepId: string, path: string[], value: Step['config'][string]): Edit => ({
  type: 'setConfig',
  workflowId,
  stepId,
  path,
  value,
});
const remove = (stepId: string): Edit => ({ type: 'removeStep', workflowId, stepId });
const move = (stepId: string, x: number): Edit => ({ type: 'moveSteps', workflowId, positions: { [stepId]: [x, 9] } });
const connect = (edge: string): Edit => ({ type: 'addEdge', workflowId, edge });
const rename = (stepId: string, name: string): Edit => ({ type: 'renameStep', workflowId, stepId, name });
const script = (text: string, path = 'x.ts'): Edit => ({ type: 'setScript', path, text });
const pin = (stepId: string): Edit => ({ type: 'setPin', workflowId, stepId, hash: 'a'.repeat(64), bytes: 1 });
const add = (uses: string, more: Partial<Extract<Edit, { type: 'addStep' }>> = {}): Edit => ({
  type: 'addStep',
  workflowId,
  stepId: 'new',
  uses,
  ...more,
});

/** Both edits merged in this order of sides, and in the other. */
const merge = (theirs: Tree | Edit[], ours: Tree | Edit[]) =>
  mergeTrees({
    base,
    theirs: Array.isArray(theirs) ? edit(...theirs) : theirs,
    ours: Array.isArray(ours) ? edit(...ours) : ours,
  });
const main = (tree: Tree) => tree.workflows[workflowId] as Tree['workflows'][string];
const edges = (tree: Tree) => Object.keys(main(tree).edges).sort();
const told = (conflicts: Conflict[]) =>
  conflicts.map(({ kind, path, chosen }) => `${kind} ${path.slice(2).join('/')}: ${chosen}`);

describe('two sides of a project', () => {
  it('keep all changes of different places, without a word', () => {
    const { tree, conflicts } = merge(
      [config('b', ['x'], 2), move('c', 7), rename('d', 'Dee'), { type: 'renameProject', name: 'New' }],
      [
        config('b', ['y'], 3),
        config('c', ['x'], 4),
        move('d', 8),
        { type: 'setSettings', workflowId, settings: { ...DEFAULT_SETTINGS, concurrency: 3 } },
        { type: 'setVariable', environment: 'local', name: 'm', value: 2 },
      ],
    );
    expect(conflicts).toEqual([]);
    expect(main(tree).steps.b?.config).toMatchObject({ x: 2, y: 3 });
    expect(main(tree)).toMatchObject({ layout: { c: [7, 9], d: [8, 9] }, settings: { concurrency: 3 } });
    expect([main(tree).steps.c?.config.x, main(tree).steps.d?.name, tree.project.name]).toEqual([4, 'Dee', 'New']);
    expect(tree.environments.local?.vars).toEqual({ n: 1, m: 2 });
  });

  it('that changed one field keep theirs in the tree and both in a conflict', () => {
    const { tree, conflicts } = merge([config('b', ['x'], 2)], [config('b', ['x'], 3)]);
    expect(main(tree).steps.b?.config.x).toBe(2);
    const path = [...pathOfStep('b'), 'config', 'x'];
    expect(conflicts).toEqual([{ path, kind: 'value', base: 1, theirs: 2, ours: 3, chosen: 'theirs' }]);
    expect(merge([config('b', ['x'], 2)], [config('b', ['x'], 2)]).conflicts).toEqual([]);
  });

  it('tell an absent answer from null', () => {
    const { tree, conflicts } = merge([config('b', ['new'], null)], [config('b', ['new'], 3)]);
    expect(main(tree).steps.b?.config.new).toBeNull();
    expect(conflicts).toEqual([
      { path: [...pathOfStep('b'), 'config', 'new'], kind: 'value', theirs: null, ours: 3, chosen: 'theirs' },
    ]);
  });

  it('that changed one list have two lists: elements are never mixed', () => {
    const { tree, conflicts } = merge([config('b', ['list'], [1, 2, 3])], [config('b', ['list'], [0, 1, 2])]);
    expect(main(tree).steps.b?.config.list).toEqual([1, 2, 3]);
    expect(told(conflicts)).toEqual(['value steps/b/config/list: theirs']);
  });

  it('that gave one step two names keep theirs', () => {
    const { tree, conflicts } = merge([rename('b', 'Bee')], [rename('b', 'Beh')]);
    expect(main(tree).steps.b?.name).toBe('Bee');
    expect(conflicts).toMatchObject([{ kind: 'value', base: 'B', theirs: 'Bee', ours: 'Beh' }]);
  });

  it('that moved one step keep their place, and tell it', () => {
    const { tree, conflicts } = merge([move('b', 5)], [move('b', 6)]);
    expect(main(tree).layout.b).toEqual([5, 9]);
    expect(told(conflicts)).toEqual(['layout layout/b: theirs']);
  });

  it('that drew the same arrow have one', () => {
    const both = [connect('a.main->e.main')];
    const { tree, conflicts } = merge(both, both);
    expect([edges(tree).filter((key) => key.startsWith('a.')), conflicts]).toEqual([
      ['a.main->b.main', 'a.main->e.main'],
      [],
    ]);
  });

  it('that turned one step into different types have two steps, not a mixture', () => {
    const turn = (value: string, field: string): Edit[] => [
      { type: 'setStep', workflowId, stepId: 'b', field: 'uses', value },
      config('b', [], { [field]: 1 }),
    ];
    const { tree, conflicts } = merge(turn('items.sort', 'by'), turn('items.limit', 'count'));
    expect(main(tree).steps.b).toMatchObject({ uses: 'items.sort', config: { by: 1 } });
    expect(conflicts).toMatchObject([{ kind: 'value', path: pathOfStep('b'), ours: { config: { count: 1 } } }]);
  });
});

describe.each(['theirs', 'ours'] as const)('a step that the side other than %s took away', (editor) => {
  const deleter = editor === 'theirs' ? 'ours' : 'theirs';
  /** What the editor did, against a removal by the other. */
  const against = (stepId: string, ...edits: Edit[]) =>
    editor === 'ours' ? merge([remove(stepId)], edits) : merge(edits, [remove(stepId)]);

  it('is kept where it was changed, with its arrows and its place, and without the arrow around it', () => {
    const { tree, conflicts } = against('b', config('b', ['x'], 2));
    expect(main(tree).steps.b?.config.x).toBe(2);
    expect(edges(tree)).toEqual(edges(base));
    expect(main(tree).layout.b).toEqual([1, 0]);
    expect(told(conflicts)).toEqual([
      `delete_vs_edit steps/b: ${editor}`,
      `delete_vs_edit edges/a.main->c.main: ${editor}`,
    ]);
    expect(conflicts[0]).toMatchObject({ base: { config: { x: 1 } }, [editor]: { config: { x: 2 } } });
    expect(conflicts[0]).not.toHaveProperty(deleter);
    expect(conflicts[1]).toMatchObject({ [deleter]: {} });
  });

  it('is kept where an arrow was drawn to it, or an expression names it by id or name', () => {
    for (const one of [
      connect('e.main->b.next'),
      config('d', ['z'], "=$('b').first()"),
      config('d', ['z'], "{{ $('B').first() }}"),
      add('items.sort', { config: { from: "=$('b').all()" } }),
    ]) {
      const { tree, conflicts } = against('b', one);
      expect(main(tree).steps.b).toEqual(main(base).steps.b);
      expect(edges(tree)).toEqual(expect.arrayContaining(edges(base)));
      expect(told(conflicts)[0]).toBe(`delete_vs_reference steps/b: ${editor}`);
    }
  });

  it('is kept where a step that is kept names it, though it did so before', () => {
    const before = edit(config('d', ['z'], "=$('c').first()"), config('c', ['z'], "=$('B').first()"));
    const [gone, changed] = [
      [remove('b'), remove('c'), remove('d')].reduce(applyEdit, before),
      applyEdit(before, config('d', ['x'], 5)),
    ];
    const sides = editor === 'ours' ? { theirs: gone, ours: changed } : { theirs: changed, ours: gone };
    const { tree, conflicts } = mergeTrees({ base: before, ...sides });
    expect(Object.keys(main(tree).steps).sort()).toEqual(ids);
    expect(told(conflicts).filter((one) => one.includes('steps/'))).toEqual([
      `delete_vs_reference steps/b: ${editor}`,
      `delete_vs_reference steps/c: ${editor}`,
      `delete_vs_edit steps/d: ${editor}`,
    ]);
  });

  it('is kept where its data were pinned', () => {
    const { tree, conflicts } = against('b', pin('b'));
    expect(tree.pins[workflowId]).toHaveProperty('b');
    expect(told(conflicts)[0]).toBe(`delete_vs_edit steps/b: ${editor}`);
  });

  it('stays away where it was only moved', () => {
    const { tree, conflicts } = against('b', move('b', 5));
    expect(tree).toEqual(edit(remove('b')));
    expect(conflicts).toEqual([
      { path: [...wf, 'layout', 'b'], kind: 'layout_of_deleted', base: [1, 0], [editor]: [5, 9], chosen: deleter },
    ]);
  });

  it('stays away where only its neighbours were changed, or an arrow of it was taken away', () => {
    const { tree, conflicts } = against(
      'b',
      config('c', ['x'], 5),
      { type: 'removeEdge', workflowId, edge: 'b.main->c.main' },
      pin('a'),
    );
    expect(main(tree).steps).not.toHaveProperty('b');
    expect([main(tree).steps.c?.config.x, Object.keys(tree.pins[workflowId] ?? {}), conflicts]).toEqual([5, ['a'], []]);
  });

  it('is kept whole where the workflow went with it', () => {
    const without: Edit[] = [{ type: 'removeWorkflow', workflowId }];
    const both = (...edits: Edit[]) => (editor === 'ours' ? merge(without, edits) : merge(edits, without));
    expect(both(config('b', ['x'], 2)).tree).toEqual(edit(config('b', ['x'], 2)));
    expect(both(config('b', ['x'], 2)).conflicts).toMatchObject([{ kind: 'delete_vs_edit', path: wf, chosen: editor }]);
    expect(both(pin('b')).tree).toEqual(edit(pin('b')));
    const moved = both(move('b', 2));
    expect(moved.tree.workflows).toEqual({});
    expect(moved.conflicts).toMatchObject([
      { kind: 'layout_of_deleted', path: [...wf, 'layout'], base: main(base).layout, chosen: deleter },
    ]);
  });
});

describe('steps that each side took away', () => {
  it('and the other changed are both kept, with the arrow between them', () => {
    const { tree, conflicts } = merge([remove('b'), config('c', ['x'], 2)], [remove('c'), config('b', ['x'], 3)]);
    expect([main(tree).steps.b?.config.x, main(tree).steps.c?.config.x]).toEqual([3, 2]);
    expect(edges(tree)).toEqual(edges(base));
    expect(conflicts.map(({ path }) => path.slice(2).join('/'))).toEqual([
      'steps/b',
      'edges/a.main->c.main',
      'steps/c',
      'edges/b.main->d.main',
    ]);
  });

  it('are gone where both took them away', () => {
    const { tree, conflicts } = merge([remove('b')], [remove('b'), config('c', ['x'], 2)]);
    expect(tree).toEqual(edit(remove('b'), config('c', ['x'], 2)));
    expect(conflicts).toEqual([]);
  });
});

describe('a circle', () => {
  const circle = (theirs: Edit[], ours: Edit[]) =>
    merge(theirs, ours)
      .conflicts.filter(({ kind }) => kind === 'cycle')
      .map(({ path, chosen }) => [path.at(-1), chosen]);

  it('that an arrow of each closes stands, with a record of ours', () => {
    const without: Edit = { type: 'removeEdge', workflowId, edge: 'c.main->d.main' };
    expect(circle([connect('d.main->a.main'), without], [connect('b.main->d.main')])).toEqual([
      ['b.main->d.main', 'both'],
    ]);
    expect(circle([connect('d.main->a.main')], [connect('b.main->d.main')])).toEqual([]);
  });

  it('that a step closes which is kept although they took it away has a record, too', () => {
    const theirs = [remove('c'), { type: 'removeEdge', workflowId, edge: 'b.main->d.main' } as Edit];
    expect(circle([...theirs, connect('e.main->a.main')], [config('c', ['x'], 2)])).toEqual([
      ['b.main->c.main', 'both'],
    ]);
  });
});

describe('a step that both added under one id', () => {
  it('of different types is two: ours is renamed, and what points at it follows', () => {
    const test: Edit = {
      type: 'addCase',
      slug: 'mine',
      case: {
        name: 'Mine',
        workflow: workflowId,
        trigger: 'new',
        items: [],
        effects: { new: [{}] },
        expect: { steps: { new: [1] }, notRun: ['new', 'a'] },
      },
    };
    const { tree, conflicts } = merge(
      [add('items.sort', { from: { stepId: 'a', port: 'main' }, config: { by: 1 } })],
      [
        add('items.limit', { from: { stepId: 'c', port: 'main' }, config: { count: 1 }, position: [4, 4] }),
        config('d', ['z'], "=$('new').first() ?? $('a').first()"),
        pin('new'),
        test,
      ],
    );
    const renamedTo = conflicts[0]?.renamedTo as string;
    expect(conflicts).toEqual([
      {
        path: pathOfStep('new'),
        kind: 'add_add_renamed',
        theirs: expect.objectContaining({ uses: 'items.sort' }),
        ours: expect.objectContaining({ uses: 'items.limit' }),
        chosen: 'both',
        renamedTo,
      },
    ]);
    expect(renamedTo).toMatch(/^new_[0-9a-f]{4}$/);
    expect(main(tree).steps.new).toMatchObject({ uses: 'items.sort', config: { by: 1 } });
    expect(main(tree).steps[renamedTo]).toMatchObject({ uses: 'items.limit', name: renamedTo, config: { count: 1 } });
    expect(edges(tree)).toEqual([...edges(base), 'a.main->new.main', `c.main->${renamedTo}.main`].sort());
    expect(main(tree).layout[renamedTo]).toEqual([4, 4]);
    expect(main(tree).steps.d?.config.z).toBe(`=$('${renamedTo}').first() ?? $('a').first()`);
    expect(Object.keys(tree.pins[workflowId] ?? {})).toEqual([renamedTo]);
    expect(tree.tests.mine).toMatchObject({
      trigger: renamedTo,
      effects: { [renamedTo]: [{}] },
      expect: { steps: { [renamedTo]: [1] }, notRun: [renamedTo, 'a'] },
    });
  });

  it('of one type is one step with two answers, never a mixture', () => {
    const { tree, conflicts } = merge(
      [add('items.set', { config: { p: 1 } })],
      [add('items.set', { config: { q: 1 }, from: { stepId: 'a', port: 'main' } })],
    );
    expect(main(tree).steps.new?.config).toEqual({ p: 1 });
    expect(edges(tree)).toContain('a.main->new.main');
    expect(conflicts).toMatchObject([{ kind: 'value', path: pathOfStep('new'), ours: { config: { q: 1 } } }]);
  });
});

describe('scripts', () => {
  it('have the changed lines of both, and of the same line theirs', () => {
    const apart = merge([script('ONE\ntwo\nthree\nfour\nfive\n')], [script('one\ntwo\nthree\nfour\nFIVE\nsix\n')]);
    expect(apart).toMatchObject({ tree: { scripts: { 'x.ts': 'ONE\ntwo\nthree\nfour\nFIVE\nsix\n' } }, conflicts: [] });
    const clash = merge([script('1\ntwo\nthree\nfour\nfive\n')], [script('I\ntwo\nthree\nfour\nV\n')]);
    expect(clash.tree.scripts['x.ts']).toBe('1\ntwo\nthree\nfour\nV\n');
    expect(clash.conflicts).toMatchObject([{ kind: 'text', theirs: /^1/, ours: /^I/, chosen: 'theirs' }].map(matching));
  });

  it('that one side renamed take the changes of the other along', () => {
    const renamed = [script(base.scripts['x.ts'] as string, 'y.ts'), { type: 'removeScript', path: 'x.ts' } as Edit];
    const changed = [script('ONE\ntwo\nthree\nfour\nfive\n')];
    for (const { tree, conflicts } of [merge(renamed, changed), merge(changed, renamed)]) {
      expect(tree.scripts).toEqual({ 'y.ts': 'ONE\ntwo\nthree\nfour\nfive\n' });
      expect(conflicts).toEqual([]);
    }
  });

  it('that both added have theirs, and ours in a conflict', () => {
    const { tree, conflicts } = merge([script('a\n', 'n.ts')], [script('b\n', 'n.ts')]);
    expect(tree.scripts['n.ts']).toBe('a\n');
    expect(conflicts).toMatchObject([{ kind: 'text', path: ['scripts', 'n.ts'], ours: 'b\n' }]);
  });
});

/** The text in a conflict, by a pattern. */
function matching({ theirs, ours, ...rest }: { theirs: RegExp; ours: RegExp; kind: string; chosen: string }) {
  return { ...rest, theirs: expect.stringMatching(theirs), ours: expect.stringMatching(ours) };
}

describe('the rest of a project', () => {
  it('is merged per field, or as one thing where its fields belong together', () => {
    const environment = (name: string, value: number): Edit[] => [
      { type: 'setVariable', environment: 'staging', name, value },
      { type: 'setConnection', name, connector: name },
    ];
    const { tree, conflicts } = merge(environment('p', 1), environment('q', 2));
    expect(tree.environments.staging).toEqual({ vars: { p: 1, q: 2 }, bindings: {} });
    expect(Object.keys(tree.connections).sort()).toEqual(['p', 'q', 'tracker']);
    expect(conflicts).toEqual([]);

    const pins = merge(
      [pin('a')],
      [{ type: 'setPin', workflowId, stepId: 'a', hash: 'b'.repeat(64), bytes: 2 }, pin('b')],
    );
    expect(pins.tree.pins[workflowId]).toEqual({
      a: { hash: 'a'.repeat(64), bytes: 1 },
      b: { hash: 'a'.repeat(64), bytes: 1 },
    });
    expect(pins.conflicts).toMatchObject([{ kind: 'value', path: ['pins', workflowId, 'a'], ours: { bytes: 2 } }]);
  });

  it('of which one side took away what the other changed is kept', () => {
    const { tree, conflicts } = merge(
      [{ type: 'setEnvironment', name: 'local' }],
      [{ type: 'setVariable', environment: 'local', name: 'n', value: 5 }],
    );
    expect(tree.environments.local?.vars).toEqual({ n: 5, m: 1 });
    expect(conflicts).toMatchObject([{ kind: 'delete_vs_edit', path: ['environments', 'local'], chosen: 'ours' }]);
  });

  it('as a state machine is merged per state', () => {
    const machine = (path: string[], value: number) => setIn(base, ['machines', 'order', ...path], value) as Tree;
    const { tree, conflicts } = merge(
      machine(['states', 'new', 'on', 'pay', 'weight'], 1),
      machine(['states', 'paid', 'weight'], 2),
    );
    expect(tree.machines.order).toMatchObject({ states: { new: { on: { pay: { weight: 1 } } }, paid: { weight: 2 } } });
    expect(conflicts).toEqual([]);
  });

  it('keeps the order of theirs, and ours after it', () => {
    const { tree } = merge([add('items.sort', { stepId: 'zz' })], [add('items.sort', { stepId: 'aa' })]);
    expect(Object.keys(main(tree).steps)).toEqual([...ids, 'zz', 'aa']);
  });
});
