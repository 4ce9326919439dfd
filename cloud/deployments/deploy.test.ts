import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Deployment } from '#shared/contract/cloud/common.ts';
import { SluiceError } from '#shared/error.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import {
  type Control,
  createControlBench,
  eventsOf,
  step,
  treeOf,
  workflowIdOf,
} from '../../tests/fixtures/control.ts';
import type { Signal } from '../runs/signals.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const hookTree = (projectId: string, n = 1) =>
  treeOf(
    projectId,
    {
      start: step('trigger.manual'),
      hook: step('trigger.webhook', { path: 'in' }),
      daily: step('trigger.schedule', { cron: '0 7 * * *' }),
      work: step('items.set', { fields: { n } }, { mode: 'each' }),
    },
    { edges: ['start.main->work.main', 'hook.main->work.main', 'daily.main->work.main'] },
  );

test('a publish answers at once as queued and becomes active, with its addresses, schedules and news', async () => {
  const { actor, projectId, workspaceId } = await control.newTenant();
  const version = await control.freeze(actor, hookTree(projectId));
  const [environment] = await control.environments.list({ projectId }, actor);
  expect(environment).toMatchObject({ name: 'production', vars: {}, bindings: {} });
  const news: Signal[] = [];
  const stop = control.signals.subscribe((signal) => void news.push(signal));
  const asked = await control.deployments.create(
    { projectId, environmentId: environment?.id ?? '', versionId: version.id },
    actor,
  );
  expect(asked).toMatchObject({ status: 'queued', versionNumber: 1, hooks: [], schedules: [] });
  await control.deployAll();
  stop();
  const done = await control.deployments.get({ projectId, deploymentId: asked.id }, actor);
  const workflowId = workflowIdOf(projectId);
  expect(done).toMatchObject({
    status: 'active',
    hooks: [{ workflowId, stepId: 'hook', url: expect.stringContaining(`/v1/hooks/${workspaceId}/${workflowId}/`) }],
    schedules: [{ workflowId, stepId: 'daily', cron: '0 7 * * *', timezone: 'UTC', nextRunAt: expect.any(String) }],
  });
  expect(control.woken).toContain(workspaceId);
  expect(news.filter(({ kind }) => kind === 'deployment').length).toBeGreaterThanOrEqual(3);
  const audit = await control.ownerSql('select action from audit_entry where workspace_id = $1', [workspaceId]);
  expect(audit.map((entry) => entry.action)).toContain('deployment.create');
});

test('a connection that is not bound fails the deployment with what to do, and the one before stays active', async () => {
  const { actor, projectId } = await control.newTenant();
  const before = await control.publish(actor, hookTree(projectId));
  const tree: Tree = {
    ...treeOf(projectId, {
      start: step('trigger.manual'),
      call: step(
        'http.request',
        { method: 'GET', url: 'https://api.example' },
        { connection: 'tracker', mode: 'each' },
      ),
    }),
    connections: { tracker: { connector: 'http' } },
  };
  const failed = await control.publish(actor, tree);
  expect(failed).toMatchObject({ status: 'failed', previousId: before.id });
  expect(failed.error).toMatch(/connection tracker is not bound.*Add it/);
  expect(await control.deployments.get({ projectId, deploymentId: before.id }, actor)).toMatchObject({
    status: 'active',
  });
});

test('a binding of the environment is used, and what was set there wins over the file', async () => {
  const { actor, projectId, workspaceId } = await control.newTenant();
  const secret = { secret: 's' };
  await control.connections.set({ name: 'github-prod', connector: 'webhook', secret, hosts: [] }, actor);
  const tree: Tree = {
    ...treeOf(projectId, {
      hook: step('trigger.webhook', { path: 'in', verify: 'github' }, { connection: 'github' }),
    }),
    connections: { github: { connector: 'webhook' } },
    environments: { production: { vars: { a: 1, b: 1 }, bindings: { github: 'github-prod' } } },
  };
  await control.push(actor, tree);
  await control.environments.set({ projectId, name: 'production', vars: { b: 2 }, bindings: {} }, actor);
  const active = await control.publish(actor, tree);
  expect(active).toMatchObject({ status: 'active' });
  const workflowId = workflowIdOf(projectId);
  await control.runs.start({ projectId, environment: 'production', workflowId, items: [{ json: {} }] }, actor);
  const agent = await control.newAgent(workspaceId);
  const [run] = (await agent.next()).runs;
  expect(run).toMatchObject({
    environment: { name: 'production', vars: { a: 1, b: 2 }, revision: 1 },
    connections: { github: { connector: 'webhook', secret: { secret: 's' } } },
  });
});

