import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawn } from '../../tests/fixtures/drawn.ts';
import { applyEdit, type Edit } from '../workflow/edit.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from '../workflow/example.fixture.ts';
import { canonicalText, merkleHash } from '../workflow/hash.ts';
import { setIn } from '../workflow/plainData.ts';
import { readProject } from '../workflow/readProject.ts';
import type { Tree } from '../workflow/tree.ts';
import { applyCommit, applyOps, Commit, commitOf, diffTrees, type Op, rebase } from './ops.ts';
import { applyHunks, diffLines } from './textHunks.ts';

fc.configureGlobal(drawn);

const tree = readProject(EXAMPLE_FILES, EXAMPLE_CATALOG).tree as Tree;
const workflowId = TRIAGE;
const wf = ['workflows', TRIAGE];
const edit = (from: Tree, ...edits: Edit[]): Tree => edits.reduce(applyEdit, from);
const setBatch = (value: number): Edit => ({
  type: 'setConfig',
  workflowId,
  stepId: 'each_h6v2',
  path: ['batch'],
  value,
});
const about = {
  commitId: '0199f2c5-0000-7000-8000-000000000001',
  deviceId: '0199f2c0-0000-7000-8000-000000000009',
  baseRevision: 41,
  origin: 'canvas',
} as const;
/** A commit with these edits on the example, as it comes off the wire. */
const commit = (...edits: Edit[]): Commit =>
  Commit.parse(JSON.parse(JSON.stringify(commitOf(tree, edit(tree, ...edits), about))));
const mustRebase = (paths: string[][]) =>
  expect.objectContaining({ code: 'project.rebase_required', details: { paths } });

describe('diffTrees', () => {
  it('names the smallest change, as in the format', () => {
    const next = edit(tree, setBatch(20), {
      type: 'removeEdge',
      workflowId,
      edge: 'post_d5w6.error->failed_x0b4.main',
    });
    expect(diffTrees(tree, next)).toEqual({
      ops: [
        { op: 'set', path: [...wf, 'steps', 'each_h6v2', 'config', 'batch'], value: 20, was: merkleHash(10) },
        { op: 'del', path: [...wf, 'edges', 'post_d5w6.error->failed_x0b4.main'], was: merkleHash({}) },
      ],
      mustExist: [],
    });
    expect(diffTrees(tree, structuredClone(tree))).toEqual({ ops: [], mustExist: [] });
  });

  it('sends a script’s changed lines only', () => {
    const long = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    const base = edit(tree, { type: 'setScript', path: 'score.ts', text: long.join('\n') });
    const next = edit(base, {
      type: 'setScript',
      path: 'score.ts',
      text: long.with(3, 'new').toSpliced(40, 2).join('\n'),
    });
    const { ops } = diffTrees(base, next);
    expect(ops).toEqual([
      {
        op: 'text',
        path: ['scripts', 'score.ts'],
        was: merkleHash(long.join('\n')),
        hunks: [
          [3, 1, ['new']],
          [40, 2, []],
        ],
      },
    ]);
    expect(applyOps(base, ops)).toEqual(next);
  });

  it('lists the steps that new edges and expressions point to, except those it makes', () => {
    const step = (stepId: string) => [...wf, 'steps', stepId];
    const next = edit(
      tree,
      {
        type: 'addStep',
        workflowId,
        stepId: 'new_1',
        uses: 'items.set',
        from: { stepId: 'fresh_2c7x', port: 'false' },
      },
      {
        type: 'setConfig',
        workflowId,
        stepId: 'failed_x0b4',
        path: ['fields', 'x'],
        value: "=$('seen_p1z3').first() ?? $('new_1').first()",
      },
    );
    expect(diffTrees(tree, next).mustExist).toEqual([step('seen_p1z3'), step('fresh_2c7x')]);
  });

  it('says the same whatever the order of the fields, and knows a variable named constructor', () => {
    const variable: Edit = { type: 'setVariable', environment: 'local', name: 'constructor', value: 1 };
    const next = edit(tree, variable, setBatch(20));
    const shuffled = JSON.parse(canonicalText(next)) as Tree;
    expect(diffTrees(next, shuffled).ops).toEqual([]);
    const { ops } = diffTrees(tree, next);
    expect(ops).toContainEqual({
      op: 'set',
      path: ['environments', 'local', 'vars', 'constructor'],
      value: 1,
      was: null,
    });
    const byPath = (a: Op, b: Op) => (a.path.join() < b.path.join() ? -1 : 1);
    expect(diffTrees(tree, shuffled).ops.sort(byPath)).toEqual(ops.sort(byPath));
    expect(diffTrees(next, tree).ops).toContainEqual(
      expect.objectContaining({ op: 'del', path: ['environments', 'local', 'vars', 'constructor'] }),
    );
  });

  it('is undone and done again by applyOps, whatever changed', () => {
    const changes = fc.array(
      fc.oneof(
        fc.integer({ min: 1, max: 99 }).map(setBatch),
        fc
          .constantFrom(...Object.keys(tree.workflows[TRIAGE]?.steps ?? {}))
          .map((stepId): Edit => ({ type: 'removeStep', workflowId, stepId })),
        fc
          .tuple(fc.constantFrom('a.ts', 'score.ts'), fc.array(fc.constantFrom('x', 'y', 'z'), { maxLength: 8 }))
          .map(([path, lines]): Edit => ({ type: 'setScript', path, text: lines.join('\n') })),
        fc
          .jsonValue({ maxDepth: 2 })
          .map((value): Edit => ({ type: 'setVariable', environment: 'local', name: 'x', value: value as never })),
        fc.constantFrom('a', 'b').map((name): Edit => ({ type: 'setConnection', name, connector: 'http' })),
        fc.integer().map((x): Edit => ({ type: 'moveSteps', workflowId, positions: { hook_k3f9: [x, 0] } })),
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const [a, b] = [first, second].map((edits) => edits.reduce(tolerant, tree)) as [Tree, Tree];
        expect(applyOps(a, diffTrees(a, b).ops)).toEqual(b);
        expect(merkleHash(applyOps(b, diffTrees(b, a).ops))).toBe(merkleHash(a));
      }),
    );
  });
});

