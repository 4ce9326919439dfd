import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Control, createControlBench, eventsOf, step, treeOf } from '../../tests/fixtures/control.ts';
import { createHookTargets } from '../hooks/hookTargets.ts';
import type { Letter, Mail } from '../platform/mail.ts';
import { scheduleTick } from '../schedules/scheduleTick.ts';
import { reconcile } from '../worker/reconcile.ts';
import { createWorkspaceService } from './workspaceService.ts';

/** What is published in a workspace that is deleted, with a runtime that is the test. */
let control: Control;
const letters: Letter[] = [];
const stopped: string[] = [];
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const mail: Mail = {
  post: async (_tx, letter) => void letters.push(letter),
  send: async (letter) => void letters.push(letter),
  tick: async () => 0,
  close: () => undefined,
};

test('what runs in a deleted workspace ends, nothing begins there, and once it is back it goes on', async () => {
  const { actor, projectId, workspaceId } = await control.newTenant();
  const steps = {
    start: step('trigger.manual'),
    tick: step('trigger.schedule', { cron: '0 0 1 1 *' }),
    hook: step('trigger.webhook', { path: 'in' }),
    work: step('items.set', { fields: { n: 1 } }, { mode: 'each' }),
  };
  const tree = treeOf(projectId, steps, {
    edges: ['start.main->work.main', 'tick.main->work.main', 'hook.main->work.main'],
  });
  const deployment = await control.publish(actor, tree);
  const workflowId = Object.keys(tree.workflows)[0] ?? '';
  const begin = () =>
    control.runs.start({ projectId, environment: 'production', workflowId, triggerStepId: 'start', items: [] }, actor);
  const targets = createHookTargets({ ...control, database: control.db });
  const key = deployment.hooks[0]?.url.split('/').at(-1) ?? '';
  const called = () => targets.resolve({ workspaceId, workflowId, key }, true);
  const agent = await control.newAgent(workspaceId);
  const [held, queued] = [await begin(), await begin()];
  const { runs } = await agent.next(1);
  const assignment = runs[0];
  if (!assignment) throw new Error('nothing was handed out');
  expect(assignment.runId).toBe(held.id);
  await agent.report(assignment, eventsOf(assignment, { type: 'run.started' }));
  expect(await called()).toMatchObject({ workspaceId });

  const service = createWorkspaceService({
    db: control.db,
    secrets: control.secrets,
    mail,
    allowances: control.allowances,
    onDeleted: (id) => void stopped.push(id),
  });
  const [{ slug } = { slug: '' }] = await control.ownerSql<{ slug: string }>(
    'select slug from workspace where id = $1',
    [workspaceId],
  );
  await service.delete({ confirm: slug }, actor);
  expect(stopped).toEqual([workspaceId]);
  expect(letters.map(({ subject }) => subject)).toEqual(['The workspace “Test” was deleted']);
  const statusOf = async (id: string) =>
    (await control.ownerSql<{ status: string }>('select status from run where id = $1', [id]))[0]?.status;
  expect(await statusOf(queued.id)).toBe('cancelled');
  // The runtime is told, or where it is gone already the run ends with its lease.
  await control.ownerSql('update run_claim set lease_until = now() where run_id = $1', [held.id]);
  await reconcile({ ...control, database: control.db, wake: () => undefined });
  expect(await statusOf(held.id)).toBe('cancelled');

  await expect(begin()).rejects.toMatchObject({ code: 'workspace.not_found' });
  await expect(called()).rejects.toMatchObject({ status: 404 });
  const handedOut = agent.next(1).then(
    ({ runs: more }) => more,
    () => [],
  );
  expect(await handedOut).toEqual([]);
  const due = () => control.ownerSql('update schedule set next_run_at = now() where workspace_id = $1', [workspaceId]);
  const fires = () => control.ownerSql('select outcome from schedule_fire where workspace_id = $1', [workspaceId]);
  await due();
  expect(await scheduleTick({ ...control, database: control.db })).toBe(0);
  expect(await fires()).toEqual([]);

  const { sessionId, family, userId, email, name, emailVerified, ...caller } = actor;
  const session = { sessionId, family, userId, email, name, emailVerified };
  await service.restore({ workspaceId }, { ...caller, session });
  expect(await scheduleTick({ ...control, database: control.db })).toBe(1);
  expect(await fires()).toEqual([{ outcome: 'started' }]);
  expect(await called()).toMatchObject({ workspaceId });
  expect((await begin()).status).toBe('queued');
});
