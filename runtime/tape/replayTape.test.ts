import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { memoryBlobs } from '#runtime/journal/memoryBlobs.ts';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { RUN_ID, type RunSketch, runTree, type Sketch, sketchTree, WORKFLOW_ID } from '../../tests/fixtures/engine.ts';
import { createDice } from '../../tests/fuzz/dice.ts';
import { openProjectFiles } from '../engine/ports/files.ts';
import { createVirtualClock } from '../engine/ports/virtualClock.ts';
import { replayTape } from './replayTape.ts';
import { readTape, type Tape, writeTape } from './tape.ts';
import { caseOfTape } from './tapeCase.ts';

const HASH = 'a'.repeat(64);
const noScripts = {
  run: () => Promise.reject(new SluiceError('code.failed', 'This test has no sandbox.')),
  close: () => Promise.resolve(),
};

/** A run and its tape, written and read again. */
async function record(sketch: Sketch, options: RunSketch = {}, change = (events: RunEvent[]) => events) {
  const tree = sketchTree(sketch);
  const blobs = options.blobs ?? memoryBlobs();
  const run = await runTree(tree, { ...options, blobs });
  return { ...run, tape: await taped(tree, change(run.events), (hash) => blobs.get(hash)) };
}

async function taped(tree: Tree, events: RunEvent[], blob: (hash: string) => Promise<Uint8Array>): Promise<Tape> {
  const about = { runId: RUN_ID, workflowId: WORKFLOW_ID, execHash: HASH, runtimeHash: HASH, tree, redacted: [] };
  return readTape(await writeTape({ ...about, events, blob }));
}

const replay = (tape: Tape, to?: { stepId: string; iteration?: number }) =>
  replayTape(tape, { sandbox: noScripts, ...(to ? { to } : {}) });

const MIXED: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    call: { uses: 'http.request', config: { method: 'POST', url: 'https://a.example/{{ $json.n }}' } },
    stamp: {
      uses: 'items.set',
      config: { fields: { id: '=uuidv4()', at: '=$now.toISO()', got: '=$json.body.n', from: '=$env.place' } },
    },
    each: { uses: 'flow.loop', config: { batch: 1 } },
    keep: { uses: 'table.insert', config: { table: 't', key: '=$json.id', row: { n: '=$json.got' } } },
    total: { uses: 'items.aggregate', config: { fields: [{ operation: 'list', field: 'got', as: 'all' }] } },
  },
  edges: [
    'start -> call',
    'call -> stamp',
    'stamp -> each',
    'each.loop -> keep',
    'keep -> each.next',
    'each.done -> total',
  ],
};
const numbers = (count: number) => Array.from({ length: count }, (_, n): JsonObject => ({ n }));

test('a run replays from its tape with equal outputs, its ids, times, answers and variables among them', async () => {
  let calls = 0;
  const { tape, outcome, left } = await record(MIXED, {
    items: numbers(3),
    vars: { place: 'here' },
    clock: createVirtualClock(Date.now()),
    http: () => ({ status: 200, headers: {}, body: { n: ++calls * 7 } }),
  });
  expect(outcome.status).toBe('succeeded');
  expect(left('stamp')).toHaveLength(3);
  const replayed = await replay(tape);
  expect(replayed).toMatchObject({ result: 'equal', status: 'succeeded' });
  expect(replayed.stepRuns).toBe(tape.events.filter(({ type }) => type === 'step.succeeded').length);
  expect(calls).toBe(3);
  const given = (events: readonly RunEvent[]) =>
    events.flatMap((event) => (event.type === 'step.succeeded' ? [JSON.stringify(event.outputs)] : []));
  expect(given(replayed.events)).toEqual(given(tape.events));
});

test('a failed run fails again, at the same step, with what its retries met', async () => {
  let calls = 0;
  const { tape, outcome } = await record(
    {
      steps: {
        start: { uses: 'trigger.manual' },
        call: {
          uses: 'http.request',
          config: { url: 'https://a.example' },
          retry: { count: 2, delayMs: 60_000, backoff: 'exponential' },
        },
      },
      edges: ['start -> call'],
    },
    {
      http: () => {
        throw new SluiceError('connector.unavailable', `Refused for the ${++calls}. time.`);
      },
    },
  );
  expect([outcome.status, calls]).toEqual(['failed', 3]);
  const replayed = await replay(tape);
  expect(replayed).toMatchObject({ result: 'equal', status: 'failed', stepRuns: 1 });
  const failures = replayed.events.flatMap((event) => (event.type === 'step.failed' ? [event.error.message] : []));
  expect(failures).toEqual(['Refused for the 1. time.', 'Refused for the 2. time.', 'Refused for the 3. time.']);
});