test('a connection that rests is handed to no run, which says why; one that works is', async () => {
  const { actor, projectId, workspaceId } = await control.newTenant();
  const call = (connection: string) =>
    step('http.request', { method: 'GET', url: 'https://api.example' }, { connection, mode: 'each' });
  const secret = { kind: 'bearer', token: 'canary-7c1' };
  for (const name of ['first', 'second', 'third', 'fourth'])
    await control.connections.set({ name, connector: 'http', secret, hosts: ['api.example'] }, actor);
  const tree: Tree = {
    ...treeOf(projectId, { start: step('trigger.manual'), one: call('first'), last: call('fourth') }),
    connections: { first: { connector: 'http' }, fourth: { connector: 'http' } },
  };
  expect(await control.publish(actor, tree)).toMatchObject({ status: 'active' });
  await control.ownerSql("update workspace set plan = 'starter' where id = $1", [workspaceId]);
  const workflowId = workflowIdOf(projectId);
  const agent = await control.newAgent(workspaceId);
  const connectionsOfNext = async () => {
    await control.runs.start({ projectId, environment: 'production', workflowId, items: [{ json: {} }] }, actor);
    return (await agent.next()).runs[0]?.connections;
  };
  const works = { connector: 'http', secret, hosts: ['api.example'] };
  const withheld =
    'It rests: the Starter plan has room for 3 connections. Choose below Connections which ones work, or change the plan.';
  const rests = { connector: 'http', secret: {}, hosts: [], withheld };
  expect(await connectionsOfNext()).toEqual({ first: works, fourth: rests });
  // Nor does anything that needs it become active; what is active stays so.
  const failed = await control.publish(actor, {
    ...tree,
    environments: { production: { vars: { a: 1 }, bindings: {} } },
  });
  expect(failed).toMatchObject({ status: 'failed', error: expect.stringContaining(withheld) });

  await control.connections.choose({ names: ['fourth'] }, actor);
  expect(await connectionsOfNext()).toEqual({ first: works, fourth: works });
});

test('a plan that has no room fails the deployment and names the limit', async () => {
  const { actor, projectId } = await control.newTenant('free');
  const one = treeOf(projectId, { start: step('trigger.manual') });
  const workflow = Object.values(one.workflows)[0];
  if (!workflow) throw new Error('no workflow');
  const many = Object.fromEntries(
    [1, 2, 3, 4].map((n) => [`${projectId.slice(0, -4)}f1${n}f`, { ...workflow, slug: `w${n}`, name: `W${n}` }]),
  );
  const failed = await control.publish(actor, { ...one, workflows: many });
  expect(failed).toMatchObject({ status: 'failed', error: expect.stringContaining('Free plan has room for 3') });
  const steps = Object.fromEntries([
    ['start', step('trigger.manual')],
    ...Array.from({ length: 50 }, (_, i) => [`s_${i}`, step('items.limit', { count: 1 })]),
  ]);
  const edges = Array.from({ length: 50 }, (_, i) => `${i === 0 ? 'start' : `s_${i - 1}`}.main->s_${i}.main`);
  const long = await control.publish(actor, treeOf(projectId, steps, { edges }));
  expect(long).toMatchObject({ status: 'failed', error: expect.stringContaining('51 steps') });
});

test('whoever has not confirmed their address may not publish', async () => {
  const { actor, projectId } = await control.newTenant();
  const version = await control.freeze(actor, hookTree(projectId));
  const [environment] = await control.environments.list({ projectId }, actor);
  const unverified = { ...actor, emailVerified: false };
  const input = { projectId, environmentId: environment?.id ?? '', versionId: version.id };
  await expect(async () => control.deployments.create(input, unverified)).rejects.toMatchObject({
    code: 'mail.not_verified',
  });
});

