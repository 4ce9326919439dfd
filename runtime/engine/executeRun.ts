import type { Assignment } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Answer, EventOf, Payload, RunEvent, StepError } from '#shared/run/events.ts';
import { fromTime } from '#shared/time.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { type Execution, type Outputs, Suspension } from './attempt.ts';
import { createEffectMemory } from './effects.ts';
import { executeGraph, type GraphResult, type RecordedEvent } from './executeGraph.ts';
import { fromPayload, toPayload } from './payload.ts';
import { compilePlan, type Plan } from './plan.ts';
import type { Journal, RunLimits, RunPorts } from './ports/ports.ts';
import { createRunState, type StepRun } from './runState.ts';
import { createScopes } from './scopes.ts';

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
> & { tree: Tree; execHash: string; runtimeHash: string; seed: string };

export type RunDeps = {
  ports: RunPorts;
  journal: Journal;
  limits: RunLimits;
  /** Aborted with a SluiceError run.cancelled to cancel, with anything else to let go without ending the run. */
  signal: AbortSignal;
  planOf?(tree: Tree, workflowId: string): Plan;
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
  const begun = job.events.find((event) => event.type === 'run.started');
  const ended = job.events.find((event) => event.type === 'run.ended');
  if (ended) return { status: ended.status, error: ended.error };
  const seed = begun?.seed ?? job.seed;
  const startedAt = begun ? begun.at : await beginRun(job, seed, deps);
  const timer = new AbortController();
  const signal = AbortSignal.any([deps.signal, timer.signal]);
  const left = limits.runTimeoutMs - activeMs(job.events, ports.clock.now());
  const stopTimer = new AbortController();
  ports.clock.limit(Math.max(left, 0), stopTimer.signal).then(
    () =>
      timer.abort(
        new SluiceError('run.timed_out', `The run took longer than ${limits.runTimeoutMs} ms of active time.`),
      ),
    () => undefined,
  );
  try {
    const result = await run(job, { ...deps, signal }, seed, startedAt);
    return await endRun(result, deps);
  } catch (thrown) {
    return await endAborted(thrown, deps);
  } finally {
    stopTimer.abort();
    // Whatever is still at work belongs to a run that has ended.
    timer.abort(new SluiceError('run.cancelled', 'The run ended.'));
  }
}

async function beginRun(job: RunJob, seed: string, { journal, limits, ports }: RunDeps): Promise<string> {
  const input = await toPayload(job.input, limits, ports.blobs);
  const event = journal.append({
    type: 'run.started',
    workflowId: job.workflowId,
    ...(job.versionId ? { versionId: job.versionId } : {}),
    execHash: job.execHash,
    runtimeHash: job.runtimeHash,
    environment: job.environment.name,
    ...(job.environment.revision === undefined ? {} : { environmentRevision: job.environment.revision }),
    triggerStepId: job.triggerStepId,
    input,
    seed,
  });
  return event.at;
}

