import { describe, expect, it } from 'vitest';
import { applyOps, diffTrees } from '../merge/ops.ts';
import { applyEdit, Edit } from './edit.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from './example.fixture.ts';
import { readProject } from './readProject.ts';
import { Tree, type Workflow } from './tree.ts';

const tree = readProject(EXAMPLE_FILES, EXAMPLE_CATALOG).tree as Tree;
const OTHER = '0199f2c4-7000-7c11-8b7e-2d9f4c5e6a01';
const workflowId = TRIAGE;

/** Applies edits and checks that the result is a tree, that the edit survives the wire, and that it can be undone. */
function applied(...edits: Edit[]): Tree {
  const before = JSON.stringify(tree);
  const next = edits.reduce((one, edit) => applyEdit(one, Edit.parse(JSON.parse(JSON.stringify(edit)))), tree);
  expect(Tree.safeParse(next).error).toBeUndefined();
  expect(JSON.stringify(tree)).toBe(before);
  expect(applyOps(tree, diffTrees(tree, next).ops)).toEqual(next);
  expect(applyOps(next, diffTrees(next, tree).ops)).toEqual(tree);
  return next;
}
const workflow = (one: Tree): Workflow => one.workflows[TRIAGE] as Workflow;
const refused = (edit: unknown, reason: RegExp) =>
  expect(() => applyEdit(tree, edit as Edit)).toThrow(
    expect.objectContaining({ code: 'edit.invalid', message: expect.stringMatching(reason) }),
  );

describe('config', () => {
  it('is set at any depth, and everything else is shared', () => {
    const next = applied({ type: 'setConfig', workflowId, stepId: 'seen_p1z3', path: ['row', 'score'], value: 7 });
    expect(workflow(next).steps.seen_p1z3?.config).toEqual({
      table: 'triaged',
      key: '=$json.number',
      row: { score: 7 },
    });
    expect(workflow(next).steps.hook_k3f9).toBe(workflow(tree).steps.hook_k3f9);
    expect(workflow(next).edges).toBe(workflow(tree).edges);
    expect(next.environments).toBe(tree.environments);
  });

  it('makes the maps on the way, counts in lists, and takes fields away', () => {
    const set = (path: string[], value?: unknown) =>
      ({ type: 'setConfig', workflowId, stepId: 'count_t5n7', path, value }) as Edit;
    const next = applied(
      set(['a', 'b', 'c'], 1),
      set(['list'], []),
      set(['list', '0'], { when: 1 }),
      set(['list', '1'], 2),
      set(['list', '0', 'when'], 3),
      set(['where']),
      set(['none', 'at', 'all']),
    );
    expect(workflow(next).steps.count_t5n7?.config).toEqual({
      table: 'triaged',
      a: { b: { c: 1 } },
      list: [{ when: 3 }, 2],
    });
    expect(workflow(applied(set([], { only: 1 }))).steps.count_t5n7?.config).toEqual({ only: 1 });
    refused(set(['table', 'x'], 1), /no place table.x/);
    refused(set(['__proto__'], 1), /no place/);
  });

  it('refuses what could not be stored', () => {
    refused({ type: 'setConfig', workflowId, stepId: 'count_t5n7', path: ['x'], value: 'a\0b' }, /character/);
    refused({ type: 'setConfig', workflowId, stepId: 'count_t5n7', path: ['x'], value: '\ud800' }, /character/);
    refused({ type: 'setConfig', workflowId, stepId: 'count_t5n7', path: ['x'], value: Number.NaN }, /NaN/);
    refused({ type: 'setConfig', workflowId, stepId: 'gone', path: ['x'], value: 1 }, /no step "gone"/);
    refused({ type: 'setConfig', workflowId: OTHER, stepId: 'gone', path: ['x'], value: 1 }, /no such workflow/);
  });
});

