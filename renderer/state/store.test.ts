import { expect, test } from 'vitest';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { applyOps, diffTrees, type Op } from '#shared/merge/ops.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { createEditor } from './store.ts';
import { projectId, twoStepTree, workflowId } from './twoSteps.fixture.ts';

const runId = '0199f2c4-7a02-7c11-8b7e-2d9f4c5e6a02';

const LOST = '0199f2c4-7a02-7c11-8b7e-2d9f4c5e6aff';
const summary = (id: string) => ({
  id,
  projectId,
  workflowId,
  workflowName: 'W',
  environment: 'local',
  trigger: 'manual' as const,
  triggerStepId: 'a_0000',
  status: 'succeeded' as const,
  attempt: 1,
  queuedAt: '2026-11-20T07:00:00Z',
  stepCount: 1,
});

/** A host that keeps one project, with the same edits and operations as the real one. */
function smallHost() {
  let tree: Tree = twoStepTree();
  let revision = 1;
  const listeners = new Set<(event: HostEvent) => void>();
  const watchers = new Set<(up: boolean) => void>();
  const calls: string[] = [];
  const answers: unknown[] = [];
  const change = (next: Tree) => {
    const { ops } = diffTrees(tree, next);
    tree = next;
    revision += 1;
    for (const tell of listeners)
      tell({ type: 'project.changed', projectId, revision, origin: 'canvas', ops, problems: [], unreadable: [] });
    return { revision };
  };
  const info = {
    id: projectId,
    name: 'P',
    dir: '/p',
    workflowCount: 1,
    trusted: true,
    sync: { state: 'local_only' as const, pending: 0 },
    openedAt: '2026-11-20T07:00:00Z',
  };
  return {
    calls,
    answers,
    tree: () => tree,
    elsewhere: (edit: Edit) => change(applyEdit(tree, edit)),
    tell: (event: HostEvent) => {
      for (const listener of listeners) listener(event);
    },
    link: {
      async call(name: string, input: unknown): Promise<unknown> {
        calls.push(name);
        const asked = input as { edits?: Edit[]; ops?: Op[] };
        if (name === 'projects.open') return { info, revision, tree, problems: [], unreadable: [] };
        if (name === 'documents.edit') return change((asked.edits ?? []).reduce(applyEdit, tree));
        if (name === 'documents.patch') return change(applyOps(tree, asked.ops ?? []));
        if (name === 'runs.list') return { data: [] };
        if (name === 'runs.start') return { runId };
        const wish = input as { runId: string; runIds?: string[]; input?: unknown };
        if (name === 'runs.resume') {
          if (wish.input === 'late') throw new SluiceError('run.not_waiting', 'Somebody answered.');
          answers.push(input);
        }
        if (name === 'runs.retryMany') {
          if (wish.runIds?.includes(LOST)) throw new SluiceError('run.lost', 'Nothing was kept.');
          return { results: wish.runIds?.map((id) => ({ runId: id, retry: id })) };
        }
        if (name === 'runs.get') return { run: summary(wish.runId), events: [], logs: [] };
        return { done: true };
      },
      subscribe: (listener: (event: HostEvent) => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      onState: (listener: (up: boolean) => void) => {
        listener(true);
        watchers.add(listener);
        return () => watchers.delete(listener);
      },
    },
    /** What happens while nobody here is told. */
    unheard: (edit: Edit) => {
      tree = applyEdit(tree, edit);
      revision += 1;
    },
    linkIs: (up: boolean) => {
      for (const watcher of watchers) watcher(up);
    },
  };
}

async function opened() {
  const host = smallHost();
  let time = 0;
  const { store } = createEditor(host.link, {
    sleep: async () => {},
    now: () => (time += 100),
    nextFrame: (run) => queueMicrotask(run),
  });
  await store.getState().openProject(projectId);
  const state = () => store.getState();
  const nameOf = (stepId: string) => state().doc?.tree.workflows[workflowId]?.steps[stepId]?.name;
  return { host, store, state, nameOf };
}

test('what happened while the link was down is there when it is back', async () => {
  const { host, state, nameOf } = await opened();
  host.linkIs(false);
  host.unheard({ type: 'renameStep', workflowId, stepId: 'a_0000', name: 'Meanwhile' });
  expect(nameOf('a_0000')).toBe('A');
  host.linkIs(true);
  await expect.poll(() => nameOf('a_0000')).toBe('Meanwhile');
  state().edit([{ type: 'renameStep', workflowId, stepId: 'a_0000', name: 'Later' }]);
  await state().settled();
  expect(host.tree().workflows[workflowId]?.steps.a_0000?.name).toBe('Later');
});

test('an error that names a step leads to it', async () => {
  const { state } = await opened();
  const about = (stepId: string) =>
    new SluiceError('workflow.invalid', 'workflows/w.yaml:7: "url" is missing.', { details: { stepId } });
  state().openWorkflowTab(workflowId);
  state().fail(about('b_0000'), 'The run did not start');
  state().toasts.at(-1)?.action?.run();
  expect(state().selection).toEqual(['b_0000']);
  state().fail(about('gone_0000'), 'The run did not start');
  expect(state().toasts.at(-1)).toMatchObject({ kind: 'bad', title: 'The run did not start' });
  expect(state().toasts.at(-1)?.action).toBeUndefined();
});

test('the same words are read out again when the same happens again', async () => {
  const { state } = await opened();
  const said = () => {
    state().announce('Copied.');
    return state().spoken;
  };
  const [first, second, third] = [said(), said(), said()];
  expect([first, second, third].map((text) => text.trim())).toEqual(['Copied.', 'Copied.', 'Copied.']);
  expect(second).not.toBe(first);
  expect(third).not.toBe(second);
});

const rename = (stepId: string, name: string): Edit => ({ type: 'renameStep', workflowId, stepId, name });

test('an edit is drawn, saved, undone and redone, on both sides', async () => {
  const { host, state, nameOf } = await opened();
  expect(state().edit([rename('a_0000', 'A1')])).toBe(true);
  expect(nameOf('a_0000')).toBe('A1');
  await state().settled();
  expect(host.tree().workflows[workflowId]?.steps.a_0000?.name).toBe('A1');
  state().undo();
  await state().settled();
  expect([nameOf('a_0000'), host.tree().workflows[workflowId]?.steps.a_0000?.name]).toEqual(['A', 'A']);
  state().redo();
  await state().settled();
  expect([nameOf('a_0000'), host.tree().workflows[workflowId]?.steps.a_0000?.name]).toEqual(['A1', 'A1']);
  expect(state().saving).toEqual({ state: 'saved' });
});

test('many commits of others that come at once are drawn together, and what is drawn is what the last of them made', async () => {
  const { host, store, state, nameOf } = await opened();
  const drawn = new Set<unknown>();
  const stop = store.subscribe(({ doc }) => drawn.add(doc?.tree));
  host.elsewhere(rename('b_0000', 'b1'));
  expect(nameOf('b_0000')).toBe('b1');
  for (let n = 2; n <= 60; n++) host.elsewhere(rename(n % 2 ? 'b_0000' : 'a_0000', `n${n}`));
  // What is done here does not wait for theirs.
  state().edit([{ type: 'renameWorkflow', workflowId, name: 'Mine' }]);
  expect(state().doc?.tree.workflows[workflowId]?.name).toBe('Mine');
  await expect.poll(() => nameOf('a_0000')).toBe('n60');
  expect([nameOf('b_0000'), state().doc?.tree.workflows[workflowId]?.name]).toEqual(['n59', 'Mine']);
  await state().settled();
  await expect.poll(() => state().doc?.pending).toEqual([]);
  expect(state().doc?.tree).toEqual(host.tree());
  expect(state().doc?.base.tree).toEqual(host.tree());
  // The first of theirs, what was done here, the rest of theirs, and what the host made of it.
  expect(drawn.size).toBeLessThanOrEqual(4);
  stop();
});

test('undo takes back what was done here and leaves what others did', async () => {
  const { host, state, nameOf } = await opened();
  state().edit([rename('a_0000', 'mine')]);
  await state().settled();
  host.elsewhere(rename('b_0000', 'theirs'));
  state().undo();
  await state().settled();
  expect([nameOf('a_0000'), nameOf('b_0000')]).toEqual(['A', 'theirs']);
});

test('the letters of a word are undone together', async () => {
  const { state, nameOf } = await opened();
  for (const name of ['N', 'Ne', 'New']) state().edit([rename('a_0000', name)], 'name of a');
  expect(nameOf('a_0000')).toBe('New');
  state().undo();
  expect(nameOf('a_0000')).toBe('A');
  expect(state().undoStack).toEqual([]);
});

test('an edit that does not fit is told and not drawn', async () => {
  const { state } = await opened();
  const before = state().doc?.tree;
  expect(state().edit([rename('gone_0000', 'x')])).toBe(false);
  expect(state().doc?.tree).toBe(before);
  expect(state().toasts).toHaveLength(1);
});

test('the events of a run reach the step they are about, and only that one', async () => {
  const { host, state } = await opened();
  await state().start({ triggerStepId: 'a_0000' });
  const common = { runId, at: '2026-11-20T07:00:00Z', fence: 0 };
  const hash = 'a'.repeat(64);
  const tell = (event: RunEvent) => host.tell({ type: 'run.event', projectId, where: 'local', event });
  tell({
    ...common,
    seq: 1,
    type: 'run.started',
    workflowId,
    execHash: hash,
    runtimeHash: hash,
    environment: 'local',
    triggerStepId: 'a_0000',
    input: { items: [{ json: {} }] },
    seed: 's',
  });
  await Promise.resolve();
  const trigger = state().runs[runId]?.run.steps.a_0000;
  tell({
    ...common,
    seq: 2,
    type: 'step.attempted',
    stepId: 'b_0000',
    iteration: 0,
    attempt: 1,
    from: [{ port: 'main', stepId: 'a_0000', iteration: 0, outPort: 'main' }],
  });
  await Promise.resolve();
  expect(state().runs[runId]?.run.steps.b_0000?.status).toBe('running');
  expect(state().runs[runId]?.run.steps.a_0000).toBe(trigger);
  expect(state().runs[runId]?.run.edges).toEqual({ 'a_0000.main->b_0000.main': 1 });
});

test('a wait is ended with what somebody says, and looked at again where somebody was quicker', async () => {
  const { host, state } = await opened();
  const wait = { stepId: 'a_0000', path: ['call:0'], reason: 'approval' as const };
  await state().answerWait({ runId, where: 'local' }, wait, { approved: true });
  expect(host.answers).toEqual([
    { runId, stepId: 'a_0000', iteration: 0, path: ['call:0'], input: { approved: true } },
  ]);
  await expect(state().answerWait({ runId, where: 'local' }, wait, 'late')).rejects.toThrow('Somebody answered.');
  expect(host.calls.at(-1)).toBe('runs.get');
});

test('many runs are done again a hundred at a time, and a call that fails says so of each of its runs', async () => {
  const { host, state } = await opened();
  const ids = Array.from({ length: 101 }, (_, i) => `${runId.slice(0, -3)}${String(i).padStart(3, '0')}`);
  const results = await state().retryRuns(ids, 'local', { from: 'failed', version: 'same' });
  expect(results.map((one) => one.runId)).toEqual(ids);
  expect(host.calls.filter((name) => name === 'runs.retryMany')).toHaveLength(2);
  expect(await state().retryRuns([LOST], 'local', { from: 'failed', version: 'same' })).toMatchObject([
    { runId: LOST, error: { code: 'run.lost', message: 'Nothing was kept.' } },
  ]);
});

test('a run that is led to stands in the list where its time is, once', async () => {
  const { store, state } = await opened();
  const older = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
  store.setState({ localRuns: [summary('0199f2c4-8a02-7c11-8b7e-2d9f4c5e6a02')] });
  await state().lookAt(older, 'local');
  await state().lookAt(older, 'local');
  expect(state().localRuns.map(({ id }) => id)).toEqual(['0199f2c4-8a02-7c11-8b7e-2d9f4c5e6a02', older]);
  expect(state()).toMatchObject({ area: 'runs', runsWhere: 'local', lookedAt: older });
});
