import { expect, test } from 'vitest';
import { PLANS } from '#shared/plan.ts';
import { DEFAULT_SETTINGS, type Step, type Tree, type Workflow } from '#shared/workflow/tree.ts';
import { whyNotDeployable } from './deploymentPolicy.ts';
import { connectionsOf, startingStep } from './triggers.ts';

const PROJECT = '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55';
const A = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const B = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
const C = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a03';

const step = (uses: string, more: Partial<Step> = {}): Step => ({
  uses,
  version: 1,
  name: uses,
  config: {},
  onError: 'stop',
  mode: 'once',
  ...more,
});

const workflow = (slug: string, steps: Record<string, Step>): Workflow => ({
  slug,
  name: slug,
  settings: DEFAULT_SETTINGS,
  steps,
  edges: {},
  layout: {},
});

const tree: Tree = {
  project: { id: PROJECT, name: 'P', format: 1 },
  workflows: {
    [A]: workflow('a', {
      start: step('trigger.manual'),
      call: step('flow.runWorkflow', { config: { workflow: 'b' } }),
      post: step('http.request', { connection: 'tracker' }),
    }),
    [B]: workflow('b', { post: step('http.request', { connection: 'mailer' }) }),
    [C]: workflow('c', { post: step('http.request', { connection: 'unrelated' }) }),
  },
  scripts: {},
  machines: {},
  environments: {},
  connections: { tracker: { connector: 'http' }, mailer: { connector: 'http' }, unrelated: { connector: 'http' } },
  tests: {},
  pins: {},
};

const premises = {
  tree,
  environment: 'production',
  bindings: {},
  connections: new Map([
    ['tracker', 'http'],
    ['mailer', 'http'],
    ['unrelated', 'http'],
  ]),
  resting: new Set<string>(),
  plan: PLANS.pro,
  deployedElsewhere: new Set<string>(),
};

test('a workflow needs the connections of its steps and of those it calls, and no others', () => {
  expect(connectionsOf(tree, A)).toEqual(['mailer', 'tracker']);
  expect(connectionsOf(tree, C)).toEqual(['unrelated']);
});

test('a call whose target is computed may reach every workflow', () => {
  const open = structuredClone(tree);
  const call = open.workflows[A]?.steps.call;
  if (call) call.config = { workflow: '=$json.which' };
  expect(connectionsOf(open, A)).toEqual(['mailer', 'tracker', 'unrelated']);
});

test('what is bound, fits the plan and has a workflow is deployable', () => {
  expect(whyNotDeployable(premises)).toBeUndefined();
});

test('a binding to a connection for another system says which and where to change it', () => {
  const connections = new Map([...premises.connections, ['chat', 'slack']]);
  const reason = whyNotDeployable({ ...premises, connections, bindings: { tracker: 'chat' } });
  expect(reason).toMatch(/tracker is bound to chat, which is for slack and not for http.*production/);
});

test('the same workflow in two environments takes one place of the plan', () => {
  const plan = { ...PLANS.pro, deployedWorkflows: 3 };
  expect(whyNotDeployable({ ...premises, plan, deployedElsewhere: new Set([A, B]) })).toBeUndefined();
  expect(whyNotDeployable({ ...premises, plan, deployedElsewhere: new Set([PROJECT]) })).toMatch(
    /4 deployed workflows/,
  );
});

test('a run by hand starts the named trigger, else the manual one, else the only one', () => {
  const two = workflow('w', { hook: step('trigger.webhook'), hand: step('trigger.manual'), work: step('items.set') });
  expect(startingStep(two)).toBe('hand');
  expect(startingStep(two, 'hook')).toBe('hook');
  expect(startingStep(two, 'work')).toBeUndefined();
  expect(startingStep(workflow('w', { hook: step('trigger.webhook') }))).toBe('hook');
  expect(startingStep(workflow('w', { a: step('trigger.webhook'), b: step('trigger.event') }))).toBeUndefined();
  expect(startingStep(workflow('w', { hand: step('trigger.manual', { disabled: true }) }))).toBeUndefined();
});