describe('steps', () => {
  it('are added after a port or into an edge', () => {
    const added = applied({
      type: 'addStep',
      workflowId,
      stepId: 'new_1',
      uses: 'items.set',
      name: 'New',
      position: [1, 2],
      from: { stepId: 'fresh_2c7x', port: 'false' },
    });
    expect(workflow(added).steps.new_1).toEqual({
      uses: 'items.set',
      version: 1,
      name: 'New',
      config: {},
      onError: 'stop',
      mode: 'each',
    });
    expect(workflow(added).edges).toHaveProperty(['fresh_2c7x.false->new_1.main']);
    expect(workflow(added).layout.new_1).toEqual([1, 2]);
    const split = workflow(
      applied({
        type: 'addStep',
        workflowId,
        stepId: 'new_1',
        uses: 'flow.if',
        splitEdge: 'score_m4t8.main->seen_p1z3.main',
        outPort: 'true',
      }),
    );
    expect(Object.keys(split.edges)).toEqual(
      expect.arrayContaining(['score_m4t8.main->new_1.main', 'new_1.true->seen_p1z3.main']),
    );
    expect(split.edges).not.toHaveProperty(['score_m4t8.main->seen_p1z3.main']);
    refused({ type: 'addStep', workflowId, stepId: 'hook_k3f9', uses: 'items.set' }, /taken/);
    refused({ type: 'addStep', workflowId, stepId: 'new_1', uses: 'nonsense' }, /system.action/);
    refused(
      { type: 'addStep', workflowId, stepId: 'new_1', uses: 'items.set', from: { stepId: 'gone', port: 'main' } },
      /"gone"/,
    );
  });

  it('in the middle leave an edge behind when they go', () => {
    const next = workflow(applied({ type: 'removeStep', workflowId, stepId: 'score_m4t8' }));
    expect(next.edges).toHaveProperty(['fresh_2c7x.true->seen_p1z3.main']);
    expect(next.steps).not.toHaveProperty('score_m4t8');
  });

  it('with several edges go with all of them, their place and their pin', () => {
    const pinned = applyEdit(tree, { type: 'setPin', workflowId, stepId: 'post_d5w6', hash: '0'.repeat(64), bytes: 1 });
    const next = applyEdit(pinned, { type: 'removeStep', workflowId, stepId: 'post_d5w6' });
    expect(Object.keys(workflow(next).edges).filter((key) => key.includes('post_d5w6'))).toEqual([]);
    expect(Object.keys(workflow(next).edges)).toHaveLength(Object.keys(workflow(tree).edges).length - 3);
    expect(next.pins).toEqual({});
    const hook = workflow(applied({ type: 'removeStep', workflowId, stepId: 'hook_k3f9' }));
    expect(hook.layout).toEqual({ fresh_2c7x: [240, 0] });
  });

  it('change name and other fields, and only to what is allowed', () => {
    const next = applied(
      { type: 'renameStep', workflowId, stepId: 'score_m4t8', name: 'Score' },
      { type: 'setStep', workflowId, stepId: 'score_m4t8', field: 'onError', value: 'port' },
      { type: 'setStep', workflowId, stepId: 'score_m4t8', field: 'disabled', value: true },
      { type: 'setStep', workflowId, stepId: 'post_d5w6', field: 'retry' },
      { type: 'moveSteps', workflowId, positions: { score_m4t8: [5, 6] } },
    );
    expect(workflow(next).steps.score_m4t8).toMatchObject({ name: 'Score', onError: 'port', disabled: true });
    expect(workflow(next).steps.post_d5w6).not.toHaveProperty('retry');
    expect(workflow(next).layout).toEqual({ hook_k3f9: [0, 0], fresh_2c7x: [240, 0], score_m4t8: [5, 6] });
    expect(
      workflow(applied({ type: 'setStep', workflowId, stepId: 'score_m4t8', field: 'disabled', value: false })),
    ).toEqual(workflow(tree));
    refused({ type: 'setStep', workflowId, stepId: 'score_m4t8', field: 'onError', value: 'explode' }, /onError/);
    refused({ type: 'setStep', workflowId, stepId: 'score_m4t8', field: 'mode' }, /mode/);
    refused({ type: 'moveSteps', workflowId, positions: { gone: [0, 0] } }, /gone/);
  });

  it('are pasted under ids that are free, with their edges and places', () => {
    const { score_m4t8: score, fresh_2c7x: fresh } = workflow(tree).steps;
    const edit = {
      ...{ type: 'paste', workflowId, steps: { score_k3f9: score, fresh_q8w2: fresh } },
      ...{ edges: ['fresh_q8w2.true->score_k3f9.main'], layout: { fresh_q8w2: [260, 20] } },
    } as Edit;
    const next = workflow(applied(edit));
    expect(next.steps.score_k3f9).toEqual(score);
    expect(Object.keys(next.steps)).toHaveLength(Object.keys(workflow(tree).steps).length + 2);
    expect(next.edges).toHaveProperty(['fresh_q8w2.true->score_k3f9.main']);
    expect(next.layout.fresh_q8w2).toEqual([260, 20]);
    refused({ ...edit, steps: { score_k3f9: score, hook_k3f9: workflow(tree).steps.hook_k3f9 } }, /taken/);
  });
});

describe('edges', () => {
  it('are drawn between steps that are there, once', () => {
    const edge = 'count_t5n7.main->answer_r8j5.main';
    const next = applied({ type: 'addEdge', workflowId, edge }, { type: 'addEdge', workflowId, edge });
    expect(Object.keys(workflow(next).edges)).toHaveLength(12);
    expect(applied({ type: 'addEdge', workflowId, edge }, { type: 'removeEdge', workflowId, edge })).toEqual(tree);
    refused({ type: 'addEdge', workflowId, edge: 'gone.main->answer_r8j5.main' }, /gone/);
    refused({ type: 'removeEdge', workflowId, edge }, /no edge/);
  });
});

