import { afterEach, expect, test } from 'vitest';
import type { NewRun } from '#runtime/agent/localControl.ts';
import { SluiceError } from '#shared/error.ts';
import type { EventOf, RunEvent } from '#shared/run/events.ts';
import { execTree } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { newRun, openControl, quietLogger, temporaryDir, until } from '../../tests/fixtures/agent.ts';
import { PROJECT_ID, type Sketch, sketchTree, WORKFLOW_ID } from '../../tests/fixtures/engine.ts';
import { startAgent } from '../agent/agent.ts';
import { nodeHashing } from '../agent/runPorts.ts';
import type { HttpReply, HttpRequest } from '../connectors/stepType.ts';
import { noFiles } from '../engine/ports/noFiles.ts';
import { openProjectStore } from '../engine/ports/projectStore.ts';
import { systemClock } from '../engine/ports/systemClock.ts';
import { replayTape } from './replayTape.ts';
import { readTape, type Tape, writeTape } from './tape.ts';

const CHILD = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
const noScripts = {
  run: () => Promise.reject(new SluiceError('code.failed', 'This test has no sandbox.')),
  close: () => Promise.resolve(),
};
const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A control plane with a runtime in this process; what steps send goes to `http`. */
function setUp(http: (request: HttpRequest) => HttpReply) {
  const place = temporaryDir();
  opened.push(() => place[Symbol.dispose]());
  const control = openControl(place.dir);
  opened.push(() => control.close());
  const store = openProjectStore(':memory:');
  const agent = startAgent({
    client: control.agent(PROJECT_ID) as Parameters<typeof startAgent>[0]['client'],
    portsFor: () => ({
      clock: systemClock,
      blobs: control.blobs,
      http: { send: async (request) => http(request) },
      store,
      files: noFiles(),
      sandbox: noScripts,
      hashing: nodeHashing,
    }),
    bootSecret: '',
    runtimeHash: 'a'.repeat(64),
    runsAtOnce: 10,
    log: quietLogger(),
  });
  opened.push(() => agent.stop(0));

  async function ended(runId: string): Promise<readonly RunEvent[]> {
    await until(() => control.get(runId)?.run.finishedAt !== undefined);
    return control.get(runId)?.events ?? [];
  }

  return {
    start: async (run: NewRun) => {
      const { runId } = await control.start(run);
      await ended(runId);
      return runId;
    },
    /** The journal and the tape of a run that goes on with an earlier one. */
    async retry(request: Parameters<typeof control.retry>[0], tree: Tree) {
      const { runId } = await control.retry(request);
      const events = await ended(runId);
      const hash = 'a'.repeat(64);
      const about = { runId, workflowId: WORKFLOW_ID, execHash: hash, runtimeHash: hash, tree, redacted: [] };
      const tape = readTape(await writeTape({ ...about, events, blob: (name) => control.blobs.get(name) }));
      return { runId, events, tape };
    },
  };
}

const replay = (tape: Tape) => replayTape(tape, { sandbox: noScripts });
const statusOf = (events: readonly RunEvent[]) => events.at(-1)?.type === 'run.ended' && events.at(-1);
const post = (url: string) => ({
  uses: 'http.request',
  config: { method: 'POST', url, body: { id: '=uuidv4()' }, idempotencyHeader: 'Idempotency-Key' },
});

/** Three items one after the other through a workflow of their own; the second meets an error. */
const SKETCH: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    first: { uses: 'items.set', config: { fields: { at: '=$now.toISO()', id: '=uuidv4()' } } },
    each: { uses: 'flow.loop', config: { batch: 1 } },
    call: { uses: 'flow.runWorkflow', config: { workflow: CHILD } },
    both: post('https://x.example/both/{{ $json.n }}'),
    done: { uses: 'items.set', config: { fields: { at: '=$now.toISO()', id: '=uuidv4()' } } },
  },
  edges: [
    'start -> first',
    'first -> each',
    'each.loop -> call',
    'call -> each.next',
    'each.done -> both',
    'both -> done',
  ],
};
const INNER: Sketch = {
  steps: {
    begin: { uses: 'trigger.manual' },
    send: post('https://x.example/send/{{ $json.n }}'),
    keep: { uses: 'items.set', config: { fields: { n: "=$('begin').item.json.n", got: '=$json.body.got' } } },
  },
  edges: ['begin -> send', 'send -> keep'],
};
const TREE = sketchTree(SKETCH, { workflows: { [CHILD]: INNER } });
const items = [1, 2, 3].map((n) => ({ json: { n } }));

