import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, Json, type JsonObject } from '#shared/json.ts';
import type { EventOf, RunEvent } from '#shared/run/events.ts';
import { fromTime } from '#shared/time.ts';
import { derivedId, execHash } from '#shared/workflow/hash.ts';
import { type Case, type Item, Tree } from '#shared/workflow/tree.ts';
import { nodeHashing } from '../agent/runPorts.ts';
import { memoryBlobs } from '../journal/memoryBlobs.ts';
import { createCaseAnswers } from './caseAnswers.ts';
import { executeRun } from './executeRun.ts';
import { createJournal, memorySink } from './journal.ts';
import { fromPayload } from './payload.ts';
import { compilePlan } from './plan.ts';
import { type Blobs, DEFAULT_LIMITS, type RunPorts } from './ports/ports.ts';
import { openProjectStore } from './ports/projectStore.ts';
import type { Sandbox } from './ports/sandbox.ts';
import { systemClock } from './ports/systemClock.ts';
import { createVirtualClock } from './ports/virtualClock.ts';

export const CaseInput = z.strictObject({
  tree: Tree,
  vars: z.record(z.string(), Json),
  /** Ids of the cases to run; all without it. */
  only: z.array(z.string()).optional(),
});

export type CaseResult = {
  id: string;
  name: string;
  passed: boolean;
  /** What was expected and what came, one entry per difference. */
  differences: { where: string; expected: Json; actual: Json }[];
};

/** How often a case may wait before it counts as stuck. */
const MOST_WAITS = 1_000;

/**
 * Runs one saved case: no network, no secrets, its own clock and empty tables. Outside effects are answered by the case;
 * one that is needed and missing fails it.
 */
export async function runCase(
  tree: Tree,
  id: string,
  saved: Case,
  deps: { sandbox: Sandbox; vars: Record<string, Json> },
): Promise<CaseResult> {
  const plan = compilePlan(tree, saved.workflow);
  const triggerStepId = saved.trigger ?? (plan.triggers.length === 1 ? plan.triggers[0] : undefined);
  if (triggerStepId === undefined) {
    throw new SluiceError('workflow.invalid', `The case ${id} does not say which trigger starts it.`, {
      advice: `Add trigger: with one of ${plan.triggers.join(', ')}.`,
    });
  }
  const clock = createVirtualClock(saved.now === undefined ? systemClock.now() : fromTime(saved.now));
  const ports: RunPorts = {
    clock,
    blobs: memoryBlobs(),
    ...createCaseAnswers(saved, clock.now),
    store: openProjectStore(':memory:', { now: clock.now }),
    sandbox: deps.sandbox,
    hashing: nodeHashing,
    control: recordedStarts(),
  };
  const sink = memorySink();
  const runId = '00000000-0000-7000-8000-000000000001';
  try {
    for (let waits = 0; waits < MOST_WAITS; waits++) {
      const journal = createJournal(
        { runId, fence: waits, lastSeq: sink.events.length, durability: 'step', logLevel: 'info' },
        { sink, clock },
      );
      const outcome = await executeRun(
        {
          runId,
          workflowId: saved.workflow,
          tree,
          environment: { name: 'test', vars: { ...deps.vars, ...saved.vars } },
          connections: placeholders(tree),
          triggerStepId,
          input: saved.items,
          events: [...sink.events],
          execHash: execHash(tree),
          runtimeHash: nodeHashing.sha256('case'),
          seed: saved.seed ?? `case:${id}`,
        },
        { ports, journal, limits: DEFAULT_LIMITS, signal: new AbortController().signal },
      );
      const until = sink.events.findLast((event) => event.type === 'run.waiting')?.until;
      if (outcome.status !== 'waiting' || until === undefined) break;
      await clock.sleep(Math.max(0, fromTime(until) - clock.now()));
    }
  } finally {
    ports.store.close();
  }
  const differences = await compareCase(saved, sink.events, ports.blobs);
  return { id, name: saved.name, passed: differences.length === 0, differences };
}

/** Runs that a case starts beside itself do not begin: it only knows that they were to. */
function recordedStarts(): RunPorts['control'] {
  const started = new Map<string, string>();
  return {
    async start({ key }) {
      const runId = started.get(key) ?? derivedId('case', key);
      started.set(key, runId);
      return { runId };
    },
  };
}

/** Steps may name connections; a case needs none of their secrets. */
function placeholders(tree: Tree) {
  const bound: Record<string, { connector: string; secret: JsonObject; hosts: string[] }> = {};
  for (const [name, { connector }] of Object.entries(tree.connections))
    bound[name] = { connector, secret: {}, hosts: [] };
  return bound;
}

async function compareCase(
  { expect }: Case,
  events: readonly RunEvent[],
  blobs: Blobs,
): Promise<CaseResult['differences']> {
  const differences: CaseResult['differences'] = [];
  const check = (where: string, expected: Json | undefined, actual: Json | undefined) => {
    if (expected !== undefined && !matches(expected, actual))
      differences.push({ where, expected, actual: actual ?? null });
  };
  const ended = events.find((event) => event.type === 'run.ended');
  check('status', expect.status, ended?.status ?? 'waiting');
  check('error', expect.error, ended?.error as Json | undefined);
  const answered = events.find((event) => event.type === 'run.answered');
  check(
    'answer',
    expect.answer as Json | undefined,
    answered && ({ status: answered.status, headers: answered.headers ?? {}, body: answered.body ?? null } as Json),
  );
  for (const [stepId, expected] of Object.entries(expect.steps ?? {})) {
    const items = await itemsOf(events, stepId, blobs);
    check(`steps.${stepId}`, expected, items.map((item) => ({ json: item.json })) as Json);
  }
  for (const stepId of expect.notRun ?? []) {
    const ran = events.some((event) => event.type === 'step.attempted' && event.stepId === stepId && !event.path);
    if (ran) differences.push({ where: `notRun.${stepId}`, expected: 'not run', actual: 'ran' });
  }
  return differences;
}

/** All items that left a step, run after run. */
async function itemsOf(events: readonly RunEvent[], stepId: string, blobs: Blobs): Promise<Item[]> {
  const own = events.filter(
    (event): event is EventOf<'step.succeeded'> =>
      event.type === 'step.succeeded' && event.stepId === stepId && !event.path,
  );
  const lists = own.flatMap((event) => Object.values(event.outputs)).map((payload) => fromPayload(payload, blobs));
  return (await Promise.all(lists)).flat();
}

/** Of objects the named fields must be equal; lists must be as long. */
function matches(expected: Json, actual: Json | undefined): boolean {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((entry, index) => matches(entry, actual[index]))
    );
  }
  if (!isJsonObject(expected)) return expected === actual;
  return isJsonObject(actual) && Object.entries(expected).every(([key, value]) => matches(value, actual[key]));
}
