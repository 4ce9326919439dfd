import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Assignment } from '#shared/contract/agentApi.ts';
import {
  type Control,
  createControlBench,
  eventsOf,
  step,
  treeOf,
  workflowIdOf,
} from '../../tests/fixtures/control.ts';
import { awayFromMidnight } from '../../tests/fixtures/midnight.ts';
import { reconcile, resumeDue } from '../worker/reconcile.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const STEPS = {
  start: step('trigger.manual'),
  work: step('items.set', { fields: { n: 1 } }, { mode: 'each' }),
};

async function published(plan: 'free' | 'pro' = 'pro') {
  const tenant = await control.newTenant(plan);
  const tree = treeOf(tenant.projectId, STEPS, { edges: ['start.main->work.main'] });
  const deployment = await control.publish(tenant.actor, tree);
  expect(deployment).toMatchObject({ status: 'active' });
  const start = () =>
    control.runs.start(
      {
        projectId: tenant.projectId,
        environment: 'production',
        workflowId: workflowIdOf(tenant.projectId),
        items: [{ json: { n: 1 } }],
      },
      tenant.actor,
    );
  const agent = await control.newAgent(tenant.workspaceId);
  const statusOf = async (runId: string) => (await control.runs.get({ runId }, tenant.actor)).status;
  const usage = () =>
    control.ownerSql<{ meter: string; source_id: string }>(
      'select meter, source_id from usage_row where workspace_id = $1 order by meter, source_id',
      [tenant.workspaceId],
    );
  const counters = () =>
    control.ownerSql<{ used: string; reserved: string }>(
      `select used, reserved from usage_counter where workspace_id = $1 and meter = 'workflow.runs'`,
      [tenant.workspaceId],
    );
  return { ...tenant, tree, deployment, start, agent, statusOf, usage, counters };
}

const sweeps = { wake: () => undefined };

async function take(agent: { next(): Promise<{ runs: Assignment[] }> }): Promise<Assignment> {
  const [run] = (await agent.next()).runs;
  if (!run) throw new Error('there was no run to take');
  return run;
}

/** As if the runtime had not been heard of for longer than its lease. */
async function loseLease(runId: string): Promise<void> {
  await control.ownerSql(`update run_claim set lease_until = now() - interval '1 s' where run_id = $1`, [runId]);
  await reconcile({ ...control, database: control.db, ...sweeps });
}

test('a run is handed out whole, executed, reported and counted to the unit', async () => {
  const { start, agent, statusOf, usage, counters, workspaceId } = await published();
  const run = await start();
  const assignment = await take(agent);
  expect(assignment).toMatchObject({
    runId: run.id,
    fence: 1,
    input: [{ json: { n: 1 } }],
    triggerStepId: 'start',
    events: [],
    connections: {},
    environment: { name: 'production', vars: {} },
  });
  expect(assignment.tree?.workflows).toHaveProperty(assignment.workflowId);
  expect(await counters()).toEqual([
    { used: '0', reserved: '1' },
    { used: '0', reserved: '1' },
  ]);
  const events = eventsOf(
    assignment,
    { type: 'run.started' },
    { type: 'step.attempted' },
    { type: 'step.failed', retryAt: new Date().toISOString() },
    { type: 'step.attempted', attempt: 2 },
    { type: 'step.succeeded', attempt: 2 },
    { type: 'step.succeeded', path: ['call_b2:0'] },
    { type: 'run.ended', output: {} },
  );
  expect(await agent.report(assignment, events.slice(0, 3))).toEqual({ ack: 3 });
  expect(await statusOf(run.id)).toBe('running');
  expect(await agent.report(assignment, events, true)).toEqual({ ack: 7 });
  expect(await control.runs.get({ runId: run.id }, control.actorOf(workspaceId, newId()))).toMatchObject({
    status: 'succeeded',
    stepCount: 2,
    startedAt: events[0]?.at,
    finishedAt: events[6]?.at,
  });
  expect(await usage()).toEqual([
    { meter: 'workflow.runs', source_id: `run:${run.id}` },
    { meter: 'workflow.steps', source_id: `step:${run.id}:call_b2:0/work:0` },
    { meter: 'workflow.steps', source_id: `step:${run.id}:work:0` },
  ]);
  expect(await counters()).toEqual([
    { used: '1', reserved: '0' },
    { used: '1', reserved: '0' },
  ]);
});

