import { afterEach, describe, expect, test } from 'vitest';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { SluiceError } from '#shared/error.ts';
import { newRun, openControl, quietLogger, temporaryDir, until } from '../../tests/fixtures/agent.ts';
import { PROJECT_ID, type Sketch, sketchTree } from '../../tests/fixtures/engine.ts';
import type { HttpReply, HttpRequest } from '../connectors/stepType.ts';
import { noFiles } from '../engine/ports/noFiles.ts';
import { openProjectStore } from '../engine/ports/projectStore.ts';
import { systemClock } from '../engine/ports/systemClock.ts';
import { startAgent } from './agent.ts';
import { nodeHashing } from './runPorts.ts';

const CHILD = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
const fine: HttpReply = { status: 200, headers: {}, body: { ok: true } };
const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A control plane with a runtime in this process; what steps send goes to `http`. */
function setUp(
  http: (request: HttpRequest, key: string | undefined) => HttpReply | Promise<HttpReply> = () => fine,
  resumeBase?: string,
) {
  const place = temporaryDir();
  opened.push(() => place[Symbol.dispose]());
  const control = openControl(place.dir, { ...(resumeBase ? { resumeBase } : {}) });
  opened.push(() => control.close());
  const store = openProjectStore(':memory:');
  const agent = startAgent({
    client: control.agent(PROJECT_ID) as Parameters<typeof startAgent>[0]['client'],
    portsFor: () => ({
      clock: systemClock,
      blobs: control.blobs,
      http: { send: async (request, { idempotencyKey }) => http(request, idempotencyKey) },
      store,
      files: noFiles(),
      sandbox: {
        run: () => Promise.reject(new SluiceError('code.failed', 'No scripts here.')),
        close: () => Promise.resolve(),
      },
      hashing: nodeHashing,
    }),
    bootSecret: '',
    runtimeHash: 'a'.repeat(64),
    runsAtOnce: 10,
    log: quietLogger(),
  });
  opened.push(() => agent.stop(0));
  const status = (runId: string) => control.status(runId);
  const reach = (runId: string, wanted: RunSummary['status']) => until(() => status(runId) === wanted);
  return { control, reach, eventsOf: (runId: string) => control.get(runId)?.events ?? [] };
}

const asking: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    ask: { uses: 'flow.approval', config: { message: 'Really?' } },
    yes: { uses: 'items.set', config: { fields: { went: true } } },
  },
  edges: ['start -> ask', 'ask.approved -> yes'],
};

