import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyOps, diffTrees } from '#shared/merge/ops.ts';
import { diffLines } from '#shared/merge/textHunks.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { getIn } from '#shared/workflow/plainData.ts';
import { DEFAULT_SETTINGS, parseEdge, type Tree } from '#shared/workflow/tree.ts';
import { mergeFile } from './mergeFile.ts';

const WF = '0199f2c4-0002-7000-8000-000000000002';
const ids = ['a', 'b', 'c', 'd', 'e'];
const step = (uses = 'items.set') => ({
  uses,
  version: 1,
  name: uses,
  config: { x: 1, y: 1 },
  onError: 'stop' as const,
  mode: 'each' as const,
});

const base: Tree = {
  project: { id: '0199f2c4-0002-7000-8000-000000000001', name: 'Base', format: 1 },
  workflows: {
    [WF]: {
      slug: 'main',
      name: 'Main',
      settings: DEFAULT_SETTINGS,
      steps: Object.fromEntries(ids.map((id) => [id, { ...step(), name: id }])),
      edges: { 'a.main->b.main': {}, 'b.main->c.main': {}, 'c.main->d.main': {}, 'd.main->e.main': {} },
      layout: Object.fromEntries(ids.map((id, i) => [id, [i, 0] as [number, number]])),
    },
  },
  scripts: { 'x.ts': 'one\ntwo\nthree\nfour\nfive\n' },
  machines: {},
  environments: { local: { vars: { n: 1 }, bindings: {} } },
  connections: {},
  tests: {},
  pins: {},
};
const workflow = (tree: Tree) => tree.workflows[WF] as Tree['workflows'][string];
const edit = (tree: Tree, ...edits: Edit[]) => edits.reduce(applyEdit, tree);
const setConfig = (stepId: string, path: string[], value: number): Edit => ({
  type: 'setConfig',
  workflowId: WF,
  stepId,
  path,
  value,
});
const removeStep = (stepId: string): Edit => ({ type: 'removeStep', workflowId: WF, stepId });
const setScript = (text: string): Edit => ({ type: 'setScript', path: 'x.ts', text });

test('changes of different fields of one step both stay', () => {
  const { tree, superseded } = mergeFile(
    base,
    edit(base, setConfig('b', ['x'], 2)),
    edit(base, setConfig('b', ['y'], 3)),
  );
  expect(workflow(tree).steps.b?.config).toEqual({ x: 2, y: 3 });
  expect(superseded).toEqual([]);
});

test('of one field the other side’s value stands, and ours can be brought back', () => {
  const ours = edit(base, setConfig('b', ['x'], 3));
  const { tree, superseded } = mergeFile(base, edit(base, setConfig('b', ['x'], 2)), ours);
  expect(workflow(tree).steps.b?.config).toEqual({ x: 2, y: 1 });
  expect(applyOps(tree, superseded)).toEqual(ours);
});

test('a step taken away here and changed there stands again with its edges and its place', () => {
  const { tree, superseded } = mergeFile(base, edit(base, setConfig('b', ['x'], 2)), edit(base, removeStep('b')));
  expect(workflow(tree).steps.b?.config.x).toBe(2);
  expect(Object.keys(workflow(tree).edges)).toEqual(expect.arrayContaining(['a.main->b.main', 'b.main->c.main']));
  expect(workflow(tree).layout.b).toEqual([1, 0]);
  expect(superseded).toMatchObject([{ op: 'del', path: ['workflows', WF, 'steps', 'b'] }]);
});

test('a step taken away there and changed here is kept as superseded, with the edges we drew to it', () => {
  const ours = edit(base, setConfig('b', ['x'], 3), { type: 'addEdge', workflowId: WF, edge: 'e.main->b.main' });
  const { tree, superseded } = mergeFile(base, edit(base, removeStep('b')), ours);
  expect(workflow(tree).steps.b).toBeUndefined();
  expect(superseded.map(({ path }) => path.slice(2).join('/'))).toEqual(['steps/b', 'edges/e.main->b.main']);
  expect(workflow(applyOps(tree, superseded)).steps.b?.config.x).toBe(3);
});

test('two steps that were given one id are one against the other, never a mixture', () => {
  const add = (uses: string): Edit => ({
    type: 'addStep',
    workflowId: WF,
    stepId: 'new',
    uses,
    config: { [uses.slice(6)]: 1 },
  });
  const { tree, superseded } = mergeFile(base, edit(base, add('items.sort')), edit(base, add('items.limit')));
  expect(workflow(tree).steps.new).toMatchObject({ uses: 'items.sort', config: { sort: 1 } });
  expect(superseded).toMatchObject([{ op: 'set', value: { uses: 'items.limit' } }]);
});

test('the first pins of both sides both stay', () => {
  const pin = (stepId: string): Edit => ({ type: 'setPin', workflowId: WF, stepId, hash: 'a'.repeat(64), bytes: 1 });
  const { tree, superseded } = mergeFile(base, edit(base, pin('a')), edit(base, pin('b')));
  expect(Object.keys(tree.pins[WF] ?? {}).sort()).toEqual(['a', 'b']);
  expect(superseded).toEqual([]);
});