test('a report that comes twice, also after the run was let go, changes nothing and is acknowledged', async () => {
  const { start, agent, usage } = await published();
  await start();
  const assignment = await take(agent);
  const events = eventsOf(assignment, { type: 'run.started' }, { type: 'step.succeeded' }, { type: 'run.ended' });
  await agent.report(assignment, events.slice(0, 2));
  await agent.report(assignment, events.slice(0, 2));
  const last = await agent.report(assignment, events, true);
  expect(await agent.report(assignment, events, true)).toEqual(last);
  expect(await usage()).toHaveLength(2);
});

test('a missing event is asked for by its number, and nothing after it is stored', async () => {
  const { start, agent, actor } = await published();
  const run = await start();
  const assignment = await take(agent);
  const events = eventsOf(assignment, { type: 'run.started' }, { type: 'step.attempted' }, { type: 'step.succeeded' });
  await agent.report(assignment, events.slice(0, 1));
  await expect(agent.report(assignment, events.slice(2))).rejects.toMatchObject({
    code: 'run.gap',
    details: { expected: 2 },
  });
  expect((await control.runs.events({ runId: run.id, after: 0 }, actor)).events).toHaveLength(1);
  expect(await agent.report(assignment, events.slice(1))).toEqual({ ack: 3 });
});

test('a runtime whose lease ran out is refused, and the next one goes on from the journal', async () => {
  const { start, agent, workspaceId, statusOf } = await published();
  const run = await start();
  const first = await take(agent);
  const events = eventsOf(first, { type: 'run.started' }, { type: 'step.attempted' });
  await agent.report(first, events);
  await loseLease(run.id);
  const stale = eventsOf({ ...first, events }, { type: 'step.succeeded' });
  await expect(agent.report(first, stale)).rejects.toMatchObject({ code: 'run.fenced' });

  const other = await control.newAgent(workspaceId);
  const second = await take(other);
  expect(second).toMatchObject({ runId: run.id, events });
  expect(second.fence).toBeGreaterThan(first.fence);
  await expect(agent.report(first, stale, true)).rejects.toMatchObject({ code: 'run.fenced' });
  await other.report(second, eventsOf(second, { type: 'step.succeeded' }, { type: 'run.ended' }), true);
  expect(await statusOf(run.id)).toBe('succeeded');
});

test('a run counts once however often its runtime is lost', async () => {
  const { start, agent, usage, counters } = await published();
  const run = await start();
  const first = await take(agent);
  await agent.report(first, eventsOf(first, { type: 'run.started' }, { type: 'step.succeeded' }));
  await loseLease(run.id);
  const second = await take(agent);
  await agent.report(second, eventsOf(second, { type: 'step.succeeded', iteration: 0 }, { type: 'run.ended' }), true);
  expect(await usage()).toHaveLength(2);
  expect(await counters()).toEqual([
    { used: '1', reserved: '0' },
    { used: '1', reserved: '0' },
  ]);
});

test('a run that takes its runtime down again and again ends as failed, and says why', async () => {
  const { start, agent, actor } = await published();
  const run = await start();
  for (let lost = 0; lost <= 20; lost++) {
    await take(agent);
    await loseLease(run.id);
  }
  expect(await control.runs.get({ runId: run.id }, actor)).toMatchObject({
    status: 'failed',
    error: { code: 'limit.exceeded', message: expect.stringContaining('21 times') },
  });
});

test('two runtimes asking at once never get the same run, nor more than the plan runs at once', async () => {
  const { start, agent, workspaceId } = await published();
  for (let i = 0; i < 8; i++) await start();
  const other = await control.newAgent(workspaceId);
  const answers = await Promise.all([agent.next(10), other.next(10), agent.next(10), other.next(10)]);
  const taken = answers.flatMap(({ runs }) => runs.map(({ runId }) => runId));
  expect(new Set(taken).size).toBe(taken.length);
  expect(taken).toHaveLength(5);
});