test.each([
  ['send/2', 'within a workflow that a loop calls'],
  ['both/3', 'at the third of three items of one step'],
])('a run that failed at %s, %s, and was retried replays from its tape', async (failsAt) => {
  let broken = true;
  const sent: string[] = [];
  const { start, retry } = setUp(({ url }) => {
    sent.push(url.slice('https://x.example/'.length));
    if (broken && url.endsWith(failsAt)) throw new SluiceError('connector.rejected', 'Not now.');
    return { status: 200, headers: {}, body: { got: sent.length } };
  });
  const runId = await start(newRun(TREE, { items }));
  broken = false;
  const { events, tape } = await retry({ runId, from: 'failed' }, TREE);
  expect(statusOf(events)).toMatchObject({ status: 'succeeded' });
  expect(events.filter(({ source }) => source === runId).length).toBeGreaterThan(4);
  const calls = sent.length;
  expect(calls).toBe(7);
  const replayed = await replay(tape);
  expect(replayed).toMatchObject({ result: 'equal', status: 'succeeded' });
  expect(sent).toHaveLength(calls);
  const ends = (all: readonly RunEvent[]) =>
    all.filter((event): event is EventOf<'step.succeeded'> => event.type === 'step.succeeded');
  expect(replayed.stepRuns).toBe(ends(events).length);
  expect(JSON.stringify(ends(replayed.events).map(({ outputs }) => outputs))).toBe(
    JSON.stringify(ends(events).map(({ outputs }) => outputs)),
  );
});

test('a retry that failed again, one of a newer version and one from the start replay as well', async () => {
  let broken = true;
  const { start, retry } = setUp(({ url }) => {
    if (broken && url.endsWith('send/2')) throw new SluiceError('connector.rejected', `Not now: ${url}`);
    return { status: 200, headers: {}, body: { got: 1 } };
  });
  const runId = await start(newRun(TREE, { items }));
  const second = await retry({ runId, from: 'failed' }, TREE);
  expect(await replay(second.tape)).toMatchObject({ result: 'equal', status: 'failed' });
  broken = false;
  const changed = structuredClone(TREE);
  const sketch = changed.workflows[WORKFLOW_ID];
  if (sketch?.steps.done) sketch.steps.done.config = { fields: { new: '=$json.body.got' } };
  const latest = { tree: changed, vars: {} };
  const third = await retry({ runId: second.runId, from: 'failed', latest }, changed);
  expect(statusOf(third.events)).toMatchObject({ status: 'succeeded' });
  expect(await replay(third.tape)).toMatchObject({ result: 'equal', status: 'succeeded' });
  const whole = await retry({ runId, from: 'start' }, TREE);
  expect(whole.events.some(({ source }) => source !== undefined)).toBe(false);
  expect(await replay(whole.tape)).toMatchObject({ result: 'equal', status: 'succeeded' });
});

test('a retried run’s tape that was altered does not replay as equal', async () => {
  let broken = true;
  const { start, retry } = setUp(({ url }) => {
    if (broken && url.endsWith('send/2')) throw new SluiceError('connector.rejected', 'Not now.');
    return { status: 200, headers: {}, body: { got: 1 } };
  });
  const runId = await start(newRun(TREE, { items }));
  broken = false;
  const { tape } = await retry({ runId, from: 'failed' }, TREE);
  const events = structuredClone(tape.events);
  const own = events.findLast((event) => event.type === 'effect.recorded' && !event.source);
  if (own?.type === 'effect.recorded') own.result = { status: 200, headers: {}, body: { got: 'other' } };
  await expect(replay({ ...tape, events })).rejects.toMatchObject({ code: 'run.not_deterministic' });
  expect(execTree(tape.tree)).toEqual(execTree(TREE));
});
