import { describe, expect, test } from 'vitest';
import { createVirtualClock } from '#runtime/engine/ports/virtualClock.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { RUN_ID, type RunSketch, runSketch, runTree, type Sketch, sketchTree } from '../../tests/fixtures/engine.ts';

const START = Date.parse('2026-11-20T07:00:00Z');
const HOUR = 3_600_000;
const later = (ms: number) => createVirtualClock(START + ms);
const CHILD = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
const fine = { status: 201, headers: {}, body: { id: 1 } };

/** A journal in which somebody ended its last wait. */
function answered(events: readonly RunEvent[], input: Json, by = 'user-1'): RunEvent[] {
  const wait = events.findLast((event) => event.type === 'run.waiting');
  if (!wait) throw new Error('The run does not wait.');
  const { stepId, iteration, path } = wait;
  const at = new Date(START + HOUR).toISOString();
  const common = { runId: RUN_ID, fence: 1, seq: events.length + 1, at, ...(path ? { path } : {}) };
  return [...events, { ...common, type: 'run.resumed', stepId, iteration, by, input }];
}

const approving: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    ask: {
      uses: 'flow.approval',
      config: { message: 'Publish {{ $json.title }}?', assignees: 'editor, a@example.com', timeoutMs: HOUR },
    },
    yes: { uses: 'items.set', config: { fields: { went: 'yes' } } },
    no: { uses: 'items.set', config: { fields: { went: 'no' } } },
    late: { uses: 'items.set', config: { fields: { went: 'late' } } },
  },
  edges: ['start -> ask', 'ask.approved -> yes', 'ask.rejected -> no', 'ask.expired -> late'],
};

describe('a run that asks for approval', () => {
  const begin = (more: RunSketch = {}) => runSketch(approving, { items: [{ title: 'News' }], ...more });

  test('waits, and says what for, whom and until when', async () => {
    const run = await begin();
    expect(run.outcome.status).toBe('waiting');
    expect(run.ofType('run.waiting')).toMatchObject([
      {
        stepId: 'ask',
        reason: 'approval',
        until: '2026-11-20T08:00:00.000Z',
        details: { message: 'Publish News?', assignees: ['editor', 'a@example.com'] },
      },
    ]);
  });

  test('does not wait for somebody whom nobody can be', async () => {
    const sketch = structuredClone(approving);
    if (sketch.steps.ask) sketch.steps.ask.config = { message: 'Go?', assignees: '={{ $json.who }}' };
    const run = await runSketch(sketch, { items: [{ who: 'a@example.com, boss' }] });
    expect(run.outcome).toMatchObject({
      status: 'failed',
      error: { code: 'config.invalid', message: expect.stringContaining('"boss"') },
    });
    const fine = await runSketch(sketch, { items: [{ who: 'A@example.com, Owner,' }] });
    expect(fine.ofType('run.waiting')[0]?.details?.assignees).toEqual(['A@example.com', 'Owner']);
  });

  test.each([
    ['yes', { approved: true, comment: 'Fine.' }, { approved: true, by: 'user-1', comment: 'Fine.' }],
    ['no', { approved: false }, { approved: false, by: 'user-1' }],
  ])('goes on by the port of the decision: %s', async (stepId, input, approval) => {
    const first = await begin();
    const run = await begin({ events: answered(first.events, input), fence: 2, clock: later(HOUR / 2) });
    expect(run.outcome).toEqual({ status: 'succeeded' });
    expect(run.left(stepId)).toMatchObject([
      { title: 'News', approval: { ...approval, at: '2026-11-20T08:00:00.000Z' } },
    ]);
    expect(['yes', 'no', 'late'].filter((id) => run.runsOf(id) > 0)).toEqual([stepId]);
  });

  test('goes on by expired once the time is over, and an answer that came first still counts', async () => {
    const first = await begin();
    const expired = await begin({ events: first.events, fence: 2, clock: later(HOUR) });
    expect(expired.left('late')).toMatchObject([{ approval: { approved: false, by: 'timer' } }]);
    const inTime = await begin({
      events: answered(first.events, { approved: true }),
      fence: 2,
      clock: later(10 * HOUR),
    });
    expect(inTime.runsOf('yes')).toBe(1);
  });

  test('is still waiting after another start without an answer, and says so once more', async () => {
    const first = await begin();
    const again = await begin({ events: first.events, fence: 2, clock: later(1_000) });
    expect(again.outcome.status).toBe('waiting');
    expect(again.events.at(-1)).toMatchObject({ type: 'run.waiting', details: { message: 'Publish News?' } });
  });

  test('goes on from any cut of its journal after the decision with the same decision', async () => {
    const first = await begin();
    const whole = await begin({ events: answered(first.events, { approved: true }), fence: 2, clock: later(HOUR / 2) });
    const resumed = whole.events.findIndex((event) => event.type === 'run.resumed');
    for (let cut = resumed + 1; cut < whole.events.length; cut++) {
      const run = await begin({ events: whole.events.slice(0, cut), fence: 3, clock: later(50 * HOUR) });
      expect(run.left('yes'), `cut after event ${cut}`).toEqual(whole.left('yes'));
    }
  });

  test('fails with advice where nothing of the run is kept', async () => {
    const run = await runSketch({ ...approving, settings: { durability: 'none' } });
    expect(run.outcome).toMatchObject({
      status: 'failed',
      error: { code: 'workflow.invalid', stepId: 'ask', detail: expect.stringContaining('durability') },
    });
  });
});