test('a runtime that waits is woken by a new run', async () => {
  const { start, agent } = await published();
  const waiting = agent.next(1, 20_000);
  const run = await start();
  expect((await waiting).runs.map(({ runId }) => runId)).toEqual([run.id]);
});

test('the tree is left out where the runtime has it', async () => {
  const { start, agent } = await published();
  await start();
  const { treeHash } = await take(agent);
  await start();
  const [second] = (await agent.next(1, 0, [treeHash])).runs;
  expect(second).toMatchObject({ treeHash });
  expect(second?.tree).toBeUndefined();
});

test('a run that waits is held by nobody until its time, and then goes on', async () => {
  const { start, agent, actor } = await published();
  const run = await start();
  const first = await take(agent);
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const events = eventsOf(first, { type: 'run.started' }, { type: 'run.waiting', until });
  await agent.report(first, events, true);
  expect(await control.runs.get({ runId: run.id }, actor)).toMatchObject({
    status: 'waiting',
    wait: { reason: 'delay', stepId: 'work', until },
  });
  await resumeDue({ database: control.db, ...sweeps });
  expect((await agent.next()).runs).toEqual([]);

  await control.ownerSql(`update run_claim set due_at = now() - interval '1 s' where run_id = $1`, [run.id]);
  await resumeDue({ database: control.db, ...sweeps });
  const second = await take(agent);
  expect(second).toMatchObject({ runId: run.id, events });
  await agent.report(second, eventsOf(second, { type: 'run.resumed' }, { type: 'run.ended' }), true);
  expect(await control.runs.get({ runId: run.id }, actor)).toMatchObject({ status: 'succeeded' });
});

test('a run that was never started ends at once when it is cancelled, and its place is given back', async () => {
  const { start, agent, actor, counters } = await published();
  const run = await start();
  expect(await control.runs.cancel({ runId: run.id }, actor)).toMatchObject({ status: 'cancelled' });
  expect((await agent.next()).runs).toEqual([]);
  expect(await counters()).toEqual([
    { used: '0', reserved: '0' },
    { used: '0', reserved: '0' },
  ]);
  const { events } = await control.runs.events({ runId: run.id, after: 0 }, actor);
  expect(events).toMatchObject([{ seq: 1, type: 'run.ended', status: 'cancelled' }]);
  await expect(control.runs.cancel({ runId: run.id }, actor)).rejects.toMatchObject({ code: 'run.finished' });
});

test('a run that is executing is cancelled by the answer to its next report', async () => {
  const { start, agent, actor } = await published();
  const run = await start();
  const assignment = await take(agent);
  await agent.report(assignment, eventsOf(assignment, { type: 'run.started' }));
  expect(await control.runs.cancel({ runId: run.id }, actor)).toMatchObject({ status: 'running' });
  expect(await agent.report(assignment, [])).toEqual({ ack: 1, cancel: true });
  const ended = eventsOf(assignment, { type: 'run.ended', seq: 2, status: 'cancelled' });
  expect(await agent.report(assignment, ended, true)).toEqual({ ack: 2 });
  expect(await control.runs.get({ runId: run.id }, actor)).toMatchObject({ status: 'cancelled' });
});

test('a run that is to be cancelled and whose runtime is lost ends as cancelled', async () => {
  const { start, agent, actor } = await published();
  const run = await start();
  const assignment = await take(agent);
  await agent.report(assignment, eventsOf(assignment, { type: 'run.started' }));
  await control.runs.cancel({ runId: run.id }, actor);
  await loseLease(run.id);
  expect(await control.runs.get({ runId: run.id }, actor)).toMatchObject({ status: 'cancelled' });
});

