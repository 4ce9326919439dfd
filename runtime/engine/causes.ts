import type { EventOf, RunEvent } from '#shared/run/events.ts';
import type { Plan } from './plan.ts';
import type { Hashing } from './ports/ports.ts';
import type { RunState, StepRun, WorkScope } from './runState.ts';

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
  /** The number that the journal knows the step run by, or one that nobody has. */
  numberOf(run: StepRun): number;
  /** With the causes of the steps that called its workflow, outermost first: `<cause>/<cause>`. */
  of(run: StepRun): string;
};

/** Which numbers step runs have in a run's journal, by their cause. */
export type RecordedNumbers = ReturnType<typeof createRecordedNumbers>;

export function createRecordedNumbers() {
  const steps = new Map<string, { byCause: Map<string, number>; taken: Set<number> }>();

  function note(path: readonly string[], stepId: string, iteration: number, cause: string): void {
    const key = keyOf(path, stepId);
    const step = steps.get(key) ?? { byCause: new Map<string, number>(), taken: new Set<number>() };
    steps.set(key, step);
    step.byCause.set(cause, iteration);
    step.taken.add(iteration);
  }

  return {
    remember(event: RunEvent): void {
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

export function createCauses(
  { path, callers, plan, numbers }: { path: readonly string[]; callers: string; plan: Plan; numbers: RecordedNumbers },
  { state, hashing }: { state: RunState; hashing: Hashing },
): Causes {
  /** How often steps of several inputs have run, by lane. */
  const meetings = new Map<WorkScope, Map<string, number>>();
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
      const ref = one.inputs[0]?.ref;
      const way = ref ? `${ref.stepId}.${ref.outPort}.${ref.batch ?? ''}>${ref.port}` : '';
      cause = shortHash(`${cause}|${way}|${one.stepId}`);
      one.cause = cause;
    }
    return cause;
  }

  function before({ inputs: [first] }: StepRun): StepRun | undefined {
    return first && state.runs.get(first.ref.stepId)?.[first.ref.iteration];
  }

  return {
    begin(run) {
      const planned = plan.steps.get(run.stepId);
      if (!planned || planned.connected.length < 2 || planned.step.disabled) return;
      const { lane } = run.scope;
      const counts = meetings.get(lane) ?? new Map<string, number>();
      meetings.set(lane, counts);
      const count = counts.get(run.stepId) ?? 0;
      counts.set(run.stepId, count + 1);
      run.cause = shortHash(`${lane.loop ? causeOf(lane.loop) : ''}|${lane.batch}|${run.stepId}|${count}`);
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

const keyOf = (path: readonly string[], stepId: string) => (path.length === 0 ? stepId : `${path.join('/')}|${stepId}`);

function hasCause(event: RunEvent): event is EventOf<'effect.intended' | 'effect.recorded' | 'run.waiting'> {
  return event.type === 'effect.intended' || event.type === 'effect.recorded' || event.type === 'run.waiting';
}
