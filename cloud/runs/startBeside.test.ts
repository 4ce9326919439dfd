import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Settings } from '#shared/workflow/tree.ts';
import {
  type Control,
  createControlBench,
  eventsOf,
  step,
  treeOf,
  workflowIdOf,
} from '../../tests/fixtures/control.ts';
import { resumeDue } from '../worker/reconcile.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const OTHER = '0199f2c4-6a02-7c11-8b7e-00000000000b';

/** A run that a runtime holds, in a version with another workflow. */
async function running(settings: Partial<Settings> = {}) {
  const tenant = await control.newTenant('business');
  const { actor, projectId, workspaceId } = tenant;
  const workflowId = workflowIdOf(projectId);
  const tree = treeOf(projectId, { start: step('trigger.manual') });
  const workflow = tree.workflows[workflowId];
  if (!workflow) throw new Error('no workflow');
  tree.workflows[OTHER] = {
    ...workflow,
    slug: 'other',
    name: 'Other',
    settings: { ...workflow.settings, ...settings },
    steps: { begin: step('trigger.workflow', {}, { name: 'begin' }) },
  };
  expect(await control.publish(actor, tree)).toMatchObject({ status: 'active' });
  const agent = await control.newAgent(workspaceId);
  const { id } = await control.runs.start({ projectId, environment: 'production', workflowId, items: [] }, actor);
  const [held] = (await agent.next()).runs;
  if (!held) throw new Error('no run');
  await agent.report(held, eventsOf(held, { type: 'run.started' }));
  const start = (key: string, more: Record<string, unknown> = {}) =>
    control.agents.start(
      {
        ...{ runId: id, fence: held.fence, workflowId: OTHER, triggerStepId: 'begin', key },
        items: [{ json: { key } }],
        ...more,
      },
      agent.identity,
    );
  const reserved = async () => {
    const [row] = await control.ownerSql<{ reserved: string }>(
      `select reserved from usage_counter where workspace_id = $1 and meter = 'workflow.runs'`,
      [workspaceId],
    );
    return Number(row?.reserved);
  };
  return { ...tenant, agent, held, start, reserved };
}

test('the same key starts one run, however often and at once it is asked for; it counts once', async () => {
  const { start, agent, reserved, actor, held } = await running();
  const started = await Promise.all(Array.from({ length: 6 }, () => start('a')));
  expect(new Set(started.map(({ runId }) => runId)).size).toBe(1);
  expect(await start('b')).not.toEqual(started[0]);
  expect(await reserved()).toBe(2);
  const run = await control.runs.get({ runId: started[0]?.runId ?? '' }, actor);
  expect(run).toMatchObject({ trigger: 'sub_workflow', triggerStepId: 'begin', environment: 'production' });
  const { runs } = await agent.next();
  expect(runs).toMatchObject([
    { versionId: held.versionId, input: [{ json: { key: 'a' } }] },
    { versionId: held.versionId, input: [{ json: { key: 'b' } }] },
  ]);
});

test('only who holds a run starts one beside it, and only what its version has', async () => {
  const { start, held, agent } = await running();
  await expect(start('a', { fence: held.fence - 1 })).rejects.toMatchObject({ code: 'run.fenced' });
  await expect(start('a', { runId: newId() })).rejects.toMatchObject({ code: 'run.fenced' });
  await expect(start('a', { workflowId: newId() })).rejects.toMatchObject({ code: 'workflow.not_found' });
  await expect(start('a', { triggerStepId: 'nowhere' })).rejects.toMatchObject({ code: 'step.not_found' });
  const stranger = await running();
  await expect(
    control.agents.start(
      { ...held, workflowId: OTHER, triggerStepId: 'begin', items: [], key: 'a', atMs: undefined },
      stranger.agent.identity,
    ),
  ).rejects.toMatchObject({ code: 'run.fenced' });
  await start('a');
  await agent.report(held, eventsOf(held, { type: 'run.ended', seq: 2 }), true);
  await expect(start('b')).rejects.toMatchObject({ code: 'run.fenced' });
});

test('a run that is to begin later is not handed out before', async () => {
  const { start, agent } = await running();
  const { runId } = await start('later', { atMs: Date.now() + 3_600_000 });
  await resumeDue({ database: control.db, wake: () => undefined });
  expect((await agent.next()).runs).toEqual([]);
  await control.ownerSql('update run_claim set due_at = now() where run_id = $1', [runId]);
  await resumeDue({ database: control.db, wake: () => undefined });
  expect((await agent.next()).runs).toMatchObject([{ runId }]);
});

test('what the other workflow demands holds for runs that are started beside it too', async () => {
  const { start } = await running({ singleton: { mode: 'skip' } });
  const first = await start('a');
  await expect(start('b')).rejects.toMatchObject({ code: 'run.singleton' });
  expect(await start('a')).toEqual(first);
});