test('a wait for an answer works in each batch of a loop and inside a workflow that is called', async () => {
  const tree = sketchTree(
    {
      steps: {
        start: { uses: 'trigger.manual' },
        each: { uses: 'flow.loop', config: { batch: 1 } },
        call: { uses: 'flow.runWorkflow', config: { workflow: CHILD } },
      },
      edges: ['start -> each', 'each.loop -> call', 'call -> each.next'],
    },
    {
      workflows: {
        [CHILD]: {
          steps: { go: { uses: 'trigger.workflow' }, reply: { uses: 'flow.waitFor', config: { message: 'Say.' } } },
          edges: ['go -> reply'],
        },
      },
    },
  );
  const items = [{ n: 1 }, { n: 2 }];
  let run = await runTree(tree, { items });
  for (let n = 1; n <= 2; n++) {
    expect(run.ofType('run.waiting').at(-1)).toMatchObject({ stepId: 'reply', path: [`call:${n - 1}`] });
    run = await runTree(tree, { items, events: answered(run.events, { body: { n } }, 'webhook'), fence: n + 1 });
  }
  expect(run.outcome).toEqual({ status: 'succeeded' });
  expect(run.left('each', 'done')).toEqual([1, 2].map((n) => ({ body: { n }, query: {}, headers: {} })));
});

describe('an effect that may have happened', () => {
  const sketch = (onError: 'stop' | 'port' = 'stop'): Sketch => ({
    steps: {
      start: { uses: 'trigger.manual' },
      send: { uses: 'http.request', config: { method: 'POST', url: 'https://t.example/', body: { a: 1 } }, onError },
      problem: { uses: 'items.set', config: { fields: { seen: 1 } } },
    },
    edges: ['start -> send', 'send.error -> problem'],
  });
  const keys: (string | undefined)[] = [];
  const unclear = (_request: unknown, key: string | undefined) => {
    keys.push(key);
    throw new SluiceError('connector.unclear', 'No answer came.');
  };

  test('is shown with its request, its key and when it was sent', async () => {
    const run = await runSketch(sketch(), { http: unclear });
    expect(run.events.at(-1)).toMatchObject({
      type: 'run.waiting',
      reason: 'needs_attention',
      error: { code: 'connector.unclear', stepId: 'send' },
      details: {
        effect: '0.0',
        kind: 'http',
        request: { method: 'POST', url: 'https://t.example/' },
        sentAt: '2026-11-20T07:00:00.000Z',
        key: run.ofType('effect.intended')[0]?.key,
      },
    });
  });

  test('is sent again under the same key when a person says so, and asked about again if that is unclear too', async () => {
    keys.length = 0;
    const first = await runSketch(sketch(), { http: unclear });
    const events = answered(first.events, { decision: 'retry' });
    const second = await runSketch(sketch(), { http: unclear, events, fence: 2 });
    expect(second.events.at(-1)).toMatchObject({ type: 'run.waiting', reason: 'needs_attention' });
    expect(new Set(keys).size).toBe(1);
    expect(keys).toHaveLength(2);
    const third = await runSketch(sketch(), {
      http: () => fine,
      events: answered(second.events, { decision: 'retry' }),
      fence: 3,
    });
    expect(third.outcome.status).toBe('succeeded');
  });

  test('is asked about again when the process dies while it is sent again', async () => {
    const first = await runSketch(sketch(), { http: unclear });
    const whole = await runSketch(sketch(), {
      http: () => fine,
      events: answered(first.events, { decision: 'retry' }),
      fence: 2,
    });
    const intended = whole.events.findLastIndex((event) => event.type === 'effect.intended');
    let sent = 0;
    const again = await runSketch(sketch(), {
      http: () => {
        sent++;
        return fine;
      },
      events: whole.events.slice(0, intended + 1),
      fence: 3,
    });
    expect(again.outcome.status).toBe('waiting');
    expect(sent).toBe(0);
  });

  test('has the answer that a person gives, and is not sent', async () => {
    const first = await runSketch(sketch(), { http: unclear });
    const events = answered(first.events, { decision: 'done', result: { id: 7 } });
    const run = await runSketch(sketch(), { events, fence: 2 });
    expect(run.outcome.status).toBe('succeeded');
    expect(run.left('send')).toMatchObject([{ status: 200, body: { id: 7 } }]);
    expect(run.ofType('effect.recorded').at(-1)).toMatchObject({ by: 'user-1', result: { body: { id: 7 } } });
  });

  test.each([
    ['stop', 'failed', 0],
    ['port', 'succeeded', 1],
  ] as const)('that is given up fails its step, and onError %s applies', async (onError, status, problems) => {
    const first = await runSketch(sketch(onError), { http: unclear });
    const run = await runSketch(sketch(onError), { events: answered(first.events, { decision: 'fail' }), fence: 2 });
    expect(run.outcome.status).toBe(status);
    expect(run.runsOf('problem')).toBe(problems);
    if (status === 'failed') expect(run.outcome.error).toMatchObject({ code: 'connector.rejected', stepId: 'send' });
  });
});