/** Applies an edit where it still makes sense. */
function tolerant(from: Tree, one: Edit): Tree {
  try {
    return applyEdit(from, one);
  } catch {
    return from;
  }
}

describe('applyOps', () => {
  const batch = [...wf, 'steps', 'each_h6v2', 'config', 'batch'];

  it('changes nothing where something else stands than it expects, and names every such path', () => {
    const ops: Op[] = [
      { op: 'set', path: ['project', 'name'], value: 'New', was: merkleHash('Issue triage') },
      { op: 'set', path: batch, value: 20, was: merkleHash(11) },
      { op: 'set', path: [...wf, 'steps', 'gone', 'name'], value: 'x', was: null },
      { op: 'del', path: ['connections', 'tracker'], was: merkleHash('x') },
      { op: 'text', path: ['scripts', 'score.ts'], was: merkleHash('x'), hunks: [[0, 1, ['y']]] },
      { op: 'set', path: ['scripts', 'score.ts'], value: 'x', was: null },
    ];
    const before = JSON.stringify(tree);
    expect(() => applyOps(tree, ops)).toThrow(mustRebase(ops.slice(1).map(({ path }) => path)));
    expect(JSON.stringify(tree)).toBe(before);
  });

  it('takes what is already so', () => {
    const edge = [...wf, 'edges', 'hook_k3f9.main->fresh_2c7x.main'];
    expect(
      applyOps(tree, [
        { op: 'set', path: edge, value: {}, was: null },
        { op: 'del', path: ['scripts', 'none.ts'], was: merkleHash('x') },
      ]),
    ).toEqual(tree);
  });

  it('changes neither what came in nor what it has hashed on the way', () => {
    const config = batch.slice(0, -1);
    const was = tree.workflows[TRIAGE]?.steps.each_h6v2?.config as Record<string, number>;
    const put = { ...was, batch: 21 };
    const before = JSON.stringify(tree);
    const after = applyOps(tree, [
      { op: 'set', path: batch, value: 20, was: merkleHash(10) },
      // Already so: its hash is taken, and remembered.
      { op: 'set', path: config, value: { ...was, batch: 20 }, was: null },
      { op: 'set', path: batch, value: 19, was: merkleHash(20) },
      { op: 'set', path: config, value: put, was: merkleHash({ ...was, batch: 19 }) },
      { op: 'set', path: batch, value: 22, was: merkleHash(21) },
    ]);
    expect(after.workflows[TRIAGE]?.steps.each_h6v2?.config).toEqual({ ...was, batch: 22 });
    expect(merkleHash(after)).toBe(merkleHash(structuredClone(after)));
    expect(put.batch).toBe(21);
    expect(JSON.stringify(tree)).toBe(before);
  });

  it('applies in order, so that later ops see earlier ones', () => {
    const ops: Op[] = [
      { op: 'set', path: batch, value: 11, was: merkleHash(10) },
      { op: 'set', path: batch, value: 12, was: merkleHash(11) },
    ];
    expect(applyOps(tree, ops)).toEqual(edit(tree, setBatch(12)));
  });

  it('leaves no empty map of pins behind where two people took one away each, and makes it again', () => {
    const pin = (stepId: string): Edit => ({ type: 'setPin', workflowId, stepId, hash: 'a'.repeat(64), bytes: 1 });
    const unpin = (stepId: string): Edit => ({ type: 'removePin', workflowId, stepId });
    const both = edit(tree, pin('each_h6v2'), pin('count_t5n7'));
    const opsOf = (one: Edit) => diffTrees(both, edit(both, one)).ops;
    const none = applyOps(both, [...opsOf(unpin('each_h6v2')), ...opsOf(unpin('count_t5n7'))]);
    expect([none.pins, merkleHash(none)]).toEqual([tree.pins, merkleHash(tree)]);
    expect(applyOps(none, opsOf(pin('score_m4t8')))).toEqual(edit(none, pin('score_m4t8')));
  });
});

