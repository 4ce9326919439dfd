import { SluiceError } from '#shared/error.ts';
import type { EventOf, RunEvent, RunStatus } from '#shared/run/events.ts';
import { fromTime } from '#shared/time.ts';
import { nodeHashing } from '../agent/runPorts.ts';
import { executeRun } from '../engine/executeRun.ts';
import { createJournal, memorySink } from '../engine/journal.ts';
import { fromPayload } from '../engine/payload.ts';
import { type Blobs, DEFAULT_LIMITS, type RunPorts } from '../engine/ports/ports.ts';
import type { Sandbox } from '../engine/ports/sandbox.ts';
import { memoryBlobs } from '../journal/memoryBlobs.ts';
import { compareJournal } from './compareJournal.ts';
import { createGuide, differs, TapeEnded } from './guide.ts';
import type { Tape } from './tape.ts';
import { createTapeClock, type TapeClock } from './tapeClock.ts';

/** Where a replay is to stop: behind a step's run of that iteration; behind its last one, if none is named. */
export type ReplayTo = { stepId: string; iteration?: number };

export type Replay = {
  runId: string;
  /** `equal`: all that the tape has happened again. `stopped`: as far as was asked for. `cut`: as far as the tape goes. */
  result: 'equal' | 'stopped' | 'cut';
  /** What the recorded run came to, as far as the tape says. */
  status: RunStatus;
  /** Step runs that ended as on the tape. */
  stepRuns: number;
  /** What the replay wrote: the events of the tape, but for times and attempts. */
  events: RunEvent[];
};

/**
 * Executes a run again from its tape, by the same engine: every step runs, what comes from outside comes from the tape, and
 * nothing outside this process but the script worker is touched. What the replay writes is held against the tape.
 *
 * @throws SluiceError run.not_deterministic at the first step that does something else; tape.invalid, step.not_found
 */
export async function replayTape(tape: Tape, deps: { sandbox: Sandbox; to?: ReplayTo }): Promise<Replay> {
  const started = startOf(tape);
  const status = tape.end?.status ?? 'running';
  // Of a run that was ended from outside, or still goes on, the tape holds a beginning.
  const isWhole = status === 'succeeded' || status === 'failed';
  const stopAt = deps.to && lastEventOf(tape, deps.to);
  const blobs = memoryBlobs();
  for (const bytes of tape.blobs.values()) await blobs.put(bytes);
  const clock = createTapeClock(fromTime(started.at));
  const comparison = compareJournal(tape.events, isWhole);
  const controller = new AbortController();
  // Of a run that went on with an earlier one: what it took over is not done again, here or there.
  const takenOver = tape.events.filter((event) => event.source !== undefined);
  const own = takenOver.length > 0 ? tape.events.filter((event) => event.source === undefined) : tape.events;
  const guide = createGuide(own, (reason) => controller.abort(reason));
  const resumes = tape.events.filter((event) => event.type === 'run.resumed');
  const sink = memorySink();
  const input = await fromPayload(started.input, blobs);
  const ports = closedPorts({ blobs, clock, sandbox: deps.sandbox });

  function written(event: RunEvent): void {
    if (controller.signal.aborted) return;
    sink.add(event);
    const mismatch = comparison.take(event);
    if (mismatch) controller.abort(mismatch);
    else if (stopAt && isSame(event, stopAt)) controller.abort(new Halt());
  }

  /** The run up to where it ends or waits. */
  async function goOn(fence: number): Promise<boolean> {
    const { durability } = tape.tree.workflows[tape.workflowId]?.settings ?? { durability: 'step' as const };
    const journal = createJournal(
      { runId: tape.runId, fence, lastSeq: sink.events.length, durability, logLevel: 'error' },
      { sink: { ...sink, add: written }, clock },
    );
    const { status: reached } = await executeRun(
      {
        ...tape,
        ...(started.versionId ? { versionId: started.versionId } : {}),
        ...(started.resumeUrl ? { resumeUrl: started.resumeUrl } : {}),
        environment: {
          name: started.environment,
          vars: started.vars ?? {},
          ...(started.environmentRevision === undefined ? {} : { revision: started.environmentRevision }),
        },
        connections: withoutSecrets(tape),
        triggerStepId: started.triggerStepId,
        input,
        events: [...sink.events],
        seed: started.seed,
        ...(started.retryOf === undefined ? {} : { retryOf: started.retryOf }),
        recorded: takenOver,
        // A run's seed is the id under which its effects have their keys.
        effectRunId: started.retryOf === undefined ? tape.runId : started.seed,
      },
      { ports, journal, limits: DEFAULT_LIMITS, signal: controller.signal, guide },
    );
    return reached === 'waiting';
  }

  async function follow(): Promise<Replay['result']> {
    for (let fence = 0; await goOn(fence); fence++) {
      const resumed = resumes.shift();
      if (!resumed) break;
      clock.advanceTo(fromTime(resumed.at));
      if (resumed.by !== 'timer') sink.add({ ...resumed, seq: sink.events.length + 1 });
    }
    const missing = comparison.missing();
    if (missing) throw missing;
    return isWhole ? 'equal' : 'cut';
  }

  const result = await follow().catch((thrown: unknown) => {
    if (thrown instanceof Halt) return 'stopped' as const;
    if (!(thrown instanceof TapeEnded)) throw thrown;
    if (isWhole) throw differs(thrown.stepId, 'it asks for something that is not on the tape');
    return 'cut' as const;
  });
  return { runId: tape.runId, result, status, stepRuns: comparison.matched(), events: sink.events };
}

