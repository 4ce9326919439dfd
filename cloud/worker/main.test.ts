import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Control,
  createControlBench,
  eventsOf,
  step,
  treeOf,
  workflowIdOf,
} from '../../tests/fixtures/control.ts';
import { createRunQueue, type RunQueue } from '../platform/queue.ts';
import { createRinger } from '../runs/dispatch.ts';
import { createRunService } from '../runs/runService.ts';
import type { Signal } from '../runs/signals.ts';
import { startLoop } from './loop.ts';
import { startWorker, type Worker } from './main.ts';

let control: Control;
let queue: RunQueue;
const workers: Worker[] = [];
beforeAll(async () => {
  control = await createControlBench();
  queue = await createRunQueue({ owner: control.owner, connection: control.as('sluice_queue') });
  const deps = { ...control, database: control.db, queue };
  // Two of them, as two processes would run it.
  workers.push(await startWorker(deps), await startWorker(deps));
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await queue.close();
  await control.close();
});

const STEPS = {
  start: step('trigger.manual'),
  yearly: step('trigger.schedule', { cron: '0 0 1 1 *' }),
  work: step('items.set', { fields: { n: 1 } }, { mode: 'each' }),
};

function signal(fits: (signal: Signal) => boolean): Promise<Signal> {
  return new Promise((done) => {
    const stop = control.signals.subscribe((one) => {
      if (!fits(one)) return;
      stop();
      done(one);
    });
  });
}

async function deployed() {
  const tenant = await control.newTenant();
  const { actor, projectId } = tenant;
  const edges = ['start.main->work.main', 'yearly.main->work.main'];
  const version = await control.freeze(actor, treeOf(projectId, STEPS, { edges }));
  const [environment] = await control.environments.list({ projectId }, actor);
  const moved = () => signal((one) => one.kind === 'deployment' && one.projectId === projectId);
  const input = { projectId, environmentId: environment?.id ?? '', versionId: version.id };
  const { id } = await control.deployments.create(input, actor);
  for (;;) {
    // Listening begins before looking, so that what comes between the two is heard.
    const next = moved();
    const { status } = await control.deployments.get({ projectId, deploymentId: id }, actor);
    if (status === 'active') break;
    await next;
  }
  return tenant;
}

test('a deployment is carried out, and a run that nobody waits for wakes the container', async () => {
  const { actor, projectId, workspaceId } = await deployed();
  const ring = createRinger({ ...control, queue });
  const runs = createRunService({ ...control, database: control.db, ring });
  const woken = () => control.woken.filter((id) => id === workspaceId).length;
  const before = woken();
  const workflowId = workflowIdOf(projectId);
  const { id } = await runs.start({ projectId, environment: 'production', workflowId, items: [{ json: {} }] }, actor);
  // The first word is the ringer's; the second comes once the doorbell went through the queue.
  await expect.poll(woken).toBeGreaterThan(before);
  const agent = await control.newAgent(workspaceId);
  expect((await agent.next()).runs.map(({ runId }) => runId)).toEqual([id]);
});

test('a schedule that becomes due reaches a runtime that waits', async () => {
  const { workspaceId } = await deployed();
  const agent = await control.newAgent(workspaceId);
  const waiting = agent.next(1, 60_000);
  const planned = new Date();
  for (const table of ['schedule', 'schedule_claim']) {
    await control.ownerSql(`update ${table} set next_run_at = $2 where workspace_id = $1`, [workspaceId, planned]);
  }
  const [run] = (await waiting).runs;
  expect(run).toMatchObject({ triggerStepId: 'yearly', input: [{ json: { plannedAt: planned.toISOString() } }] });
});

test('a lost runtime is noticed without the queue, and its run goes to the one that waits', async () => {
  const { actor, projectId, workspaceId } = await deployed();
  const workflowId = workflowIdOf(projectId);
  const agent = await control.newAgent(workspaceId);
  await control.runs.start({ projectId, environment: 'production', workflowId, items: [{ json: {} }] }, actor);
  const [first] = (await agent.next()).runs;
  if (!first) throw new Error('no run');
  await agent.report(first, eventsOf(first, { type: 'run.started' }));
  const other = await control.newAgent(workspaceId);
  const waiting = other.next(1, 60_000);
  await control.ownerSql(`update run_claim set lease_until = now() - interval '1 s' where run_id = $1`, [first.runId]);
  const [second] = (await waiting).runs;
  expect(second).toMatchObject({ runId: first.runId, events: [{ type: 'run.started' }] });
});

test('a sleeping run reaches a runtime that waits when its time has come', async () => {
  const { actor, projectId, workspaceId } = await deployed();
  const workflowId = workflowIdOf(projectId);
  const agent = await control.newAgent(workspaceId);
  await control.runs.start({ projectId, environment: 'production', workflowId, items: [{ json: {} }] }, actor);
  const [first] = (await agent.next()).runs;
  if (!first) throw new Error('no run');
  const until = new Date(Date.now() + 1_000).toISOString();
  await agent.report(first, eventsOf(first, { type: 'run.started' }, { type: 'run.waiting', until }), true);
  const [second] = (await agent.next(1, 60_000)).runs;
  expect(second?.runId).toBe(first.runId);
});

test('a round that fails is logged and does not end the loop, and a kick is not lost while one is at work', async () => {
  let rounds = 0;
  let finish: () => void = () => undefined;
  const reached = new Promise<void>((done) => {
    finish = done;
  });
  const loop = startLoop(
    'test',
    3_600_000,
    async () => {
      rounds++;
      if (rounds === 3) finish();
      loop.kick();
      if (rounds === 1) throw new Error('the first one fails');
    },
    control.logger,
  );
  await reached;
  await loop.stop();
  expect(control.log.join('\n')).toContain('the first one fails');
});