describe('a workflow that another one calls', () => {
  const tree = (limits: object = {}, inner = 'items.set') =>
    sketchTree(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          call: { uses: 'flow.runWorkflow', config: { workflow: CHILD }, ...limits },
        },
        edges: ['start -> call'],
      },
      {
        workflows: {
          [CHILD]: {
            steps: {
              go: {
                uses: 'trigger.workflow',
                config: { inputs: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } },
              },
              by_hand: { uses: 'trigger.manual' },
              work: {
                uses: inner,
                config:
                  inner === 'items.set' ? { fields: { done: true } } : { method: 'GET', url: 'https://t.example/' },
              },
            },
            edges: ['go -> work'],
          },
        },
      },
    );

  test('begins at the trigger made for that, with items that fit what it declares', async () => {
    const run = await runTree(tree(), { items: [{ n: 1 }] });
    expect(run.left('call')).toEqual([{ n: 1, done: true }]);
    const refused = await runTree(tree(), { items: [{ n: 1 }, { n: 'two' }] });
    expect(refused.outcome.error).toMatchObject({
      code: 'data.invalid',
      stepId: 'call',
      message: expect.stringContaining('item 1'),
      details: { field: 'n' },
    });
  });

  test('is cut off with the step that called it, and a step of it that was at work is shown as ended', async () => {
    const run = await runTree(tree({ timeoutMs: 30 }, 'http.request'), {
      items: [{ n: 1 }],
      http: () => new Promise(() => undefined),
    });
    expect(run.outcome).toMatchObject({ status: 'failed', error: { code: 'step.timed_out', stepId: 'call' } });
    expect(run.ofType('step.skipped')).toMatchObject([
      { stepId: 'work', iteration: 0, reason: 'group_ended', path: ['call:0'] },
    ]);
  });
});

test('a run that is started beside another is started once, with a key of its own effect', async () => {
  const started: { workflowId: string; triggerStepId: string; key: string; items: unknown[] }[] = [];
  const tree = sketchTree(
    {
      steps: {
        start: { uses: 'trigger.manual' },
        call: { uses: 'flow.runWorkflow', config: { workflow: CHILD, wait: false } },
      },
      edges: ['start -> call'],
    },
    { workflows: { [CHILD]: { steps: { go: { uses: 'trigger.manual' } }, edges: [] } } },
  );
  const control = {
    start: async (request: (typeof started)[number]) => {
      started.push(request);
      return { runId: CHILD };
    },
  };
  const run = await runTree(tree, { items: [{ n: 1 }], control });
  expect(run.left('call')).toEqual([{ runId: CHILD }]);
  expect(started).toMatchObject([{ workflowId: CHILD, triggerStepId: 'go', items: [{ json: { n: 1 } }] }]);
  const recorded = run.events.findIndex((event) => event.type === 'effect.recorded');
  await runTree(tree, { items: [{ n: 1 }], control, events: run.events.slice(0, recorded + 1), fence: 2 });
  expect(started).toHaveLength(1);
  await runTree(tree, { items: [{ n: 1 }], control, events: run.events.slice(0, recorded), fence: 2 });
  expect(started[1]?.key).toBe(started[0]?.key);
});
