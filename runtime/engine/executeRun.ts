import type { Assignment } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Payload, RunEvent, StepError } from '#shared/run/events.ts';
import { fromTime } from '#shared/time.ts';
import type { Item, Settings, Tree } from '#shared/workflow/tree.ts';
import { createAnswer } from './answer.ts';
import { type Execution, Suspension } from './attempt.ts';
import type { AttemptSignal } from './attemptSignal.ts';
import { createEffectMemory } from './effects.ts';
import { executeGraph, type GraphResult } from './executeGraph.ts';
import { createHistory } from './history.ts';
import { toPayload } from './payload.ts';
import { compilePlan, type Plan } from './plan.ts';
import type { Guide } from './ports/guide.ts';
import type { Journal, NewEvent, RunLimits, RunPorts } from './ports/ports.ts';
import { createRunState, pathField, type StepRun } from './runState.ts';
import { createScopes } from './scopes.ts';
import { createWaitMemory, recordWaits } from './waits.ts';
import { checkInputs, declaredInputs } from './workflowInputs.ts';

export type RunJob = Pick<
  Assignment,
  | 'runId'
  | 'workflowId'
  | 'versionId'
  | 'environment'
  | 'connections'
  | 'triggerStepId'
  | 'input'
  | 'events'
  | 'partial'
  | 'resumeUrl'
  | 'retryOf'
  | 'recorded'
  | 'effectRunId'
> & { tree: Tree; execHash: string; runtimeHash: string; seed: string };

export type RunDeps = {
  ports: RunPorts;
  journal: Journal;
  limits: RunLimits;
  /** Aborted with a SluiceError run.cancelled to cancel, with anything else to let go without ending the run. */
  signal: AbortSignal;
  planOf?(tree: Tree, workflowId: string): Plan;
  /** The run follows a recorded one: what came from outside comes from there. */
  guide?: Guide;
};

export type RunOutcome = { status: 'succeeded' | 'failed' | 'cancelled' | 'timed_out' | 'waiting'; error?: StepError };

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

/** Where a run begins: its seed and its moment, as they were written down. */
async function beginRun(
  job: RunJob,
  { journal, limits, ports }: RunDeps,
): Promise<{ seed: string; at: string; events: readonly RunEvent[] }> {
  const begun = job.events.find((event) => event.type === 'run.started');
  if (begun && durabilityOf(job) === 'none') {
    throw new SluiceError('run.lost', 'The process that executed the run ended, and nothing of the run was kept.', {
      advice: 'Start it again, or set the workflow’s durability to step.',
    });
  }
  const recorded = (job.recorded ?? []).filter((event) => journal.keeps(event.type));
  if (begun) {
    // Cut off while it took over what an earlier run recorded, it goes on with that.
    const taken = job.events.filter((event) => event.source !== undefined).length;
    return { ...begun, events: [...job.events, ...recorded.slice(taken).map(takeOver)] };
  }
  const input = await toPayload(job.input, limits, ports.blobs);
  const started = journal.append({
    type: 'run.started',
    workflowId: job.workflowId,
    ...(job.versionId ? { versionId: job.versionId } : {}),
    execHash: job.execHash,
    runtimeHash: job.runtimeHash,
    environment: job.environment.name,
    ...(job.environment.revision === undefined ? {} : { environmentRevision: job.environment.revision }),
    triggerStepId: job.triggerStepId,
    ...(Object.keys(job.environment.vars).length > 0 ? { vars: job.environment.vars } : {}),
    ...(job.resumeUrl === undefined ? {} : { resumeUrl: job.resumeUrl }),
    input,
    seed: job.seed,
    ...(job.retryOf === undefined ? {} : { retryOf: job.retryOf }),
  });
  const events = recorded.length > 0 ? [started, ...recorded.map(takeOver)] : job.events;
  return { seed: job.seed, at: started.at, events };

  /** Says where it was recorded, and when. */
  function takeOver({ runId, seq: _seq, at, fence: _fence, ...event }: RunEvent): RunEvent {
    return journal.append({ ...event, source: event.source ?? runId } as NewEvent, fromTime(at));
  }
}

function durabilityOf(job: RunJob): Settings['durability'] {
  return job.tree.workflows[job.workflowId]?.settings.durability ?? 'step';
}

