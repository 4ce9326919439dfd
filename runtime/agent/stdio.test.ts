import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { newRun, openControl, temporaryDir } from '../../tests/fixtures/agent.ts';
import { PROJECT_ID } from '../../tests/fixtures/engine.ts';
import { connectOverStdio, serveAgentOverStdio } from './stdio.ts';

const sketch = { steps: { start: { uses: 'trigger.manual' } }, edges: [] };
const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

/** Two ends of one pair of pipes, with a real control plane behind them. */
function setUp() {
  const place = temporaryDir();
  const control = openControl(place.dir);
  opened.push(
    () => control.close(),
    () => place[Symbol.dispose](),
  );
  const toChild = new PassThrough();
  const fromChild = new PassThrough();
  const service = control.agent(PROJECT_ID);
  const server = serveAgentOverStdio({ stdin: toChild, stdout: fromChild }, service);
  const { client, closed } = connectOverStdio(toChild, fromChild);
  return { control, client, closed, server, toChild, fromChild };
}

test('calls go over and answers come back, each to its own question', async () => {
  const { control, client } = setUp();
  const waiting = client.next({ free: 1, have: [], waitMs: 20_000 });
  const bytes = Buffer.from('some bytes, é');
  const hash = await control.blobs.put(bytes);
  expect(await client.getBlob({ hash })).toEqual({ base64: bytes.toString('base64') });
  const { runId } = await control.start(newRun(sketch, { items: [{ json: { text: 'line\nbreak\u2028and more' } }] }));
  const { runs } = await waiting;
  expect(runs).toMatchObject([{ runId, fence: 1, input: [{ json: { text: 'line\nbreak\u2028and more' } }] }]);
});

test('an error comes over with its code, its advice and its details', async () => {
  const { control, client } = setUp();
  const { runId } = await control.start(newRun(sketch));
  await client.next({ free: 1, have: [], waitMs: 0 });
  const gap = client.report({
    runId,
    fence: 1,
    events: [
      {
        type: 'step.skipped',
        stepId: 'a',
        reason: 'disabled',
        runId,
        seq: 5,
        at: '2026-11-20T07:00:00.000Z',
        fence: 1,
      },
    ],
  });
  await expect(gap).rejects.toMatchObject({ code: 'run.gap', details: { expected: 1 } });
  await expect(client.getBlob({ hash: 'f'.repeat(64) })).rejects.toBeInstanceOf(SluiceError);
});

describe('lines that mean nothing', () => {
  test.each([
    ['no JSON', 'hello'],
    ['another shape', '{"id":"x"}'],
    ['an unknown call', '{"id":1001,"name":"agent.shell","input":{}}'],
    ['a name of the prototype', '{"id":1002,"name":"__proto__.toString","input":{}}'],
    ['a wrong input', '{"id":1003,"name":"agent.next","input":{"free":-1}}'],
    ['very deep JSON', `{"id":1004,"name":"agent.report","input":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('do no harm: %s', async (_what, line) => {
    const { client, fromChild, toChild } = setUp();
    fromChild.write(`${line}\n`);
    toChild.write(`${line}\n`);
    expect((await client.hello({ protocol: 1, bootSecret: '', runtimeHash: 'a'.repeat(64), node: 'v24' })).token).toBe(
      'local',
    );
  });
});

test('questions that are open when the host goes are refused, and so is every later one', async () => {
  const { client, closed, toChild } = setUp();
  const open = client.next({ free: 1, have: [], waitMs: 20_000 });
  toChild.end();
  await expect(open).rejects.toMatchObject({ code: 'service.unavailable' });
  await closed;
  await expect(client.next({ free: 1, have: [], waitMs: 0 })).rejects.toMatchObject({ code: 'service.unavailable' });
});

test('a run that was on its way to a runtime which died is free again at once', async () => {
  const { control, client, fromChild, server } = setUp();
  client.next({ free: 1, have: [], waitMs: 20_000 }).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 20));
  fromChild.end();
  await server.closed;
  const { runId } = await control.start(newRun(sketch));
  // The one that died takes it first.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const next = await control.agent(PROJECT_ID).next({ free: 1, have: [], waitMs: 5_000 });
  expect(next.runs).toMatchObject([{ runId, fence: 2 }]);
});