describe('a run that waits for a person', () => {
  test('says what for, goes on at once when it is answered, and takes a second click as the same', async () => {
    const { control, reach, eventsOf } = setUp();
    const { runId } = await control.start(newRun(asking));
    await reach(runId, 'waiting');
    await until(() => control.get(runId)?.run.wait?.stepId === 'ask');
    expect(control.get(runId)?.run.wait).toMatchObject({ reason: 'approval', details: { message: 'Really?' } });
    const answer = { runId, stepId: 'ask', by: 'local', input: { approved: true, comment: 'Yes.' } };
    control.resume(answer);
    control.resume(answer);
    await reach(runId, 'succeeded');
    expect(eventsOf(runId).filter(({ type }) => type === 'run.resumed')).toMatchObject([{ by: 'local' }]);
    expect(eventsOf(runId).map(({ seq }) => seq)).toEqual(eventsOf(runId).map((_, index) => index + 1));
    control.resume(answer);
    expect(() => control.resume({ ...answer, input: { approved: false } })).toThrow(
      expect.objectContaining({ code: 'run.not_waiting' }),
    );
  });

  test('lets the person at this computer decide, whoever is asked on a server', async () => {
    const { control, reach } = setUp();
    const sketch = structuredClone(asking);
    if (sketch.steps.ask) sketch.steps.ask.config = { message: 'Really?', assignees: 'ann@example.com, admin' };
    const { runId } = await control.start(newRun(sketch));
    await reach(runId, 'waiting');
    control.resume({ runId, stepId: 'ask', by: 'local', input: { approved: true } });
    await reach(runId, 'succeeded');
  });

  test('refuses an answer that does not fit, and one for a step that does not wait', async () => {
    const { control, reach } = setUp();
    const { runId } = await control.start(newRun(asking));
    await reach(runId, 'waiting');
    const refused = (more: object, code: string) =>
      expect(() => control.resume({ runId, stepId: 'ask', by: 'local', input: { approved: true }, ...more })).toThrow(
        expect.objectContaining({ code }),
      );
    refused({ input: { approved: 'yes' } }, 'request.invalid');
    refused({ stepId: 'yes' }, 'run.not_waiting');
    refused({ iteration: 1 }, 'run.not_waiting');
    refused({ runId: CHILD }, 'run.not_found');
    expect(control.status(runId)).toBe('waiting');
  });

  test('an answer that comes while the run is at work elsewhere is kept until it rests', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { control, reach, eventsOf } = setUp(async () => {
      await gate;
      return fine;
    });
    const two: Sketch = {
      steps: {
        ...asking.steps,
        second: { uses: 'flow.approval', config: { message: 'And this?' } },
        slow: { uses: 'http.request', config: { method: 'GET', url: 'https://slow.example/' } },
      },
      edges: [...asking.edges, 'start -> second', 'yes -> slow'],
    };
    const { runId } = await control.start(newRun(two));
    await reach(runId, 'waiting');
    control.resume({ runId, stepId: 'ask', by: 'local', input: { approved: true } });
    await until(() => eventsOf(runId).some((event) => event.type === 'step.attempted' && event.stepId === 'yes'));
    control.resume({ runId, stepId: 'second', by: 'local', input: { approved: false } });
    expect(eventsOf(runId).filter(({ type }) => type === 'run.resumed')).toHaveLength(1);
    go();
    await reach(runId, 'succeeded');
    expect(eventsOf(runId).filter(({ type }) => type === 'run.resumed')).toHaveLength(2);
  });
});

describe('a run that waits for a reply', () => {
  const tree = sketchTree({
    steps: {
      start: { uses: 'trigger.manual' },
      send: { uses: 'http.request', config: { method: 'POST', url: 'https://x.example/', body: '=$run.resumeUrl' } },
      reply: { uses: 'flow.waitFor' },
    },
    edges: ['start -> send', 'send -> reply'],
  });

  test('gives its own address away and takes the reply there, also one that comes before it waits', async () => {
    let address = '';
    const early: (() => void)[] = [];
    const world = setUp((request) => {
      address = String(request.body);
      for (const one of early.splice(0)) one();
      return fine;
    }, 'http://127.0.0.1:9');
    const { control, reach, eventsOf } = world;
    const { runId } = await control.start(newRun(tree));
    await reach(runId, 'waiting');
    const [, token = ''] = new RegExp(`^http://127\\.0\\.0\\.1:9/resume/${runId}/([\\w-]{43})$`).exec(address) ?? [];
    expect(() => control.resumeByToken(runId, `${token.slice(1)}x`, {})).toThrow(
      expect.objectContaining({ code: 'run.not_found' }),
    );
    control.resumeByToken(runId, token, { body: { n: 1 }, query: {}, headers: {} });
    await reach(runId, 'succeeded');
    expect(eventsOf(runId).find(({ type }) => type === 'run.resumed')).toMatchObject({ by: 'webhook' });
    expect(() => control.resumeByToken(runId, token, {})).toThrow(expect.objectContaining({ code: 'run.not_waiting' }));

    early.push(() => {
      const [id = '', key = ''] = address.split('/').slice(-2);
      control.resumeByToken(id, key, { body: 'soon' });
    });
    const second = await control.start(newRun(tree));
    await reach(second.runId, 'succeeded');
    expect(control.get(second.runId)?.run.stepCount).toBe(2);
  });
});