test('branches that ran at once come together in the order of the tape', async () => {
  const steps: Sketch['steps'] = {
    start: { uses: 'trigger.manual' },
    join: { uses: 'items.set', config: { fields: {} } },
  };
  const edges: string[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    steps[name] = { uses: 'http.request', config: { url: `https://${name}.example` } };
    edges.push(`start -> ${name}`, `${name} -> join`);
  }
  const dice = createDice('branches');
  for (let round = 0; round < 5; round++) {
    const { tape, ofType } = await record(
      { steps, edges },
      {
        http: async ({ url }) => {
          await new Promise((resolve) => setTimeout(resolve, dice.pick(15)));
          return { status: 200, headers: {}, body: url };
        },
      },
    );
    const order = ofType('step.succeeded').map(({ stepId, iteration }) => `${stepId}:${iteration}`);
    const replayed = await replay(tape);
    expect(replayed.result).toBe('equal');
    expect(
      replayed.events.flatMap((event) =>
        event.type === 'step.succeeded' ? [`${event.stepId}:${event.iteration}`] : [],
      ),
    ).toEqual(order);
  }
});

test('a wait of thirty days replays at once', async () => {
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      wait: { uses: 'flow.wait', config: { forMs: 2_592_000_000 } },
      after: { uses: 'items.set', config: { fields: { at: '=$now.toISO()' } } },
    },
    edges: ['start -> wait', 'wait -> after'],
  };
  const clock = createVirtualClock(Date.parse('2026-11-20T07:00:00Z'));
  const first = await runTree(sketchTree(sketch), { clock });
  expect(first.outcome.status).toBe('waiting');
  await clock.sleep(30 * 86_400_000 + 5);
  const { tape } = await record(sketch, { clock, events: first.events, fence: 2 });
  expect(tape.end?.status).toBe('succeeded');
  expect(await replay(tape)).toMatchObject({ result: 'equal', status: 'succeeded' });
});

test('a replay goes to a step and no further', async () => {
  const { tape } = await record(MIXED, {
    items: numbers(3),
    http: () => ({ status: 200, headers: {}, body: { n: 1 } }),
  });
  const stopped = await replay(tape, { stepId: 'keep', iteration: 1 });
  expect(stopped.result).toBe('stopped');
  expect(stopped.events.at(-1)).toMatchObject({ type: 'step.succeeded', stepId: 'keep', iteration: 1 });
  const last = await replay(tape, { stepId: 'keep' });
  expect(last.events.at(-1)).toMatchObject({ stepId: 'keep', iteration: 2 });
  await expect(replay(tape, { stepId: 'nothing' })).rejects.toMatchObject({ code: 'step.not_found' });
  await expect(replay(tape, { stepId: 'keep', iteration: 3 })).rejects.toMatchObject({ code: 'step.not_found' });
});

test('a step that gives something else than on the tape is named, with both values', async () => {
  const altered = (events: RunEvent[]) =>
    events.map((event) => {
      if (event.type !== 'step.succeeded' || event.stepId !== 'stamp') return event;
      const main = event.outputs.main as { items: { json: JsonObject }[] };
      return {
        ...event,
        outputs: { main: { items: main.items.map((item) => ({ ...item, json: { ...item.json, got: 99 } })) } },
      };
    });
  const http = () => ({ status: 200, headers: {}, body: { n: 1 } });
  const { tape } = await record(MIXED, { http }, altered);
  await expect(replay(tape)).rejects.toMatchObject({
    code: 'run.not_deterministic',
    message: expect.stringContaining('Not deterministic at step stamp'),
    details: {
      stepId: 'stamp',
      expected: expect.stringContaining('"got":99'),
      actual: expect.stringContaining('"got":1'),
    },
  });
});

test('a request that is not the recorded one is not deterministic, whatever onError says', async () => {
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      call: { uses: 'http.request', config: { url: 'https://a.example/{{ $json.n }}' }, onError: 'continue' },
    },
    edges: ['start -> call'],
  };
  const { tape } = await record(sketch, { items: [{ n: 1 }], http: () => ({ status: 200, headers: {}, body: {} }) });
  const started = tape.events[0] as Extract<RunEvent, { type: 'run.started' }>;
  const other = { ...tape, events: [{ ...started, input: { items: [{ json: { n: 2 } }] } }, ...tape.events.slice(1)] };
  await expect(replay(other)).rejects.toMatchObject({ code: 'run.not_deterministic', details: { stepId: 'call' } });
  expect(await replay(tape)).toMatchObject({ result: 'equal' });
});

