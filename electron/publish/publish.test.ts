import { expect, test } from 'vitest';
import type { Deployment } from '#shared/contract/cloud/common.ts';
import { diffTrees } from '#shared/merge/ops.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import { listChanges } from '#shared/workflow/listChanges.ts';
import { type CheckInput, publishChecks } from '#shared/workflow/publishChecks.ts';
import { DEFAULT_SETTINGS, type Step, type Tree } from '#shared/workflow/tree.ts';

const workflowId = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const step = (name: string, uses = 'items.set', more: Partial<Step> = {}): Step => {
  return { uses, version: 1, name, config: {}, onError: 'stop', mode: 'each', ...more };
};
const tree: Tree = {
  project: { id: '0199f2c4-0001-7000-8000-000000000001', name: 'Project', format: 1 },
  workflows: {
    [workflowId]: {
      slug: 'triage',
      name: 'Triage',
      settings: DEFAULT_SETTINGS,
      steps: {
        hook_a1b2: step('On issue', 'trigger.webhook'),
        score_c3d4: step('Score'),
        post_e5f6: step('Post', 'http.request', { connection: 'tracker' }),
      },
      edges: { 'hook_a1b2.main->score_c3d4.main': {} },
      layout: { score_c3d4: [0, 0] },
    },
  },
  scripts: { 'score.ts': 'one\n' },
  machines: {},
  environments: { production: { vars: { word: 'a' }, bindings: {} } },
  connections: { tracker: { connector: 'http' } },
  tests: {},
  pins: {},
};
const edited = (...edits: Edit[]) => edits.reduce(applyEdit, tree);

test('one line for each thing, with its fields and who changed it', () => {
  const byRobin = edited({ type: 'setConfig', workflowId, stepId: 'score_c3d4', path: ['batch'], value: 20 });
  const bySam = applyEdit(byRobin, { type: 'renameStep', workflowId, stepId: 'score_c3d4', name: 'Rate' });
  const after = applyEdit(bySam, { type: 'setScript', path: 'score.ts', text: 'two\n' });
  const authored = [
    { authorName: 'Robin', ops: diffTrees(tree, byRobin).ops },
    { authorName: 'Sam', ops: diffTrees(byRobin, after).ops },
  ];
  expect(listChanges(tree, after, authored)).toEqual([
    {
      kind: 'changed',
      subject: 'step',
      title: 'Rate',
      where: 'Triage',
      fields: [
        { path: 'name', before: 'Score', after: 'Rate' },
        { path: 'config.batch', after: '20' },
      ],
      authors: ['Robin', 'Sam'],
    },
    {
      kind: 'changed',
      subject: 'script',
      title: 'score.ts',
      where: 'scripts',
      fields: [{ path: '', before: 'one\n', after: 'two\n' }],
      authors: ['Sam'],
    },
  ]);
});

test('a step that is taken away goes with its edges; moving boxes is no change', () => {
  const after = edited(
    { type: 'removeStep', workflowId, stepId: 'score_c3d4' },
    { type: 'moveSteps', workflowId, positions: { hook_a1b2: [9, 9] } },
  );
  expect(listChanges(tree, after, []).map(({ kind, subject, title }) => [kind, subject, title])).toEqual([
    ['removed', 'step', 'Score'],
    ['removed', 'edge', 'On issue → Score'],
  ]);
});

test('before anything is published everything is new, step by step', () => {
  const changes = listChanges(undefined, tree, [
    { authorName: 'Robin', ops: diffTrees({ ...tree, workflows: {} }, tree).ops },
  ]);
  expect(changes.map(({ kind, subject }) => `${kind} ${subject}`)).toEqual([
    'added workflow',
    'added step',
    'added step',
    'added step',
    'added script',
    'added environment',
    'added connection',
  ]);
  expect(changes.slice(0, 4).map(({ authors }) => authors)).toEqual([['Robin'], ['Robin'], ['Robin'], ['Robin']]);
});

test('the local environment is for this computer and never goes out', () => {
  const local = { vars: { word: 'b' }, bindings: {} };
  expect(listChanges(tree, { ...tree, environments: { ...tree.environments, local } }, [])).toEqual([]);
});

const fine: CheckInput = {
  tree,
  environment: 'production',
  bindings: {},
  problems: [],
  connections: [
    {
      id: workflowId,
      name: 'tracker',
      connector: 'http',
      hosts: [],
      status: 'connected',
      createdAt: '2026-01-01T00:00:00Z',
      revision: 1,
    },
  ],
  active: { hooks: [{ workflowId, stepId: 'hook_a1b2', url: 'https://example.com/h' }] } as unknown as Deployment,
  user: { id: workflowId, email: 'robin@example.com', name: 'Robin', emailVerified: true },
  sync: { state: 'synced', pending: 0, revision: 3 },
};
const failing = (input: Partial<CheckInput>) =>
  publishChecks({ ...fine, ...input }).filter(({ status }) => status !== 'ok');

test('a project that is ready passes every check', () => {
  expect(failing({})).toEqual([]);
});

test('webhook addresses are made first and stay afterwards', () => {
  const hooksIn = (input: Partial<CheckInput>) =>
    publishChecks({ ...fine, ...input }).flatMap(({ title }) => (/webhook/i.test(title) ? [title] : []));
  expect(hooksIn({})).toEqual(['Webhook addresses stay the same']);
  expect(hooksIn({ active: undefined })).toEqual(['A webhook address is made']);
  const without = edited({ type: 'removeStep', workflowId, stepId: 'hook_a1b2' });
  expect(hooksIn({ active: undefined, tree: without })).toEqual(['No webhook addresses']);
  expect(hooksIn({ tree: without })).toEqual(['A webhook address goes away']);
});

test('each thing that keeps a version from going out is named with what to do', () => {
  const problem = {
    file: 'workflows/triage.yaml',
    line: 4,
    column: 1,
    severity: 'error',
    code: 'x',
    message: 'No such step.',
    advice: 'Draw it.',
  } as const;
  expect(failing({ problems: [problem, problem] })).toMatchObject([
    {
      title: 'There are 2 problems',
      status: 'error',
      detail: 'workflows/triage.yaml:4: No such step. And 1 more.',
      advice: 'Draw it.',
    },
  ]);
  expect(failing({ problems: [problem] })).toMatchObject([{ title: 'A step has a problem' }]);
  expect(failing({ connections: [] })).toMatchObject([
    { title: 'The connection tracker is not bound', status: 'error' },
  ]);
  expect(failing({ bindings: { tracker: 'tracker-eu' } })).toMatchObject([
    { detail: 'The workspace has no connection named tracker-eu.' },
  ]);
  expect(failing({ tree: edited({ type: 'setConnection', name: 'tracker', connector: 'github' }) })).toMatchObject([
    { detail: 'tracker is bound to tracker, which is for http.' },
  ]);
  expect(failing({ user: fine.user && { ...fine.user, emailVerified: false } })).toMatchObject([
    { status: 'error', detail: 'robin@example.com' },
  ]);
  expect(failing({ sync: { state: 'cannot_sync', pending: 2, reason: 'You may only look.' } })).toMatchObject([
    { status: 'error', detail: 'You may only look.' },
  ]);
});

test('a webhook whose trigger is gone is a warning, since its callers will notice', () => {
  expect(failing({ tree: edited({ type: 'removeStep', workflowId, stepId: 'hook_a1b2' }) })).toMatchObject([
    { title: 'A webhook address goes away', status: 'warning' },
  ]);
});