describe('a run that is done again', () => {
  const failing: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      first: { uses: 'http.request', config: { method: 'POST', url: 'https://x.example/first' } },
      each: { uses: 'flow.loop', config: { batch: 1 } },
      send: {
        uses: 'http.request',
        config: {
          method: 'POST',
          url: "https://x.example/{{ $('start').item.json.n }}",
          idempotencyHeader: 'Idempotency-Key',
        },
      },
    },
    edges: ['start -> first', 'first -> each', 'each.loop -> send', 'send -> each.next'],
  };
  const items = [1, 2, 3].map((n) => ({ json: { n } }));

  test('goes on where it failed, in the middle of a loop, and repeats nothing that was sent', async () => {
    const sent: string[] = [];
    const keys: (string | undefined)[] = [];
    let broken = true;
    const { control, reach, eventsOf } = setUp((request, key) => {
      sent.push(request.url.slice(-1));
      if (request.url.endsWith('/2')) {
        keys.push(key);
        if (broken) throw new SluiceError('connector.rejected', 'Not now.');
      }
      return fine;
    });
    const { runId } = await control.start(newRun(failing, { items }));
    await reach(runId, 'failed');
    await expect(control.retry({ runId: CHILD, from: 'failed' })).rejects.toMatchObject({ code: 'run.not_found' });
    broken = false;
    const again = await control.retry({ runId, from: 'failed' });
    await reach(again.runId, 'succeeded');
    expect(sent.toSorted()).toEqual(['1', '2', '2', '3', 't', 't', 't']);
    expect(keys[0]).toBe(keys[1]);
    expect(control.get(again.runId)?.run).toMatchObject({ retryOf: runId, stepCount: 3 });
    const events = eventsOf(again.runId);
    expect(events[0]).toMatchObject({ type: 'run.started', retryOf: runId });
    const taken = events.filter(({ source }) => source !== undefined);
    expect(taken.length).toBeGreaterThan(3);
    expect(new Set(taken.map(({ source }) => source))).toEqual(new Set([runId]));
    expect(taken.find(({ type }) => type === 'step.succeeded')?.at).toBe(
      eventsOf(runId).find(({ type }) => type === 'step.succeeded')?.at,
    );
    await expect(control.retry({ runId: again.runId, from: 'failed' })).rejects.toMatchObject({
      code: 'request.invalid',
    });
  });

  test('from the start or from a step it sends again, under keys of its own', async () => {
    const keys: (string | undefined)[] = [];
    const sent: string[] = [];
    const { control, reach } = setUp((request, key) => {
      sent.push(request.url.slice(-1));
      if (request.url.endsWith('/1')) keys.push(key);
      return fine;
    });
    const { runId } = await control.start(newRun(failing, { items: items.slice(0, 1) }));
    await reach(runId, 'succeeded');
    const fromStep = await control.retry({ runId, from: 'failed', fromStepId: 'send' });
    await reach(fromStep.runId, 'succeeded');
    expect(sent.toSorted()).toEqual(['1', '1', 't']);
    const whole = await control.retry({ runId, from: 'start' });
    await reach(whole.runId, 'succeeded');
    expect(sent.toSorted()).toEqual(['1', '1', '1', 't', 't']);
    expect(new Set(keys).size).toBe(3);
  });

  test('on a newer version it keeps what did not change, and a run at work cannot be done again', async () => {
    const sent: string[] = [];
    const { control, reach } = setUp((request) => {
      sent.push(request.url.slice(-1));
      if (request.url.endsWith('/1')) throw new SluiceError('connector.rejected', 'Wrong address.');
      return fine;
    });
    const { runId } = await control.start(newRun(failing, { items: items.slice(0, 1) }));
    await reach(runId, 'failed');
    const fixed = structuredClone(failing);
    if (fixed.steps.send) fixed.steps.send.config = { method: 'POST', url: 'https://x.example/fixed' };
    const again = await control.retry({ runId, from: 'failed', latest: { tree: sketchTree(fixed), vars: {} } });
    await reach(again.runId, 'succeeded');
    expect(sent.toSorted()).toEqual(['1', 'd', 't']);
    const waits = await control.start(newRun(asking));
    await reach(waits.runId, 'waiting');
    await expect(control.retry({ runId: waits.runId, from: 'start' })).rejects.toMatchObject({
      code: 'run.not_finished',
    });
  });
});