describe('a commit', () => {
  it('made against the head is taken as it is, and must give the result it says', () => {
    const one = commit(setBatch(20));
    expect(applyCommit({ revision: 41, tree }, one)).toEqual({ tree: edit(tree, setBatch(20)), rebased: false });
    expect(() => applyCommit({ revision: 41, tree }, { ...one, resultHash: '0'.repeat(64) })).toThrow(
      expect.objectContaining({ code: 'project.invalid' }),
    );
    expect(() => applyCommit({ revision: 40, tree }, one)).toThrow(
      expect.objectContaining({ code: 'project.rebase_required' }),
    );
    expect(() => applyCommit({ revision: 41, tree }, { ...one, format: 2 })).toThrow(
      expect.objectContaining({ code: 'client.upgrade_required' }),
    );
  });

  it('made against an older head is taken where others changed other things', () => {
    const head = edit(
      tree,
      { type: 'renameProject', name: 'Other' },
      { type: 'moveSteps', workflowId, positions: { each_h6v2: [1, 1] } },
    );
    const { tree: next, rebased } = applyCommit({ revision: 44, tree: head }, commit(setBatch(20)));
    expect(rebased).toBe(true);
    expect(next).toEqual(edit(head, setBatch(20)));
  });

  it('is taken where others did the very same', () => {
    const edge: Edit = { type: 'addEdge', workflowId, edge: 'count_t5n7.main->answer_r8j5.main' };
    expect(rebase(edit(tree, edge, setBatch(20)), commit(edge, setBatch(20)))).toEqual(edit(tree, edge, setBatch(20)));
  });

  it('is refused where others changed the same field', () => {
    expect(() => rebase(edit(tree, setBatch(15)), commit(setBatch(20)))).toThrow(
      mustRebase([[...wf, 'steps', 'each_h6v2', 'config', 'batch']]),
    );
  });

  it('is refused where it changes, connects or names a step that others removed', () => {
    const removed = edit(tree, { type: 'removeStep', workflowId, stepId: 'count_t5n7' });
    const step = [...wf, 'steps', 'count_t5n7'];
    expect(() =>
      rebase(removed, commit({ type: 'setConfig', workflowId, stepId: 'count_t5n7', path: ['new'], value: 1 })),
    ).toThrow(mustRebase([[...step, 'config', 'new']]));
    expect(() =>
      rebase(removed, commit({ type: 'addEdge', workflowId, edge: 'count_t5n7.main->answer_r8j5.main' })),
    ).toThrow(mustRebase([step]));
    expect(() =>
      rebase(
        removed,
        commit({
          type: 'setConfig',
          workflowId,
          stepId: 'failed_x0b4',
          path: ['fields', 'x'],
          value: "=$('count_t5n7').all()",
        }),
      ),
    ).toThrow(mustRebase([step]));
  });

  it('is refused where it removes a step that others changed, connected or named', () => {
    const removal = commit({ type: 'removeStep', workflowId, stepId: 'count_t5n7' });
    const changed = edit(tree, { type: 'renameStep', workflowId, stepId: 'count_t5n7', name: 'Count' });
    expect(() => rebase(changed, removal)).toThrow(mustRebase([[...wf, 'steps', 'count_t5n7']]));
    const edge = 'count_t5n7.main->answer_r8j5.main';
    expect(() => rebase(edit(tree, { type: 'addEdge', workflowId, edge }), removal)).toThrow(
      mustRebase([[...wf, 'edges', edge]]),
    );
    const named = edit(tree, {
      type: 'setConfig',
      workflowId,
      stepId: 'failed_x0b4',
      path: ['fields', 'x'],
      value: "=$('count_t5n7').all()",
    });
    expect(() => rebase(named, removal)).toThrow(mustRebase([[...wf, 'steps', 'failed_x0b4']]));
    const moved = edit(tree, { type: 'moveSteps', workflowId, positions: { count_t5n7: [1, 1] } });
    expect(() => rebase(moved, removal)).toThrow(mustRebase([[...wf, 'layout', 'count_t5n7']]));
    const pin: Edit = { type: 'setPin', workflowId, stepId: 'count_t5n7', hash: 'a'.repeat(64), bytes: 1 };
    expect(() => rebase(edit(tree, pin), removal)).toThrow(mustRebase([['pins', workflowId, 'count_t5n7']]));
    const removed = edit(tree, { type: 'removeStep', workflowId, stepId: 'count_t5n7' });
    const move: Edit = { type: 'moveSteps', workflowId, positions: { count_t5n7: [1, 1] } };
    for (const one of [pin, move])
      expect(() => rebase(removed, commit(one))).toThrow(mustRebase([[...wf, 'steps', 'count_t5n7']]));
    expect(rebase(edit(tree, setBatch(3)), removal)).toEqual(
      edit(tree, setBatch(3), { type: 'removeStep', workflowId, stepId: 'count_t5n7' }),
    );
  });

  it('is refused where it removes a workflow of which others pinned data', () => {
    const { [workflowId]: _gone, ...workflows } = tree.workflows;
    const { [workflowId]: _pins, ...pins } = tree.pins;
    const bare = { ...tree, pins };
    const removal = commitOf(bare, { ...bare, workflows }, about);
    const pin: Edit = { type: 'setPin', workflowId, stepId: 'count_t5n7', hash: 'a'.repeat(64), bytes: 1 };
    expect(() => rebase(edit(bare, pin), removal)).toThrow(mustRebase([['pins', workflowId]]));
    const renamed = edit(bare, { type: 'renameProject', name: 'Other' });
    expect(rebase(renamed, removal)).toEqual({ ...renamed, workflows });
  });

  it('is refused where one side takes a step away that the other names by the name it has', () => {
    const named = edit(tree, { type: 'renameStep', workflowId, stepId: 'count_t5n7', name: 'Count' });
    const refer: Edit = {
      type: 'setConfig',
      workflowId,
      stepId: 'failed_x0b4',
      path: ['fields', 'x'],
      value: "=$('Count').all()",
    };
    const away: Edit = { type: 'removeStep', workflowId, stepId: 'count_t5n7' };
    const made = (...edits: Edit[]) => commitOf(named, edit(named, ...edits), about);
    expect(() => rebase(edit(named, away), made(refer))).toThrow(mustRebase([[...wf, 'steps', 'count_t5n7']]));
    expect(() => rebase(edit(named, refer), made(away))).toThrow(mustRebase([[...wf, 'steps', 'failed_x0b4']]));
    expect(rebase(edit(named, setBatch(3)), made(refer))).toEqual(edit(named, setBatch(3), refer));
  });

  it('is refused where it takes something out of what others removed, but not where they took the same', () => {
    const path = ['batch'];
    const emptied = commit({ type: 'setConfig', workflowId, stepId: 'each_h6v2', path });
    const removed = edit(tree, { type: 'removeStep', workflowId, stepId: 'each_h6v2' });
    const place = [...wf, 'steps', 'each_h6v2', 'config', 'batch'];
    expect(() => rebase(removed, emptied)).toThrow(mustRebase([place]));
    const same = edit(tree, { type: 'setConfig', workflowId, stepId: 'each_h6v2', path });
    expect(rebase(same, emptied)).toEqual(same);
  });

  it('is refused where an arrow of it closes a circle, unless it was made against the head', () => {
    const edge = 'score_m4t8.main->fresh_2c7x.main';
    const drawn = commit({ type: 'addEdge', workflowId, edge });
    expect(() => rebase(edit(tree, setBatch(20)), drawn)).toThrow(mustRebase([[...wf, 'edges', edge]]));
    expect(applyCommit({ revision: 41, tree }, drawn).tree.workflows[TRIAGE]?.edges).toHaveProperty([edge]);
    // A step within a circle that is there is no new circle.
    const circle = edit(tree, { type: 'addEdge', workflowId, edge });
    const split: Edit = { type: 'addStep', workflowId, stepId: 'new', uses: 'items.set', splitEdge: edge };
    const ops = diffTrees(circle, edit(circle, split));
    expect(rebase(edit(circle, setBatch(20)), { ...drawn, ...ops }).workflows[TRIAGE]?.steps).toHaveProperty('new');
    const apart: Edit = { type: 'addEdge', workflowId, edge: 'score_m4t8.main->answer_r8j5.main' };
    expect(rebase(edit(tree, setBatch(20)), commit(apart))).toEqual(edit(tree, setBatch(20), apart));
  });

  it.each([
    [['workflows', TRIAGE, 'steps', 'each_h6v2', 'onError'], 'explode', 'stop'],
    [['workflows', TRIAGE, 'steps', 'each_h6v2', 'secret'], 'x', null],
    [['workflows', TRIAGE, 'edges', 'nonsense'], {}, null],
    [['workflows', 'not-an-id'], tree.workflows[TRIAGE], null],
    [['project', 'id'], TRIAGE, tree.project.id],
    [['scripts', '../x.ts'], 'x', null],
    [['environments', 'local', 'vars', 'x'], 'a\0b', null],
    [['connections', 'tracker', 'token'], 'x', null],
  ])('that leaves something wrong at %j is refused', (path, value, was) => {
    const op = { op: 'set', path, value, was: was === null ? null : merkleHash(was) } as Op;
    const bad = { ...commit(setBatch(20)), ops: [op] };
    const head = { revision: 42, tree };
    expect(() => applyCommit(head, bad)).toThrow(expect.objectContaining({ code: 'project.invalid' }));
    expect(() => applyCommit({ ...head, revision: 41 }, bad)).toThrow(
      expect.objectContaining({ code: 'project.invalid' }),
    );
  });

  it('to a part that no project has is refused', () => {
    const bad = { ...commit(setBatch(20)), ops: [{ op: 'set', path: ['secrets', 'x'], value: 1, was: null }] as Op[] };
    expect(() => applyCommit({ revision: 42, tree }, bad)).toThrow(mustRebase([['secrets', 'x']]));
    expect(Commit.safeParse({ ...bad, ops: [{ op: 'set', path: ['workflows'], value: {}, was: null }] }).success).toBe(
      false,
    );
    expect(Commit.safeParse({ ...bad, extra: 1 }).success).toBe(false);
  });

  it('shares what it did not touch, so that hashing it again is cheap', () => {
    const next = applyOps(tree, commit(setBatch(20)).ops);
    expect(next.scripts).toBe(tree.scripts);
    expect(next.workflows[TRIAGE]?.steps.hook_k3f9).toBe(tree.workflows[TRIAGE]?.steps.hook_k3f9);
    expect(merkleHash(next)).toBe(
      merkleHash(setIn(structuredClone(tree), [...wf, 'steps', 'each_h6v2', 'config', 'batch'], 20)),
    );
  });
});

describe('hunks', () => {
  it('lead from any text to any other', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', '', 'é'), { maxLength: 12 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(applyHunks(before, diffLines(before, after))).toBe(after);
      }),
    );
  });

  it('replace the middle of texts that are too big to compare line by line', () => {
    const lines = (prefix: string) =>
      ['head', ...Array.from({ length: 3000 }, (_, i) => prefix + i), 'tail'].join('\n');
    const hunks = diffLines(lines('a'), lines('b'));
    expect(hunks).toHaveLength(1);
    expect(hunks[0]?.slice(0, 2)).toEqual([1, 3000]);
    expect(applyHunks(lines('a'), hunks)).toBe(lines('b'));
  });

  it('that do not fit are refused', () => {
    expect(applyHunks('a\nb', [[3, 0, ['x']]])).toBeUndefined();
    expect(
      applyHunks('a\nb', [
        [1, 1, []],
        [0, 1, []],
      ]),
    ).toBeUndefined();
    expect(applyHunks('a\nb', [[0, 1, ['x\ny']]])).toBeUndefined();
  });
});