test('going back is a new deployment of an old version, and runs in flight finish on theirs', async () => {
  const { actor, projectId, workspaceId } = await control.newTenant();
  const first = await control.publish(actor, hookTree(projectId, 1));
  const second = await control.publish(actor, hookTree(projectId, 2));
  expect(second).toMatchObject({ versionNumber: 2, previousId: first.id, hooks: first.hooks });
  const workflowId = workflowIdOf(projectId);
  const run = await control.runs.start(
    { projectId, environment: 'production', workflowId, items: [{ json: {} }] },
    actor,
  );
  const back = await control.deployVersion(actor, projectId, first.versionId);
  expect(back).toMatchObject({ status: 'active', versionNumber: 1, hooks: first.hooks });
  const statuses = await control.deployments.list({ projectId, limit: 20 }, actor);
  expect(statuses.data.map(({ status }) => status)).toEqual(['active', 'superseded', 'superseded']);
  const agent = await control.newAgent(workspaceId);
  const [assignment] = (await agent.next()).runs;
  expect(assignment).toMatchObject({ runId: run.id, versionId: second.versionId });
  if (!assignment) throw new Error('no run');
  await agent.report(assignment, eventsOf(assignment, { type: 'run.started' }, { type: 'run.ended' }), true);
  const audit = await control.ownerSql('select action from audit_entry where workspace_id = $1', [workspaceId]);
  expect(audit.map((entry) => entry.action)).toContain('deployment.rollback');
});

test('a deployment that was left in the middle is taken up again where it was', async () => {
  const { actor, projectId } = await control.newTenant();
  const version = await control.freeze(actor, hookTree(projectId));
  const [environment] = await control.environments.list({ projectId }, actor);
  const input = { projectId, environmentId: environment?.id ?? '', versionId: version.id };
  for (const status of ['validating', 'provisioning']) {
    const { id } = await control.deployments.create(input, actor);
    const path = status === 'validating' ? ['validating'] : ['validating', 'provisioning'];
    for (const to of path) {
      await control.ownerSql(`update deployment set status = $2::deployment_status where id = $1`, [id, to]);
    }
    await control.ownerSql(
      `update deployment_claim set owner = 'gone', lease_until = now() - interval '1 s' where deployment_id = $1`,
      [id],
    );
    await control.deployAll();
    expect(await control.deployments.get({ projectId, deploymentId: id }, actor)).toMatchObject({ status: 'active' });
  }
});

test('of two that are asked for at once exactly one is active, with one set of schedules', async () => {
  const { actor, projectId, workspaceId } = await control.newTenant();
  const version = await control.freeze(actor, hookTree(projectId));
  const [environment] = await control.environments.list({ projectId }, actor);
  const input = { projectId, environmentId: environment?.id ?? '', versionId: version.id };
  const asked = await Promise.all([1, 2, 3].map(() => control.deployments.create(input, actor)));
  await Promise.all([control.deployAll(), control.deployAll()]);
  const views = await Promise.all(
    asked.map(({ id }) => control.deployments.get({ projectId, deploymentId: id }, actor) as Promise<Deployment>),
  );
  expect(views.filter(({ status }) => status === 'active')).toHaveLength(1);
  expect(views.every(({ status }) => ['active', 'superseded', 'failed'].includes(status))).toBe(true);
  const due = await control.ownerSql(
    'select 1 from schedule_claim where workspace_id = $1 and next_run_at is not null',
    [workspaceId],
  );
  expect(due).toHaveLength(1);
});

test('a container that does not start fails the deployment with its reason', async () => {
  const { actor, projectId } = await control.newTenant();
  control.failStarts(
    new SluiceError('container.start_failed', 'The container did not start within 30 s.', { advice: 'Publish again.' }),
  );
  const failed = await control.publish(actor, hookTree(projectId)).finally(() => control.failStarts(undefined));
  expect(failed).toMatchObject({ status: 'failed', error: 'The container did not start within 30 s. Publish again.' });
});

test('a stopped deployment fires and answers no more, and cannot be stopped twice', async () => {
  const { actor, projectId, workspaceId } = await control.newTenant();
  const { id } = await control.publish(actor, hookTree(projectId));
  expect(await control.deployments.stop({ projectId, deploymentId: id }, actor)).toMatchObject({ status: 'stopped' });
  const due = await control.ownerSql(
    'select 1 from schedule_claim where workspace_id = $1 and next_run_at is not null',
    [workspaceId],
  );
  expect(due).toEqual([]);
  const workflowId = workflowIdOf(projectId);
  const start = { projectId, environment: 'production', workflowId, items: [{ json: {} }] };
  await expect(control.runs.start(start, actor)).rejects.toMatchObject({ code: 'deployment.not_found' });
  await expect(control.deployments.stop({ projectId, deploymentId: id }, actor)).rejects.toMatchObject({
    code: 'project.changed',
  });
});