describe('the error workflow', () => {
  const tree = (inner: Sketch['steps']) =>
    sketchTree(
      {
        steps: { start: { uses: 'trigger.manual' }, end: { uses: 'flow.stop', config: { message: 'On purpose.' } } },
        edges: ['start -> end'],
        settings: { errorWorkflow: CHILD },
      },
      {
        workflows: {
          [CHILD]: {
            steps: { told: { uses: 'trigger.error' }, ...inner },
            edges: Object.keys(inner).map((id) => `told -> ${id}`),
            settings: { errorWorkflow: CHILD },
          },
        },
      },
    );

  test.each(['stored', 'held', 'unkept'] as const)('starts once for a run that failed (%s)', async (accept) => {
    const { control } = setUp();
    const version = tree({ note: { uses: 'items.set', config: { fields: { seen: true } } } });
    const main = version.workflows[newRun(version).workflowId];
    if (accept === 'unkept' && main) main.settings.durability = 'none';
    const { runId } = await control.start(newRun(version, { accept }));
    const told = () => control.list({ projectId: PROJECT_ID, workflowId: CHILD, limit: 10 }).data;
    await until(() => told()[0]?.status === 'succeeded');
    expect(told()).toMatchObject([{ trigger: 'error', triggerStepId: 'told' }]);
    const events = control.get(told()[0]?.id ?? '')?.events;
    expect(events?.[0]).toMatchObject({
      input: {
        items: [
          {
            json: {
              run: { id: runId, workflowName: 'Sketch', status: 'failed' },
              error: { code: 'step.stopped', message: 'On purpose.', stepId: 'end' },
              trigger: 'manual',
            },
          },
        ],
      },
    });
  });

  test('is not told of its own failure', async () => {
    const { control } = setUp();
    await control.start(newRun(tree({ broken: { uses: 'flow.stop', config: { message: 'As well.' } } })));
    const told = () => control.list({ projectId: PROJECT_ID, workflowId: CHILD, limit: 10 }).data;
    await until(() => told()[0]?.status === 'failed');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(told()).toHaveLength(1);
  });
});

test('a run that another one starts beside itself is executed too', async () => {
  const { control } = setUp();
  const version = sketchTree(
    {
      steps: {
        start: { uses: 'trigger.manual' },
        call: { uses: 'flow.runWorkflow', config: { workflow: CHILD, wait: false } },
      },
      edges: ['start -> call'],
    },
    { workflows: { [CHILD]: { steps: { go: { uses: 'trigger.workflow' } }, edges: [] } } },
  );
  await control.start(newRun(version));
  const beside = () => control.list({ projectId: PROJECT_ID, workflowId: CHILD, limit: 10 }).data;
  await until(() => beside()[0]?.status === 'succeeded');
  expect(beside()).toMatchObject([{ trigger: 'sub_workflow', triggerStepId: 'go' }]);
});

test('a run that is to start later is not begun before', async () => {
  const { control, reach } = setUp();
  const atMs = Date.now() + 150;
  const { runId } = await control.start(newRun(asking, { atMs }));
  const other = await control.start(newRun(asking));
  await reach(other.runId, 'waiting');
  await reach(runId, 'waiting');
  expect(Date.parse(control.get(runId)?.run.startedAt ?? '')).toBeGreaterThanOrEqual(atMs);
});