test('a run that a crash interrupted replays as one', async () => {
  const http = () => ({ status: 200, headers: {}, body: { n: 1 } });
  const whole = await record(MIXED, { items: numbers(2), http });
  for (let cut = 1; cut < whole.events.length - 1; cut += 3) {
    const before = whole.events.slice(0, cut);
    if (before.at(-1)?.type === 'effect.intended') continue;
    const { tape, outcome } = await record(MIXED, { items: numbers(2), http, events: before, fence: 2 });
    expect(outcome.status).toBe('succeeded');
    expect(await replay(tape)).toMatchObject({ result: 'equal' });
  }
});

test('a tape that was cut off replays as far as it goes', async () => {
  const http = () => ({ status: 200, headers: {}, body: { n: 1 } });
  const tree = sketchTree(MIXED);
  const { events } = await runTree(tree, { items: numbers(3), http });
  const none = () => Promise.reject(new SluiceError('blob.not_found', 'There is no such blob.'));
  const about = { runId: RUN_ID, workflowId: WORKFLOW_ID, execHash: HASH, runtimeHash: HASH, tree, redacted: [] };
  const lines = gunzipSync(await writeTape({ ...about, events, blob: none }))
    .toString('utf8')
    .split('\n');
  const cut = readTape(gzipSync(`${lines.slice(0, 12).join('\n')}\n`));
  expect(cut.end).toBeUndefined();
  const replayed = await replay(cut);
  expect(replayed.result).toBe('cut');
  expect(replayed.stepRuns).toBeGreaterThan(0);
});

test('items above a megabyte travel as blobs, and replay as they were', async () => {
  const sketch: Sketch = {
    steps: {
      start: { uses: 'trigger.manual' },
      big: { uses: 'items.set', config: { fields: { text: "='x'.repeat(200000)" } } },
      after: { uses: 'items.set', config: { fields: { size: '=$json.text.length' } } },
    },
    edges: ['start -> big', 'big -> after'],
  };
  const { tape, outcome } = await record(sketch, { items: numbers(8) });
  expect(outcome.status).toBe('succeeded');
  expect(tape.blobs.size).toBeGreaterThan(1);
  expect(await replay(tape)).toMatchObject({ result: 'equal' });
});

test('half a surrogate pair, as a service sent it, is taped and replayed', async () => {
  const half = { n: 'cut off \ud83d', 'name \ud83d': 1 };
  const { tape, outcome } = await record(MIXED, {
    items: [half],
    vars: { place: 'here' },
    http: () => ({ status: 200, headers: {}, body: half }),
  });
  expect(outcome.status).toBe('succeeded');
  expect(await replay(tape)).toMatchObject({ result: 'equal', status: 'succeeded' });
  const input = tape.events[0]?.type === 'run.started' ? tape.events[0].input : undefined;
  expect(input).toMatchObject({ items: [{ json: half }] });
});

test('what a source read from a file is on the tape, and so is the error that it met', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tape-'));
  try {
    const files = openProjectFiles(dir);
    writeFileSync(join(dir, 'files', 'a.csv'), 'n\n1\n2\n3\n4\n5\n');
    writeFileSync(join(dir, 'files', 'bad.csv'), 'n\n1\n2\n3,4\n');
    const sketch = (path: string): Sketch => ({
      steps: {
        start: { uses: 'trigger.manual' },
        rows: { uses: 'csv.rows', config: { path, batch: 2 } },
        call: { uses: 'http.request', config: { method: 'GET', url: 'https://a.example/{{ $json.n }}' } },
        sum: { uses: 'items.aggregate', config: { fields: [{ operation: 'list', field: 'body', as: 'all' }] } },
      },
      edges: ['start -> rows', 'rows.loop -> call', 'call -> sum', 'sum -> rows.next'],
    });
    const http = ({ url }: { url: string }) => ({ status: 200, headers: {}, body: url.slice(-1) });
    const options = { files, http };
    const { tape, outcome } = await record(sketch('a.csv'), options);
    expect(outcome.status).toBe('succeeded');
    const failed = await record(sketch('bad.csv'), options);
    expect(failed.outcome).toMatchObject({ status: 'failed', error: { code: 'data.invalid' } });
    files.close();
    expect(await replay(tape)).toMatchObject({ result: 'equal', status: 'succeeded' });
    expect(await replay(failed.tape)).toMatchObject({ result: 'equal', status: 'failed' });
    const events = tape.events.filter((event) => event.type !== 'run.ended').slice(0, -3);
    expect(await replay({ ...tape, events, end: { events: events.length, status: 'running' } })).toMatchObject({
      result: 'cut',
    });
    expect(caseOfTape(tape, 'Rows').unanswered).toEqual(['rows']);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
