import { afterAll, beforeAll, expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { type Control, createControlBench, eventsOf, step, treeOf } from '../../tests/fixtures/control.ts';
import type { Actor } from '../server/actor.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

/** A run that waits for a decision of some; the test is its runtime. */
async function asking(assignees: string[] | undefined, reason = 'approval') {
  const tenant = await control.newTenant('business');
  const { actor, projectId, workspaceId } = tenant;
  const tree = treeOf(projectId, { start: step('trigger.manual'), ask: step('flow.approval', { message: 'Go?' }) });
  expect(await control.publish(actor, tree)).toMatchObject({ status: 'active' });
  const agent = await control.newAgent(workspaceId);
  const workflowId = Object.keys(tree.workflows)[0] ?? '';
  const about = { projectId, environment: 'production', workflowId, triggerStepId: 'start' };
  await control.runs.start({ ...about, items: [{ json: {} }] }, actor);
  const [run] = (await agent.next(1)).runs;
  if (!run) throw new Error('there was no run to take');
  const details = { message: 'Go?', ...(assignees ? { assignees } : {}) };
  const waiting = { type: 'run.waiting' as const, stepId: 'ask', reason, details };
  await agent.report(run, eventsOf(run, { type: 'run.started' }, waiting), true);
  const { runId } = run;

  async function decide(by: Partial<Actor>): Promise<string> {
    const ask = { runId, stepId: 'ask', iteration: 0, input: { approved: true } };
    try {
      await control.runs.resume(ask, { ...actor, ...by });
      return 'decided';
    } catch (thrown) {
      const { code, message, details: more } = SluiceError.from(thrown);
      if (code === 'access.denied') expect({ message, more }).toMatchObject({ more: { assignees } });
      return code;
    }
  }

  const resumed = async () =>
    (await control.runs.events({ runId, after: 0 }, actor)).events.filter(({ type }) => type === 'run.resumed');
  return { decide, resumed };
}

const editor = { role: 'editor', email: 'ed@example.com', emailVerified: true } as const;

test('of all members only those decide whom an approval asks: by e-mail or by role, an owner no more than others', async () => {
  const { decide, resumed } = await asking(['Ann@Example.com', 'admin']);
  expect(await decide(editor)).toBe('access.denied');
  expect(await decide({ role: 'owner', email: 'owner@example.com' })).toBe('access.denied');
  expect(await decide({ ...editor, email: 'ann@example.com', emailVerified: false })).toBe('access.denied');
  expect(await decide({ ...editor, email: 'ann@example.com.evil.example' })).toBe('access.denied');
  expect(await resumed()).toEqual([]);
  expect(await decide({ ...editor, email: 'ann@example.com' })).toBe('decided');
  expect(await resumed()).toHaveLength(1);
});

test('a role that is asked decides whatever the address', async () => {
  const { decide, resumed } = await asking(['ann@example.com', 'Editor']);
  expect(await decide({ role: 'admin', email: 'ad@example.com' })).toBe('access.denied');
  expect(await decide({ ...editor, emailVerified: false })).toBe('decided');
  expect(await resumed()).toHaveLength(1);
});

test('where nobody is named every member decides, and a step that needs attention asks nobody in particular', async () => {
  const one = await asking(undefined);
  expect(await one.decide(editor)).toBe('decided');
  const two = await asking(['ann@example.com'], 'needs_attention');
  expect(await two.decide(editor)).toBe('request.invalid');
});