async function run(job: RunJob, deps: RunDeps, seed: string, startedAt: string): Promise<GraphResult> {
  const { ports } = deps;
  const planOf = deps.planOf ?? compilePlan;
  const memory = createEffectMemory(job.events);
  let answered = job.events.some((event) => event.type === 'run.answered');
  const trigger: Json = job.input[0]?.json ?? {};
  const secrets = secretsOf(job.connections);

  const execute = async (
    workflowId: string,
    path: readonly string[],
    triggerStepId: string | undefined,
    input: Item[],
  ): Promise<GraphResult> => {
    const plan = planOf(job.tree, workflowId);
    const state = createRunState();
    const execution: Execution = {
      runId: job.runId,
      seed,
      path,
      plan,
      ports,
      limits: deps.limits,
      journal: deps.journal,
      memory,
      connections: job.connections,
      signal: deps.signal,
      timezone: plan.workflow.settings.timezone ?? 'UTC',
      scripts: job.tree.scripts,
      surroundings: {
        trigger: input[0]?.json ?? trigger,
        request: requestOf(trigger),
        env: job.environment.vars,
        run: { id: job.runId, mode: job.versionId ? 'hosted' : 'local', startedAt },
        workflow: { id: workflowId, name: plan.workflow.name },
      },
      secrets,
      scopeOf: (stepRun, seeded) => scopes.scopeOf(stepRun, seeded),
      originsOf: (stepRun, ref) => scopes.originsOf(stepRun, ref),
      async respond(stepId, answer) {
        if (answered) return;
        answered = true;
        deps.journal.append({ type: 'run.answered', stepId, ...answer });
        await deps.journal.durable();
      },
      runWorkflow: (caller, id, items) => callWorkflow(caller, id, items, path),
    };
    const scopes = createScopes(execution, state);
    return executeGraph(
      {
        triggerStepId: triggerStepId ?? entryOf(plan),
        input,
        history: await historyOf(job.events, path, deps),
        ...(path.length === 0 ? { given: job.partial?.given, stopAfter: job.partial?.stopAfter } : {}),
      },
      execution,
      state,
    );
  };

  async function callWorkflow(
    caller: StepRun,
    workflowId: string,
    items: Item[],
    path: readonly string[],
  ): Promise<Item[]> {
    if (path.length + 1 > deps.limits.depth) {
      throw new SluiceError('limit.exceeded', `Workflows call each other more than ${deps.limits.depth} deep.`, {
        advice: 'Look for a workflow that runs itself without an end.',
        details: { limit: deps.limits.depth, what: 'nested runs' },
      });
    }
    const result = await execute(workflowId, [...path, `${caller.stepId}:${caller.iteration}`], undefined, items);
    if (result.status === 'waiting') throw new Suspension(undefined, true);
    if (result.status === 'failed') throw SluiceError.fromWire(result.error);
    return Object.values(result.output).flat();
  }

  return execute(job.workflowId, [], job.triggerStepId, job.input);
}

/** Where a workflow begins when another one runs it: its manual trigger, else its only one. */
function entryOf(plan: Plan): string {
  const manual = plan.triggers.find((id) => plan.steps.get(id)?.type.type === 'trigger.manual');
  const entry = manual ?? (plan.triggers.length === 1 ? plan.triggers[0] : undefined);
  if (entry) return entry;
  throw new SluiceError(
    'workflow.invalid',
    `${plan.workflow.name} cannot be run by another workflow: it has no manual trigger.`,
    {
      advice: 'Add a manual trigger to it.',
    },
  );
}

/** The graph events of one execution, with their items read back. */
async function historyOf(
  events: readonly RunEvent[],
  path: readonly string[],
  { ports }: RunDeps,
): Promise<RecordedEvent[]> {
  const own = path.join('/');
  const history: RecordedEvent[] = [];
  for (const event of events) {
    if ((event.path ?? []).join('/') !== own) continue;
    if (event.type === 'step.succeeded') {
      const outputs: Outputs = {};
      for (const [port, payload] of Object.entries(event.outputs))
        outputs[port] = await fromPayload(payload, ports.blobs);
      history.push({ ...event, outputs });
    } else if (isGraphEvent(event)) history.push(event);
  }
  return history;
}

type PlainGraphEvent = EventOf<'step.attempted' | 'step.failed' | 'step.skipped' | 'run.waiting' | 'run.resumed'>;

function isGraphEvent(event: RunEvent): event is PlainGraphEvent {
  return ['step.attempted', 'step.failed', 'step.skipped', 'run.waiting', 'run.resumed'].includes(event.type);
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

/** Milliseconds a run has been at work: the stretches between its start or resumption and its waits. */
function activeMs(events: readonly RunEvent[], now: number): number {
  let total = 0;
  let since: number | undefined;
  for (const event of events) {
    const at = fromTime(event.at);
    if (event.type === 'run.waiting' && since !== undefined) {
      total += at - since;
      since = undefined;
    } else if (event.type !== 'run.waiting') since ??= at;
  }
  return since === undefined ? total : total + Math.max(0, now - since);
}

export type { Answer };
