import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { fromTime } from '#shared/time.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { failpoint } from '../failpoint.ts';
import { activeMs } from './activeTime.ts';
import { createAnswer } from './answer.ts';
import { type Execution, Suspension } from './attempt.ts';
import type { AttemptSignal } from './attemptSignal.ts';
import { beginRun, durabilityOf } from './beginRun.ts';
import { areFoundByCause, createCauses, createRecordedNumbers } from './causes.ts';
import { createEffectMemory } from './effects.ts';
import { endAborted, endRun } from './endRun.ts';
import { executeGraph, type GraphResult } from './executeGraph.ts';
import { createHistory } from './history.ts';
import { compilePlan, type Plan } from './plan.ts';
import type { Journal } from './ports/ports.ts';
import type { RunDeps, RunJob, RunOutcome } from './runJob.ts';
import { createRunState, pathField, type StepRun } from './runState.ts';
import { createScopes } from './scopes.ts';
import { requestOf, runValues, secretsOf } from './surroundings.ts';
import { createWaitMemory, recordWaits } from './waits.ts';
import { checkInputs, declaredInputs } from './workflowInputs.ts';

export type { RunDeps, RunJob, RunOutcome } from './runJob.ts';

/**
 * Executes a run, from its beginning or from where its journal left it, until it ends or waits. Every end stands in the
 * journal, durably, when this resolves.
 *
 * @throws what the signal was aborted with, when that is not a cancellation
 */
export async function executeRun(job: RunJob, deps: RunDeps): Promise<RunOutcome> {
  const { ports, limits } = deps;
  const ended = job.events.find((event) => event.type === 'run.ended');
  if (ended) return { status: ended.status, error: ended.error };
  const controller = new AbortController();
  const { signal } = controller;
  const onAbort = () => controller.abort(deps.signal.reason);
  if (deps.signal.aborted) onAbort();
  else deps.signal.addEventListener('abort', onAbort, { once: true });
  const putOff = ports.clock.alarm(Math.max(limits.runTimeoutMs - activeMs(job.events), 0), () =>
    controller.abort(
      new SluiceError('run.timed_out', `The run took longer than ${limits.runTimeoutMs} ms of active time.`),
    ),
  );
  let atRest = false;
  try {
    const result = await run(job, { ...deps, signal });
    atRest = result.status !== 'failed';
    return await endRun(result, deps);
  } catch (thrown) {
    return await endAborted(thrown, deps);
  } finally {
    deps.signal.removeEventListener('abort', onAbort);
    putOff();
    // Whatever is still at work belongs to a run that has ended.
    if (!atRest) controller.abort(new SluiceError('run.cancelled', 'The run ended.'));
  }
}