/** The replay has come as far as was asked for. */
class Halt extends Error {}

/** @throws SluiceError tape.invalid */
export function startOf(tape: Tape): EventOf<'run.started'> {
  const first = tape.events[0];
  if (first?.type === 'run.started') return first;
  throw new SluiceError('tape.invalid', 'The tape does not begin with the start of its run.', {
    advice: 'Take the tape again: sluice tape <run>, or sluice run --tape.',
  });
}

type StepEnd = EventOf<'step.succeeded' | 'step.failed'>;

/** @throws SluiceError step.not_found */
function lastEventOf(tape: Tape, { stepId, iteration }: ReplayTo): StepEnd {
  const ends = tape.events.filter(
    (event): event is StepEnd =>
      event.type === 'step.succeeded' || (event.type === 'step.failed' && event.retryAt === undefined),
  );
  const own = ends.filter((event) => event.stepId === stepId && !event.path);
  const found = iteration === undefined ? own.at(-1) : own.find((event) => event.iteration === iteration);
  if (found) return found;
  const ids = [...new Set(ends.filter(({ path }) => !path).map((event) => event.stepId))];
  throw new SluiceError(
    'step.not_found',
    own.length > 0
      ? `On the tape step ${stepId} ran ${own.length} times, so it has no run ${iteration}: they count from 0.`
      : `On the tape no step ${stepId} ended.`,
    { advice: `These did: ${ids.join(', ') || 'none'}.`, details: { stepId } },
  );
}

function isSame(event: RunEvent, wanted: StepEnd): boolean {
  return (
    event.type === wanted.type &&
    event.stepId === wanted.stepId &&
    event.iteration === wanted.iteration &&
    !event.path?.length &&
    (event.type !== 'step.failed' || event.retryAt === undefined)
  );
}

/** A journal has no secrets, and a replay needs none. */
function withoutSecrets({ tree }: Tape) {
  return Object.fromEntries(
    Object.entries(tree.connections).map(([name, { connector }]) => [name, { connector, secret: {}, hosts: [] }]),
  );
}

/** Everything that reaches outside is answered from the tape before it comes here. */
function closedPorts(open: { blobs: Blobs; clock: TapeClock; sandbox: Sandbox }): RunPorts {
  const closed = new Proxy(
    {},
    {
      get: (_target, name) => () => {
        throw new SluiceError('internal', `A replay reached for ${String(name)}, which is outside.`);
      },
    },
  );
  const given: Partial<RunPorts> = { ...open, hashing: nodeHashing };
  return new Proxy(given, { get: (target, name) => Reflect.get(target, name) ?? closed }) as RunPorts;
}