async function run(job: RunJob, deps: RunDeps): Promise<GraphResult> {
  const { ports, limits, journal } = deps;
  const { seed, at: startedAt, events } = await beginRun(job, deps);
  const planOf = deps.planOf ?? compilePlan;
  const durability = durabilityOf(job);
  const memory = createEffectMemory(events);
  const waits = createWaitMemory(events);
  const historyOf = createHistory(events, ports.blobs);
  const answer = createAnswer(events, deps);
  const trigger: Json = job.input[0]?.json ?? {};
  const secrets = secretsOf(job.connections);

  const execute = async (
    { workflowId, triggerStepId }: { workflowId: string; triggerStepId: string },
    path: readonly string[],
    input: Item[],
    signal: AbortSignal,
  ): Promise<GraphResult> => {
    const plan = planOf(job.tree, workflowId);
    const state = createRunState();
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
      runWorkflow: (caller, id, items, attempt, part) => callWorkflow({ caller, part, path }, id, items, attempt),
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
    { caller, part, path }: { caller: StepRun; part: string | undefined; path: readonly string[] },
    workflowId: string,
    items: Item[],
    attempt: AttemptSignal,
  ): Promise<Item[]> {
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
    const result = await execute(entry, inner, items, attempt.signal).catch((thrown: unknown) => {
      historyOf.forget(inner);
      throw thrown;
    });
    if (result.status === 'waiting') throw new Suspension(result.waits);
    if (result.status === 'succeeded') return Object.values(result.output).flat();
    historyOf.forget(inner);
    throw SluiceError.fromWire(result.error);
  }

  const result = await execute(job, [], job.input, deps.signal);
  if (result.status === 'waiting') recordWaits(result.waits, waits, journal);
  return result;
}

/** `$run`. */
function runValues({ runId, versionId, resumeUrl }: RunJob, startedAt: string): JsonObject {
  const values: JsonObject = { id: runId, mode: versionId ? 'hosted' : 'local', startedAt };
  if (resumeUrl !== undefined) values.resumeUrl = resumeUrl;
  return values;
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

/** Every text of the connections' secrets, by `name#field`. */
function secretsOf(connections: RunJob['connections']): Record<string, string> {
  const secrets: Record<string, string> = {};
  for (const [name, { secret }] of Object.entries(connections)) {
    for (const [field, value] of Object.entries(secret))
      if (typeof value === 'string') secrets[`${name}#${field}`] = value;
  }
  return secrets;
}

function requestOf(trigger: Json): JsonObject {
  if (!isJsonObject(trigger)) return {};
  const { method, path, params, query, headers, body } = trigger;
  return method === undefined
    ? {}
    : {
        method,
        path: path ?? '',
        params: params ?? {},
        query: query ?? {},
        headers: headers ?? {},
        body: body ?? null,
      };
}

async function endRun(result: GraphResult, { journal, limits, ports }: RunDeps): Promise<RunOutcome> {
  if (result.status === 'waiting') {
    await journal.durable();
    return { status: 'waiting' };
  }
  if (result.status === 'failed') {
    journal.append({ type: 'run.ended', status: 'failed', error: result.error });
    await journal.durable();
    return { status: 'failed', error: result.error };
  }
  const output: Record<string, Payload> = {};
  for (const [stepId, items] of Object.entries(result.output))
    output[stepId] = await toPayload(items, limits, ports.blobs);
  journal.append({ type: 'run.ended', status: 'succeeded', output });
  await journal.durable();
  return { status: 'succeeded' };
}

async function endAborted(thrown: unknown, deps: RunDeps): Promise<RunOutcome> {
  const { journal } = deps;
  const error = SluiceError.from(thrown);
  if (deps.signal.aborted && error.code !== 'run.cancelled') throw thrown;
  const status = error.code === 'run.cancelled' ? 'cancelled' : error.code === 'run.timed_out' ? 'timed_out' : 'failed';
  if (error.code === 'internal') journal.log({ level: 'error', message: String(error.cause ?? error) });
  journal.append({ type: 'run.ended', status, error: error.toWire() });
  await journal.durable();
  return { status, error: error.toWire() };
}

/** Of the time between a process that died and the one that went on, this much at most counts as active. */
const MOST_GAP_MS = 10_000;

/** Milliseconds a run has been at work: between events, but for its waits and for the time when nobody held it. */
function activeMs(events: readonly RunEvent[]): number {
  let total = 0;
  events.forEach((event, index) => {
    const before = events[index - 1];
    if (!before || before.type === 'run.waiting' || event.source !== undefined || before.source !== undefined) return;
    const passed = Math.max(0, fromTime(event.at) - fromTime(before.at));
    total += before.fence === event.fence ? passed : Math.min(passed, MOST_GAP_MS);
  });
  return total;
}
