import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { startAgent } from '#runtime/agent/agent.ts';
import { createLocalControl, type LocalControl } from '#runtime/agent/localControl.ts';
import { createRunPorts } from '#runtime/agent/runPorts.ts';
import type { Sketch } from '../../tests/fixtures/engine.ts';
import { PROJECT_ID, sketchTree, WORKFLOW_ID } from '../../tests/fixtures/engine.ts';
import { check, type Part, timed } from './part.ts';

const STEPS = 10;
const WAITING = 10_000;
const names = Array.from({ length: STEPS }, (_, n) => `set_${n + 1}`);
const tenSteps: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    ...Object.fromEntries(names.map((id, n) => [id, { uses: 'items.set', config: { fields: { last: n + 1 } } }])),
  },
  edges: ['start', ...names].flatMap((from, n) => (names[n] === undefined ? [] : [`${from} -> ${names[n]}`])),
};

const refuse = () => Promise.reject(new Error('Nothing of this runs a script.'));
const quiet = { debug() {}, info() {}, warn() {}, error() {}, with: () => quiet };

/** A local control plane with its runtime, as `sluice serve` has them, without HTTP. */
function openDesk(scratch: string) {
  mkdirSync(scratch, { recursive: true });
  const control = createLocalControl({
    ...{ file: join(scratch, 'runs.db'), blobsDir: join(scratch, 'blobs'), runtimeHash: 'a'.repeat(64) },
    connectionsOf: () => ({}),
  });
  const sandbox = { run: refuse, close: async () => {} };
  const ports = createRunPorts({ dataDir: join(scratch, 'data'), blobs: control.blobs, sandbox });
  const service = control.agent(PROJECT_ID);
  const agent = startAgent({
    client: service as unknown as Parameters<typeof startAgent>[0]['client'],
    portsFor: ports.portsFor,
    ...{ bootSecret: '', runtimeHash: 'a'.repeat(64), runsAtOnce: 100, batch: 5_000, log: quiet },
  });
  const close = async () => {
    await agent.stop(1_000);
    control.close();
    await ports.close();
  };
  return { control, close };
}

const newRun = (tree: ReturnType<typeof sketchTree>) => ({
  ...{ projectId: PROJECT_ID, workflowId: WORKFLOW_ID, workflowName: 'Sketch', tree },
  ...{ environment: { name: 'local', vars: {} }, triggerStepId: 'start', trigger: 'manual' as const },
  items: [{ json: { n: 1 } }],
});

const sqlite: Part = {
  title: `Durable run of ${STEPS} steps on SQLite`,
  byHand: 'the same bytes in as many commits by the bare driver, flushed as well',
  per: 'a run',
  async prepare(scratch, quick) {
    const { control, close } = openDesk(scratch);
    const tree = sketchTree(tenSteps);
    const times = quick ? 3 : 200;
    const one = async () => {
      const { runId } = await control.start(newRun(tree));
      const { status } = await control.finished(runId);
      check(status === 'succeeded', 'the run succeeded');
      return runId;
    };
    const journal = JSON.stringify(control.get(await one())?.events);
    const db = new DatabaseSync(join(scratch, 'bare.db'));
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    db.exec('CREATE TABLE run (id INTEGER PRIMARY KEY, row TEXT); CREATE TABLE report (run INTEGER, events TEXT);');
    const insert = db.prepare('INSERT INTO run (row) VALUES (?)');
    const append = db.prepare('INSERT INTO report (run, events) VALUES (?, ?)');
    const row = JSON.stringify(newRun(tree).items);
    const bare = () => {
      const { lastInsertRowid } = insert.run(row);
      append.run(lastInsertRowid, journal);
    };
    return {
      ours: () =>
        timed(async () => {
          for (let n = 0; n < times; n++) await one();
        }, times),
      byHand: () =>
        timed(() => {
          for (let n = 0; n < times; n++) bare();
        }, times),
      async close() {
        db.close();
        await close();
      },
    };
  },
};

const waiting: Part = {
  title: `${WAITING.toLocaleString('en')} waiting runs`,
  byHand: 'the same with none',
  per: 'a second of CPU time',
  gate: { of: 'share of a core %', most: 1 },
  async prepare(scratch, quick) {
    const seconds = quick ? 0.2 : 5;
    /** CPU milliseconds in a second of doing nothing. */
    const watch = async () => {
      const began = process.cpuUsage();
      await pause(seconds * 1_000);
      const { user, system } = process.cpuUsage(began);
      return Math.max((user + system) / 1_000, 0.01) / seconds;
    };
    const empty = openDesk(join(scratch, 'empty'));
    await pause(500);
    const [without, handles] = [await watch(), resources()];
    await empty.close();
    const full = openDesk(join(scratch, 'full'));
    await fill(full.control, quick ? 50 : WAITING);
    await pause(500);
    let last = 0;
    return {
      async ours() {
        last = await watch();
        return last;
      },
      byHand: async () => without,
      more: async () => ({ 'share of a core %': last / 10, 'timers and handles more': resources() - handles }),
      close: full.close,
    };
  },
};

const resources = () => process.getActiveResourcesInfo().length;

async function fill(control: LocalControl, count: number): Promise<void> {
  const tree = sketchTree({
    steps: { start: { uses: 'trigger.manual' }, wait: { uses: 'flow.wait', config: { forMs: 86_400_000 } } },
    edges: ['start -> wait'],
  });
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push((await control.start(newRun(tree))).runId);
  while (ids.some((runId) => control.status(runId) !== 'waiting')) await pause(50);
}

export const durables: Part[] = [sqlite, waiting];
