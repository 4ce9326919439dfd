import { afterEach, expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { newRun, openControl, quietLogger, temporaryDir, until } from '../../tests/fixtures/agent.ts';
import { PROJECT_ID, type Sketch, sketchTree } from '../../tests/fixtures/engine.ts';
import { noFiles } from '../engine/ports/noFiles.ts';
import { openProjectStore } from '../engine/ports/projectStore.ts';
import { systemClock } from '../engine/ports/systemClock.ts';
import { startAgent } from './agent.ts';
import type { LocalControl } from './localControl.ts';
import { nodeHashing } from './runPorts.ts';

const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

function runtimeOf(control: LocalControl) {
  const refuse = () => Promise.reject(new SluiceError('code.failed', 'This test has none.'));
  const store = openProjectStore(':memory:');
  const agent = startAgent({
    client: control.agent(PROJECT_ID) as Parameters<typeof startAgent>[0]['client'],
    portsFor: () => ({
      clock: systemClock,
      blobs: control.blobs,
      http: { send: refuse },
      store,
      files: noFiles(),
      sandbox: { run: refuse, close: () => Promise.resolve() },
      hashing: nodeHashing,
    }),
    bootSecret: '',
    runtimeHash: 'a'.repeat(64),
    runsAtOnce: 10,
    log: quietLogger(),
  });
  return { stop: () => agent.stop(0) };
}

const SKETCH: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    before: { uses: 'items.set', config: { keepOthers: false, fields: { z: 1, a: { y: 2, b: 3 }, m: '=$json.n' } } },
    ask: { uses: 'flow.approval', config: { message: 'Go on?' } },
    after: { uses: 'items.set', config: { keepOthers: false, fields: { z: 1, a: { y: 2, b: 3 }, m: '=$itemIndex' } } },
  },
  edges: ['start -> before', 'before -> ask', 'ask.approved -> after'],
};

test('steps give fields in the order of their config before a wait and, on another process, behind it', async () => {
  const place = temporaryDir();
  opened.push(() => place[Symbol.dispose]());
  const first = openControl(place.dir);
  const runtime = runtimeOf(first);
  const { runId } = await first.start(newRun(SKETCH, { items: [{ json: { n: 0 } }] }));
  await until(() => first.status(runId) === 'waiting');
  await runtime.stop();
  first.close();

  const second = openControl(place.dir);
  opened.push(() => second.close());
  const other = runtimeOf(second);
  opened.push(other.stop);
  second.resume({ runId, stepId: 'ask', by: 'local', input: { approved: true } });
  await until(() => second.status(runId) === 'succeeded');
  const outputs = (second.get(runId)?.events ?? []).flatMap((event) => {
    const main = event.type === 'step.succeeded' && ['before', 'after'].includes(event.stepId) && event.outputs.main;
    return main && 'items' in main ? main.items.map(({ json }) => JSON.stringify(json)) : [];
  });
  expect(outputs).toEqual(['{"z":1,"a":{"y":2,"b":3},"m":0}', '{"z":1,"a":{"y":2,"b":3},"m":0}']);
});

test('versions that differ in nothing but the order of fields are kept apart', async () => {
  const place = temporaryDir();
  opened.push(() => place[Symbol.dispose]());
  const control = openControl(place.dir);
  opened.push(() => control.close());
  const turned = structuredClone(SKETCH);
  if (turned.steps.before) turned.steps.before.config = { keepOthers: false, fields: { m: '=$json.n', z: 1 } };
  const same = structuredClone(turned);
  if (same.steps.before) same.steps.before.config = { keepOthers: false, fields: { z: 1, m: '=$json.n' } };
  for (const sketch of [turned, same]) await control.start(newRun(sketchTree(sketch)));
  const { runs } = await control.agent(PROJECT_ID).next({ free: 10, have: [], waitMs: 0 });
  const fields = runs.map(({ tree }) => Object.values(tree?.workflows ?? {})[0]?.steps.before?.config.fields);
  expect(fields.map((one) => Object.keys(one as object)).sort()).toEqual([
    ['m', 'z'],
    ['z', 'm'],
  ]);
});
