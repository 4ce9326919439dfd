import type { EventOf, RunEvent } from '#shared/run/events.ts';
import { createMeetings, type Meeting, orderedJoins } from './meetings.ts';
import type { Plan, PlannedStep } from './plan.ts';
import type { Hashing } from './ports/ports.ts';
import type { Pending, RunState, StepRun, WorkScope } from './runState.ts';

/** So much of a hash that no two step runs of a run share it. */
const CHARACTERS = 16;

/**
 * Names step runs by what they follow from, in place of the order in which they began. Branches and the batches of a map
 * overtake each other, and do so otherwise when a run goes on after a crash: where the journal does not say how they began,
 * only its cause leads a step run back to what is recorded of it.
 */
export type Causes = {
  /** A step run has begun: of a step of several inputs its cause is which of its runs in its lane it is. */
  begin(run: StepRun): void;
  /** On record, what a delivery to a step of several inputs was taken with. */
  meetingOf(pending: Pending): Meeting | undefined;
  /** The number that the journal knows the step run by, or one that nobody has. */
  numberOf(run: StepRun): number;
  /** With the causes of the steps that called its workflow, outermost first: `<cause>/<cause>`. */
  of(run: StepRun): string;
};

/** Which numbers step runs have in a run's journal, by their cause. */
export type RecordedNumbers = ReturnType<typeof createRecordedNumbers>;

export function createRecordedNumbers() {
  const steps = new Map<string, { byCause: Map<string, number>; taken: Set<number> }>();
  const meetings = createMeetings();

  function note(path: readonly string[], stepId: string, iteration: number, cause: string): void {
    const key = keyOf(path, stepId);
    const step = steps.get(key) ?? { byCause: new Map<string, number>(), taken: new Set<number>() };
    steps.set(key, step);
    step.byCause.set(cause, iteration);
    step.taken.add(iteration);
  }

  return {
    meetings,
    remember(event: RunEvent): void {
      meetings.remember(event);
      if (!hasCause(event) || event.cause === undefined) return;
      const { path = [], stepId, iteration } = event;
      const causes = event.cause.split('/');
      note(path, stepId, iteration, causes.pop() ?? '');
      // The outermost steps may have none.
      for (let depth = path.length - 1; depth >= 0; depth--) {
        const cause = causes.pop();
        const [caller = '', number] = path[depth]?.split(':') ?? [];
        if (cause !== undefined) note(path.slice(0, depth), caller, Number(number), cause);
      }
    },
    of: (path: readonly string[], stepId: string) => steps.get(keyOf(path, stepId)),
  };
}

/** Whether what is recorded of a run can be found by cause: a run of an earlier release numbers its step runs as they begin. */
export function areFoundByCause(events: readonly RunEvent[], durability: string): boolean {
  return !events.some(
    (event) =>
      (event.type === 'effect.intended' || event.type === 'effect.recorded') &&
      event.cause === undefined &&
      (durability === 'run' || event.path !== undefined),
  );
}

/** @param keepsAttempts the journal itself says what step runs took */
export function createCauses(
  {
    path,
    callers,
    plan,
    numbers,
    keepsAttempts,
  }: { path: readonly string[]; callers: string; plan: Plan; numbers: RecordedNumbers; keepsAttempts: boolean },
  { state, hashing }: { state: RunState; hashing: Hashing },
): Causes {
  const { meetings } = numbers;
  /** Tells this execution from all others of the run: who called it, and which of several it is. */
  const within = callers + path.map((call) => call.split(':')[2] ?? '').join('/');
  /** How often steps of several inputs have run, by lane. */
  const counts = new Map<WorkScope, Map<string, number>>();
  /** By step id, below which all numbers are taken. */
  const lowest = new Map<string, number>();

  const shortHash = (text: string) => hashing.sha256(text).slice(0, CHARACTERS);

  function causeOf(run: StepRun): string {
    // Without recursion: other cycles than loops may be long.
    const unnamed: StepRun[] = [];
    let at: StepRun | undefined = run;
    for (; at && at.cause === undefined; at = before(at)) unnamed.push(at);
    let cause = at?.cause ?? '';
    for (const one of unnamed.reverse()) {
      const [first] = one.inputs;
      cause = shortHash(`${cause}|${first ? wayOf(first) : ''}|${one.stepId}`);
      one.cause = cause;
    }
    return cause;
  }

  const before = ({ inputs: [first] }: StepRun) => first && sourceOf(first);

  const sourceOf = ({ ref }: Pending) => state.runs.get(ref.stepId)?.[ref.iteration];

  function hashOf(pending: Pending): string {
    const source = sourceOf(pending);
    return shortHash(`${within}|${source ? causeOf(source) : ''}|${wayOf(pending)}|${pending.to}`);
  }

  /** Whether another order of branches would put other things together, and the journal does not say what did. */
  function isOrdered(planned: PlannedStep | undefined): boolean {
    return !keepsAttempts && planned !== undefined && orderedJoins(plan).has(planned.id);
  }

  /** Which of its runs in its lane a step run is, but for those on record. */
  function nextCause({ stepId, scope: { lane } }: StepRun): string {
    const inLane = counts.get(lane) ?? new Map<string, number>();
    counts.set(lane, inLane);
    for (;;) {
      const count = inLane.get(stepId) ?? 0;
      inLane.set(stepId, count + 1);
      const place = `${within}${lane.loop ? causeOf(lane.loop) : ''}|${lane.batch}`;
      const cause = shortHash(`${place}|${stepId}|${count}`);
      if (!meetings.isOnRecord(cause)) return cause;
    }
  }

  return {
    begin(run) {
      const planned = plan.steps.get(run.stepId);
      // A loop that something comes back to takes one delivery, as any other step.
      if (!planned || planned.connected.length < 2 || planned.step.disabled || planned.type.control) return;
      const recorded = run.inputs[0]?.meeting;
      if (recorded) {
        run.cause = recorded.cause;
        return;
      }
      run.cause = nextCause(run);
      if (isOrdered(planned)) meetings.add({ cause: run.cause, deliveries: run.inputs.map(hashOf) });
    },
    meetingOf(pending) {
      if (meetings.isEmpty() || !isOrdered(plan.steps.get(pending.to))) return undefined;
      return meetings.of(hashOf(pending));
    },
    numberOf(run) {
      const { stepId } = run;
      const begun = state.runs.get(stepId);
      const recorded = numbers.of(path, stepId);
      if (!recorded) return begun?.length ?? 0;
      const known = recorded.byCause.get(causeOf(run));
      if (known !== undefined && !begun?.[known]) return known;
      let number = lowest.get(stepId) ?? 0;
      while (begun?.[number] || recorded.taken.has(number)) number++;
      lowest.set(stepId, number);
      return number;
    },
    of: (run) => callers + causeOf(run),
  };
}

const wayOf = ({ ref }: Pending) => `${ref.stepId}.${ref.outPort}.${ref.batch ?? ''}>${ref.port}`;

const keyOf = (path: readonly string[], stepId: string) => (path.length === 0 ? stepId : `${path.join('/')}|${stepId}`);

function hasCause(event: RunEvent): event is EventOf<'effect.intended' | 'effect.recorded' | 'run.waiting'> {
  return event.type === 'effect.intended' || event.type === 'effect.recorded' || event.type === 'run.waiting';
}
