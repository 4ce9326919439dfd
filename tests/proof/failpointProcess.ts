import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startAgent } from '#runtime/agent/agent.ts';
import { createLocalControl } from '#runtime/agent/localControl.ts';
import { createRunPorts, remoteBlobs } from '#runtime/agent/runPorts.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { armFailpoint } from './armedFailpoint.ts';
import { type Order, QUICK_ID, type Word } from './failpointWords.ts';

const say = (word: Word) => writeSync(1, `${JSON.stringify(word)}\n`);
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => quiet };
/** So long a caller waits for an answer. */
const ANSWER_MS = 5_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Control plane, agent and engine in one process over a folder that others like it share: it starts runs, executes them and
 * whatever others left, and answers what they wait for.
 */
function open({ dir, projectId, workflowId, tree, leaseMs }: Extract<Order, { open: unknown }>['open']) {
  const control = createLocalControl({
    file: join(dir, 'runs.db'),
    blobsDir: join(dir, 'blobs'),
    runtimeHash: 'a'.repeat(64),
    connectionsOf: () => ({}),
    leaseMs,
  });
  const service = control.agent(projectId);
  const client = {
    hello: async (input: Parameters<typeof service.hello>[0]) => service.hello(input),
    next: async (input: Parameters<typeof service.next>[0]) => service.next(input),
    report: async (input: Parameters<typeof service.report>[0]) => service.report(input),
    start: async (input: Parameters<typeof service.start>[0]) => service.start(input),
    putBlob: async (input: Parameters<typeof service.putBlob>[0]) => service.putBlob(input),
    getBlob: async (input: Parameters<typeof service.getBlob>[0]) => service.getBlob(input),
  };
  const ports = createRunPorts({
    dataDir: join(dir, 'data'),
    blobs: remoteBlobs(client),
    sandbox: { run: () => Promise.reject(new SluiceError('code.failed', 'No scripts.')), close: async () => {} },
  });
  const agent = startAgent({
    client,
    portsFor: ports.portsFor,
    bootSecret: 'local',
    runtimeHash: 'a'.repeat(64),
    runsAtOnce: 10,
    log: quiet,
  });
  let finishing = false;
  let stopped = false;

  /** What breaks is asked again, as a person or a caller would. */
  async function insist<T>(work: () => T | Promise<T>): Promise<T | undefined> {
    for (let tries = 0; tries < 3 && !stopped; tries++) {
      try {
        return await work();
      } catch (thrown) {
        if (thrown instanceof SluiceError) return undefined;
        await pause(10);
      }
    }
    return undefined;
  }

  const newRun = {
    ...{
      projectId,
      tree,
      environment: { name: 'local', vars: {} },
      triggerStepId: 'start',
      trigger: 'manual' as const,
    },
    items: [1, 2].map((n) => ({ json: { n } })),
  };

  async function startRuns(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const started = await insist(() => control.start({ ...newRun, workflowId, workflowName: 'Failpoints' }));
      if (started) say({ started: started.runId });
    }
    // One after the other: those that come together are flushed together.
    for (let index = 0; index < count; index++) await callQuick();
  }

  /** A caller who waits for the answer: nothing was promised before it comes. */
  async function callQuick(): Promise<void> {
    const run = { ...newRun, workflowId: QUICK_ID, workflowName: 'Quick', accept: 'held' as const };
    const started = await insist(() => control.start(run));
    const answer = started && (await insist(() => control.answered(started.runId, ANSWER_MS)));
    if (answer) say({ started: started.runId });
  }

  /** Answers what waits for a person, and looks whether anything is left to do. */
  async function attend(): Promise<void> {
    while (!stopped) {
      // All that are open, however many have ended since.
      const found = await insist(() =>
        [workflowId, QUICK_ID].flatMap((id) => control.openRuns(projectId, id, newRun.triggerStepId)),
      );
      const open = found && (await insist(() => found.map((id) => control.get(id)?.run)));
      if (!open) continue;
      for (const run of open) {
        if (run?.wait?.reason !== 'approval' || run.wait.stepId !== 'ask') continue;
        const { stepId, iteration } = run.wait;
        await insist(() =>
          control.resume({ runId: run.id, stepId, iteration, by: 'a person', input: { approved: true } }),
        );
      }
      if (finishing && open.length === 0) {
        say({ finished: true });
        return stop();
      }
      await pause(15);
    }
  }

  async function stop(): Promise<void> {
    if (stopped) return;
    stopped = true;
    await agent.stop(0);
    process.exit(0);
  }

  void attend();
  return {
    startRuns,
    stop,
    finish() {
      finishing = true;
    },
  };
}

let opened: ReturnType<typeof open> | undefined;
createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line) as Order;
  if ('open' in order) opened = open(order.open);
  else if ('runs' in order) {
    armFailpoint(order.arm);
    void opened?.startRuns(order.runs);
  } else if ('finish' in order) opened?.finish();
  else void opened?.stop();
});
// Whoever told us what to do is gone.
process.stdin.on('end', () => process.exit(0));
say({ ready: true });
