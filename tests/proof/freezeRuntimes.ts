import { startAgent } from '#runtime/agent/agent.ts';
import type { LocalControl } from '#runtime/agent/localControl.ts';
import { nodeHashing } from '#runtime/agent/runPorts.ts';
import type { RunPorts } from '#runtime/engine/ports/ports.ts';
import { openProjectStore } from '#runtime/engine/ports/projectStore.ts';
import { systemClock } from '#runtime/engine/ports/systemClock.ts';
import { memoryBlobs } from '#runtime/journal/memoryBlobs.ts';
import { SluiceError } from '#shared/error.ts';
import { newRun, openControl, quietLogger, temporaryDir } from '../fixtures/agent.ts';
import { PROJECT_ID, type Sketch } from '../fixtures/engine.ts';
import { journalFaults } from './invariants.ts';

const LEASE_MS = 150;
/** Rounds that go on beside each other. */
const AT_ONCE = 20;

export type FrozenTally = { rounds: number; refused: number; stale: number; faults: string[] };

/** Three requests under keys and a pause in which a runtime is frozen. */
const SKETCH: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    first: request('first'),
    second: request('second'),
    third: request('third'),
  },
  edges: ['start -> first', 'first -> second', 'second -> third'],
};

function request(what: string) {
  const config = { method: 'POST', url: 'https://r.example', body: { what }, idempotencyHeader: 'Idempotency-Key' };
  return { uses: 'http.request', config };
}

/**
 * A runtime that is frozen in the middle of its run, for longer than its lease, and then wakes up and goes on as if nothing
 * had happened, while another one has taken the run over.
 */
export async function freezeRuntimes(rounds: number): Promise<FrozenTally> {
  const tally: FrozenTally = { rounds: 0, refused: 0, stale: 0, faults: [] };
  for (let done = 0; done < rounds; done += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, rounds - done) }, (_, index) => oneRound(done + index, tally));
    await Promise.all(batch);
  }
  return tally;
}

async function oneRound(number: number, tally: FrozenTally): Promise<void> {
  using place = temporaryDir();
  const control = openControl(place.dir, { leaseMs: LEASE_MS });
  const sleeper = startRuntime(control, `a${number}`, number % 4);
  const { runId } = await control.start(newRun(SKETCH));
  await sleeper.frozen;
  const other = startRuntime(control, `b${number}`);
  await control.finished(runId);
  const before = control.get(runId)?.events.length ?? 0;
  // It wakes up, long after its lease, and sends what it had.
  await sleeper.wake();
  await sleeper.agent.stop(0);
  await other.agent.stop(0);
  const events = control.get(runId)?.events ?? [];
  tally.rounds++;
  tally.refused += sleeper.refused();
  tally.stale += events.length - before;
  const fences = events.map(({ fence }) => fence);
  if (fences.some((fence, index) => fence < (fences[index - 1] ?? 0)))
    tally.faults.push(`${number}: an older fence wrote later`);
  if (control.status(runId) !== 'succeeded') tally.faults.push(`${number}: it ${control.status(runId)}`);
  for (const fault of journalFaults(events)) tally.faults.push(`${number}: ${fault}`);
  control.close();
  sleeper.close();
  other.close();
}

/**
 * @param freezeAt at which of its reports this runtime freezes: nothing it sends arrives until it wakes
 */
function startRuntime(control: LocalControl, name: string, freezeAt?: number) {
  const service = control.agent(PROJECT_ID);
  const store = openProjectStore(':memory:');
  let reports = 0;
  let refused = 0;
  let tellFrozen = () => {};
  let thaw = () => {};
  const frozen = new Promise<void>((resolve) => {
    tellFrozen = resolve;
  });
  const thawed = new Promise<void>((resolve) => {
    thaw = resolve;
  });
  const isFrozen = () => freezeAt !== undefined && reports > freezeAt;
  const held: Promise<unknown>[] = [];
  /** What a frozen process does not get to. */
  const whenThawed = async () => {
    if (!isFrozen()) return;
    tellFrozen();
    await thawed;
  };
  const ports = {
    clock: systemClock,
    blobs: memoryBlobs(),
    http: {
      async send() {
        await whenThawed();
        return { status: 200, headers: {}, body: {} };
      },
    },
    store,
    sandbox: { run: () => Promise.reject(new SluiceError('code.failed', 'No scripts.')), close: async () => {} },
    hashing: nodeHashing,
  } as unknown as RunPorts;
  const agent = startAgent({
    client: {
      hello: async (input) => service.hello(input),
      async next(input) {
        await whenThawed();
        // Who has been frozen once looks for nothing new.
        return freezeAt !== undefined && reports > 0 ? new Promise<never>(() => undefined) : service.next(input);
      },
      async report(input) {
        reports++;
        const frozenNow = isFrozen();
        await whenThawed();
        const answer = Promise.resolve(service.report(input));
        if (frozenNow) held.push(answer.catch(() => undefined));
        return answer.catch((thrown: unknown) => {
          if (SluiceError.from(thrown).code === 'run.fenced') refused++;
          throw thrown;
        });
      },
      start: async (input) => service.start(input),
      putBlob: async (input) => service.putBlob(input),
      getBlob: async (input) => service.getBlob(input),
    },
    portsFor: () => ports,
    bootSecret: name,
    runtimeHash: 'a'.repeat(64),
    runsAtOnce: 1,
    log: quietLogger(),
  });
  return {
    agent,
    frozen,
    refused: () => refused,
    async wake() {
      thaw();
      await new Promise((resolve) => setTimeout(resolve, 20));
      await Promise.all(held);
    },
    close: () => store.close(),
  };
}