describe('the rest of a project', () => {
  it('has workflows with file names of their own', () => {
    const next = applied({ type: 'addWorkflow', workflowId: OTHER, name: 'Triage!' });
    expect(next.workflows[OTHER]).toMatchObject({ slug: 'triage-2', name: 'Triage!', steps: {} });
    const renamed = applied(
      { type: 'addWorkflow', workflowId: OTHER, name: 'B' },
      { type: 'renameWorkflow', workflowId: OTHER, name: 'C', slug: 'triage' },
    );
    expect(renamed.workflows[OTHER]).toMatchObject({ slug: 'triage-2', name: 'C' });
    expect(applied({ type: 'renameWorkflow', workflowId, name: 'C', slug: 'triage' }).workflows[TRIAGE]).toMatchObject({
      slug: 'triage',
      name: 'C',
    });
    expect(applied({ type: 'removeWorkflow', workflowId }).workflows).toEqual({});
    refused({ type: 'addWorkflow', workflowId, name: 'x' }, /already/);
    refused({ type: 'removeWorkflow', workflowId: OTHER }, /no such workflow/);
  });

  it('has settings, scripts, environments, connections, pins and cases', () => {
    const settings = { ...workflow(tree).settings, timeoutMs: 1000 };
    const next = applied(
      { type: 'renameProject', name: 'P' },
      { type: 'setSettings', workflowId, settings },
      { type: 'setInputs', workflowId, inputs: { type: 'object' } },
      { type: 'setTags', workflowId, tags: ['sales', 'month end', 'sales'] },
      { type: 'setScript', path: 'lib/a.ts', text: 'a\r\nb' },
      { type: 'removeScript', path: 'score.ts' },
      { type: 'setVariable', environment: 'production', name: 'url', value: 'x' },
      { type: 'setVariable', environment: 'local', name: 'threshold' },
      { type: 'setBinding', environment: 'local', connection: 'tracker' },
      { type: 'setBinding', environment: 'production', connection: 'tracker', record: 'live' },
      { type: 'setConnection', name: 'slack', connector: 'slack' },
      { type: 'setConnection', name: 'tracker' },
      { type: 'setPin', workflowId, stepId: 'score_m4t8', hash: 'a'.repeat(64), bytes: 3 },
      { type: 'setPin', workflowId, stepId: 'seen_p1z3', hash: 'b'.repeat(64), bytes: 3 },
      { type: 'removePin', workflowId, stepId: 'score_m4t8' },
      { type: 'addCase', slug: 'second', case: { name: 'Second', workflow: TRIAGE, items: [], expect: {} } },
      { type: 'removeCase', slug: 'opened' },
    );
    expect(next.project.name).toBe('P');
    expect(workflow(next)).toMatchObject({ settings: { timeoutMs: 1000 }, inputs: { type: 'object' } });
    expect(workflow(next).tags).toEqual(['sales', 'month end']);
    expect(workflow(applied({ type: 'setTags', workflowId, tags: [] })).tags).toBeUndefined();
    expect(next.scripts).toEqual({ 'lib/a.ts': 'a\nb' });
    expect(next.environments).toEqual({
      local: { vars: { trackerUrl: 'https://tracker.example' }, bindings: {} },
      production: { vars: { url: 'x' }, bindings: { tracker: 'live' } },
    });
    expect(Object.keys(next.connections)).toEqual(['github-hook', 'slack']);
    expect(next.pins).toEqual({ [TRIAGE]: { seen_p1z3: { hash: 'b'.repeat(64), bytes: 3 } } });
    expect(Object.keys(next.tests)).toEqual(['second']);
    expect(applied({ type: 'setEnvironment', name: 'local' }).environments).toEqual({});
    refused({ type: 'removeScript', path: 'none.ts' }, /none.ts/);
    refused({ type: 'setEnvironment', name: 'none' }, /none/);
    refused({ type: 'setPin', workflowId, stepId: 'gone', hash: 'a'.repeat(64), bytes: 3 }, /gone/);
  });

  it('takes a whole workflow from a text', () => {
    const other = { ...workflow(tree), name: 'From text' };
    expect(applied({ type: 'replaceWorkflow', workflowId, workflow: other }).workflows[TRIAGE]?.name).toBe('From text');
    expect(applied({ type: 'replaceWorkflow', workflowId: OTHER, workflow: other }).workflows[OTHER]?.slug).toBe(
      'triage-2',
    );
  });
});