test('the journal and the log keep any character', async () => {
  const { start, agent, actor } = await published();
  const run = await start();
  const assignment = await take(agent);
  const outputs = { main: { items: [{ json: { text: 'a\u0000b\ud800' } }] } };
  const events = eventsOf(assignment, { type: 'run.started' }, { type: 'step.succeeded', outputs });
  const logs = [{ runId: run.id, at: new Date().toISOString(), level: 'info' as const, message: 'nul \u0000 here' }];
  await control.agents.report({ runId: run.id, fence: assignment.fence, events, logs }, agent.identity);
  const stored = await control.runs.events({ runId: run.id, after: 1 }, actor);
  expect(stored.events).toEqual([events[1]]);
  expect(await control.runs.logs({ runId: run.id }, actor)).toMatchObject([{ message: 'nul \ufffd here' }]);
});

test('the 51st run of a day on Free is refused with what to do, and is not queued', async () => {
  await awayFromMidnight();
  const { start, actor, projectId } = await published('free');
  for (let i = 0; i < 50; i++) await start();
  await expect(start()).rejects.toMatchObject({
    code: 'allowance_exceeded',
    status: 429,
    details: { meter: 'workflow.runs', limit: 50, used: 50, resetsAt: expect.any(String) },
    advice: expect.stringContaining('plan'),
  });
  const page = await control.runs.list({ projectId, limit: 100 }, actor);
  expect(page.data).toHaveLength(50);
});

test('a token of another workspace, an old one and a made-up one are refused', async () => {
  const { agent, workspaceId } = await published();
  const { workspaceId: other } = await control.newTenant();
  const { agents } = control;
  const wrong = [agent.token.replace(workspaceId, other), `slc_${workspaceId}_nonsense`, 'nonsense'];
  for (const token of wrong) await expect(agents.identify(token)).rejects.toMatchObject({ code: 'token.invalid' });
  await control.ownerSql('update agent_token set expires_at = now() where container_id = $1', [agent.containerId]);
  // Another process, which has not seen the token yet.
  const { createAgentService } = await import('./agentService.ts');
  const elsewhere = createAgentService({ ...control, database: control.db });
  await expect(elsewhere.identify(agent.token)).rejects.toMatchObject({ code: 'token.invalid' });
});

test('a runtime that is ended while it waits is handed nothing within five seconds, and one that lives is', {
  timeout: 300_000,
}, async () => {
  const { agent, start, workspaceId, statusOf } = await published();
  const waiting = agent.next(10, 30_000).then(
    () => 'was handed something',
    (error: { code: string }) => error.code,
  );
  await control.ownerSql('update container_boot set ended_at = now() where workspace_id = $1', [workspaceId]);
  await control.ownerSql('update agent_token set revoked_at = now() where workspace_id = $1', [workspaceId]);
  // What was known a moment ago may be two seconds old.
  await sleep(2_200);
  const run = await start();
  expect(await waiting).toBe('token.invalid');
  expect(await statusOf(run.id)).toBe('queued');
  const other = await control.newAgent(workspaceId);
  expect((await take(other)).runId).toBe(run.id);
});

test('a protocol that is not ours is told to upgrade', async () => {
  const hello = { protocol: 99, bootSecret: 'x', runtimeHash: 'a'.repeat(64), node: '24' };
  await expect(control.agents.hello(hello)).rejects.toMatchObject({ code: 'client.upgrade_required' });
});

test('an event starts each trigger of its name once, however often it is sent', async () => {
  const { actor, projectId } = await control.newTenant();
  const steps = {
    order: step('trigger.event', { name: 'order.created' }),
    again: step('trigger.event', { name: 'order.created' }),
    other: step('trigger.event', { name: 'order.paid' }),
  };
  await control.publish(actor, treeOf(projectId, steps));
  const event = { projectId, environment: 'production', name: 'order.created', id: 'e1', data: { n: 1 } };
  const [first, second] = await Promise.all([
    control.events.publish(event, actor),
    control.events.publish(event, actor),
  ]);
  expect([first?.repeated, second?.repeated].sort()).toEqual([false, true]);
  expect(first?.runIds).toHaveLength(2);
  expect(second?.runIds).toEqual(first?.runIds);
  const page = await control.runs.list({ projectId, limit: 20 }, actor);
  expect(page.data.map((run) => run.triggerStepId).sort()).toEqual(['again', 'order']);
});