test('different lines of a script both stay; of the same line the other side’s text stands', () => {
  const theirs = edit(base, setScript('ONE\ntwo\nthree\nfour\nfive\n'));
  const apart = mergeFile(base, theirs, edit(base, setScript('one\ntwo\nthree\nfour\nFIVE\nsix\n')));
  expect(apart).toMatchObject({ tree: { scripts: { 'x.ts': 'ONE\ntwo\nthree\nfour\nFIVE\nsix\n' } }, superseded: [] });
  const clash = mergeFile(base, theirs, edit(base, setScript('1\ntwo\nthree\nfour\nfive\n')));
  expect(clash).toMatchObject({ tree: theirs, superseded: [{ op: 'set', value: '1\ntwo\nthree\nfour\nfive\n' }] });
});

const anEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc
    .record({
      stepId: fc.constantFrom(...ids),
      path: fc.constantFrom('x', 'y', 'z').map((key) => [key]),
      value: fc.integer({ min: 2, max: 5 }),
    })
    .map(({ stepId, path, value }) => setConfig(stepId, path, value)),
  fc.constantFrom(...ids).map(removeStep),
  fc
    .constantFrom(...ids)
    .map((stepId): Edit => ({ type: 'moveSteps', workflowId: WF, positions: { [stepId]: [9, 9] } })),
  fc
    .tuple(fc.constantFrom(...ids), fc.constantFrom(...ids))
    .map(([from, to]): Edit => ({ type: 'addEdge', workflowId: WF, edge: `${from}.main->${to}.main` })),
  fc
    .constantFrom(...Object.keys(workflow(base).edges))
    .map((key): Edit => ({ type: 'removeEdge', workflowId: WF, edge: key })),
  fc
    .constantFrom('f', 'g')
    .chain((stepId) =>
      fc
        .constantFrom('items.sort', 'items.limit')
        .map((uses): Edit => ({ type: 'addStep', workflowId: WF, stepId, uses, from: { stepId: 'a', port: 'main' } })),
    ),
  fc
    .integer({ min: 2, max: 4 })
    .map((value): Edit => ({ type: 'setVariable', environment: 'local', name: 'n', value })),
  fc
    .constantFrom('one', 'ONE', '1')
    .chain((first) =>
      fc.constantFrom('five', 'FIVE').map((last) => setScript(`${first}\ntwo\nthree\nfour\n${last}\n`)),
    ),
);

/** The tree after those edits that fit it. */
function edited(edits: Edit[]): Tree {
  return edits.reduce((tree, one) => {
    try {
      return applyEdit(tree, one);
    } catch {
      return tree;
    }
  }, base);
}

test('whatever both sides do: nothing hangs loose, and of ours nothing is gone without being kept', () => {
  const sides = fc.array(anEdit, { maxLength: 8 }).map(edited);
  fc.assert(
    fc.property(sides, sides, (file, ours) => {
      const { tree, superseded } = mergeFile(base, file, ours);
      const { steps, edges, layout } = workflow(tree);
      for (const key of Object.keys(edges)) {
        const { from, to } = parseEdge(key);
        expect(steps[from] && steps[to], key).toBeDefined();
      }
      for (const stepId of Object.keys(layout)) expect(steps[stepId], stepId).toBeDefined();

      const kept = superseded.map(({ path }) => path.join('/'));
      const stepsBack = superseded
        .filter(({ op, path }) => op === 'del' && path[2] === 'steps')
        .map(({ path }) => path[3]);
      for (const op of diffTrees(base, ours).ops) {
        const path = op.path.join('/');
        const covered = kept.some((one) => path === one || path.startsWith(`${one}/`));
        const now = getIn(tree, op.path);
        const wanted = getIn(ours, op.path);
        if (covered || merkleHash(now ?? null) === merkleHash(wanted ?? null)) continue;
        if (op.path[0] === 'scripts') {
          const lines = diffLines(base.scripts['x.ts'] ?? '', String(wanted)).flatMap(([, , put]) => put);
          expect(String(now).split('\n')).toEqual(expect.arrayContaining(lines));
        } else if (op.path[2] === 'edges') {
          // Only an edge that belongs to a step that stands again comes back with it.
          const { from, to } = parseEdge(op.path[3] ?? '');
          expect([stepsBack.includes(from), stepsBack.includes(to)], path).toContain(true);
        } else expect(op.path[2], `${path} of ours is lost`).toBe('layout');
      }
    }),
    { numRuns: 1_000, seed: 20_261_120 },
  );
});

test('when only one side changed, that side is the result', () => {
  fc.assert(
    fc.property(fc.array(anEdit, { maxLength: 8 }).map(edited), (changed) => {
      expect(merkleHash(mergeFile(base, changed, base).tree)).toBe(merkleHash(changed));
      expect(merkleHash(mergeFile(base, base, changed).tree)).toBe(merkleHash(changed));
      expect(merkleHash(mergeFile(base, changed, changed).tree)).toBe(merkleHash(changed));
    }),
    { numRuns: 300, seed: 20_261_120 },
  );
});