async function run(job: RunJob, deps: RunDeps): Promise<GraphResult> {
  const { ports, limits, journal } = deps;
  const { seed, at: startedAt, events } = await beginRun(job, deps);
  const planOf = deps.planOf ?? compilePlan;
  const durability = durabilityOf(job);
  const numbers = createRecordedNumbers();
  const { meetings } = numbers;
  const memory = createEffectMemory(events, { inOrder: durability === 'run', numbers });
  const recorded = deps.guide?.events ?? events;
  if (deps.guide) for (const event of recorded) numbers.remember(event);
  const byCause = areFoundByCause(recorded, durability);
  const waits = createWaitMemory(events);
  const historyOf = createHistory(events, ports.blobs);
  const answer = createAnswer(events, { ...deps, meetings });
  const trigger: Json = job.input[0]?.json ?? {};
  const secrets = secretsOf(job.connections);

  const execute = async (
    { workflowId, triggerStepId }: { workflowId: string; triggerStepId: string },
    path: readonly string[],
    input: Item[],
    signal: AbortSignal,
    callers = '',
  ): Promise<GraphResult> => {
    const plan = planOf(job.tree, workflowId);
    const state = createRunState();
    // Only of a workflow that is called anew after it failed does `step` know more than how its step runs began.
    const isCaused = byCause && (durability === 'run' || (durability === 'step' && path.length > 0));
    const causes = isCaused
      ? createCauses(
          { path, callers, plan, numbers, keepsAttempts: durability === 'step' },
          { state, hashing: ports.hashing },
        )
      : undefined;
    const execution: Execution = {
      runId: job.runId,
      effectRunId: job.effectRunId ?? job.runId,
      seed,
      path,
      plan,
      ports,
      limits,
      journal,
      memory,
      waits,
      causes,
      durability,
      connections: job.connections,
      signal,
      ...(deps.guide ? { guide: deps.guide } : {}),
      timezone: plan.workflow.settings.timezone ?? 'UTC',
      steadyNow: durability === 'run' ? fromTime(startedAt) : undefined,
      tree: job.tree,
      scripts: job.tree.scripts,
      surroundings: {
        trigger: input[0]?.json ?? trigger,
        request: requestOf(trigger),
        env: job.environment.vars,
        run: runValues(job, startedAt),
        workflow: { id: workflowId, name: plan.workflow.name },
      },
      secrets,
      scopeOf: (stepRun, seeded) => scopes.scopeOf(stepRun, seeded),
      originsOf: (stepRun, ref) => scopes.originsOf(stepRun, ref),
      respond: answer,
      runWorkflow: (caller, id, items, attempt, part) =>
        callWorkflow({ caller, part, path, callers: causes ? `${causes.of(caller)}/` : '' }, id, items, attempt),
      entryOf,
      checkEntry,
    };
    const scopes = createScopes(execution, state);
    const result = executeGraph(
      {
        triggerStepId,
        input,
        history: await historyOf.read(path),
        ...(path.length === 0 ? { given: job.partial?.given, stopAfter: job.partial?.stopAfter } : {}),
      },
      execution,
      state,
    );
    // Cut off with the step that called it: the run goes on, and says what was at work.
    if (path.length > 0) result.catch(() => deps.signal.aborted || endAtWork(state, path, journal));
    return result;
  };

  function entryOf(workflowId: string, triggerStepId?: string) {
    return { workflowId, triggerStepId: triggerStepId ?? entryStep(planOf(job.tree, workflowId)) };
  }

  function checkEntry({ workflowId, triggerStepId }: ReturnType<typeof entryOf>, items: Item[]) {
    const plan = planOf(job.tree, workflowId);
    return declaredInputs(plan, triggerStepId) ? checkInputs(plan, triggerStepId, items) : undefined;
  }

  async function callWorkflow(
    about: { caller: StepRun; part: string | undefined; path: readonly string[]; callers: string },
    workflowId: string,
    items: Item[],
    attempt: AttemptSignal,
  ): Promise<Item[]> {
    const { caller, part, path, callers } = about;
    if (path.length + 1 > limits.depth) {
      throw new SluiceError('limit.exceeded', `Workflows call each other more than ${limits.depth} deep.`, {
        advice: 'Look for a workflow that runs itself without an end.',
        details: { limit: limits.depth, what: 'nested runs' },
      });
    }
    const inner = [...path, `${caller.stepId}:${caller.iteration}${part === undefined ? '' : `:${part}`}`];
    // Its time-out and its cancel are those of the step that calls.
    const entry = entryOf(workflowId);
    await checkEntry(entry, items);
    const result = await execute(entry, inner, items, attempt.signal, callers).catch((thrown: unknown) => {
      historyOf.forget(inner);
      throw thrown;
    });
    if (result.status === 'waiting') throw new Suspension(result.waits);
    if (result.status === 'succeeded') return Object.values(result.output).flat();
    historyOf.forget(inner);
    throw SluiceError.fromWire(result.error);
  }

  const result = await execute(job, [], job.input, deps.signal);
  if (result.status === 'waiting') {
    failpoint('wait.before');
    recordWaits(result.waits, waits, { journal, meetings });
  }
  return result;
}

/** Says of step runs that were at work that they ended with the workflow they belong to. */
function endAtWork({ runs }: ReturnType<typeof createRunState>, path: readonly string[], journal: Journal): void {
  for (const { stepId, iteration, attempts, outputs } of [...runs.values()].flat()) {
    if (attempts === 0 || Object.keys(outputs).length > 0) continue;
    journal.append({ type: 'step.skipped', stepId, iteration, reason: 'group_ended', ...pathField(path) });
  }
}

/** Where a workflow begins when another one runs it: the trigger made for that, else the manual one, else its only one. */
function entryStep(plan: Plan): string {
  const ofType = (type: string) => plan.triggers.find((id) => plan.steps.get(id)?.type.type === type);
  const entry =
    ofType('trigger.workflow') ??
    ofType('trigger.manual') ??
    (plan.triggers.length === 1 ? plan.triggers[0] : undefined);
  if (entry) return entry;
  throw new SluiceError(
    'workflow.invalid',
    `${plan.workflow.name} cannot be run by another workflow: it has no trigger for that.`,
    { advice: 'Add the trigger "Called by a workflow" to it, or a manual one.' },
  );
}
