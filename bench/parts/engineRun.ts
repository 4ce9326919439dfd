import { nodeHashing } from '#runtime/agent/runPorts.ts';
import { executeRun } from '#runtime/engine/executeRun.ts';
import { createJournal } from '#runtime/engine/journal.ts';
import { compilePlan } from '#runtime/engine/plan.ts';
import { DEFAULT_LIMITS, type RunPorts } from '#runtime/engine/ports/ports.ts';
import { systemClock } from '#runtime/engine/ports/systemClock.ts';
import { memoryBlobs } from '#runtime/journal/memoryBlobs.ts';
import type { JsonObject } from '#shared/json.ts';
import type { Payload, RunEvent } from '#shared/run/events.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { RUN_ID, WORKFLOW_ID } from '../../tests/fixtures/engine.ts';

const refuse = () => Promise.reject(new Error('Nothing outside is asked for.'));
const ports = () =>
  ({
    clock: systemClock,
    blobs: memoryBlobs(),
    hashing: nodeHashing,
    sandbox: { run: refuse, close: () => Promise.resolve() },
  }) as unknown as RunPorts;

export type EngineRun = { status: string; output: Item[]; bytes: number; events: RunEvent[] };

/**
 * Runs the engine alone in this process, its workflow compiled once. Events are made into text, as on their way to whoever
 * keeps them; they are given back where `keep` says so.
 *
 * @param output the step whose `main` items are given back
 */
export function engineRuns(tree: Tree, output: string) {
  const plans = new Map<string, ReturnType<typeof compilePlan>>();
  const planOf = (_: Tree, workflowId: string) => {
    const plan = plans.get(workflowId) ?? compilePlan(tree, workflowId);
    plans.set(workflowId, plan);
    return plan;
  };
  const workflow = tree.workflows[WORKFLOW_ID];
  const durability = workflow?.settings.durability ?? 'step';

  return async (
    input: JsonObject[],
    { events: before = [], keep = false, onEvent }: { events?: RunEvent[]; keep?: boolean; onEvent?: () => void } = {},
  ): Promise<EngineRun> => {
    const told: EngineRun = { status: '', output: [], bytes: 0, events: [] };
    const sink = {
      add(event: RunEvent) {
        told.bytes += JSON.stringify(event).length;
        if (keep) told.events.push(event);
        onEvent?.();
        if (event.type === 'run.ended') end = event.output?.[output];
      },
      log() {},
      flushed: () => Promise.resolve(),
    };
    const of = ports();
    let end: Payload | undefined;
    const lastSeq = before.at(-1)?.seq ?? 0;
    const journal = createJournal(
      { runId: RUN_ID, fence: 1, lastSeq, durability, logLevel: 'info' },
      { sink, clock: of.clock },
    );
    const outcome = await executeRun(
      {
        runId: RUN_ID,
        workflowId: WORKFLOW_ID,
        tree,
        environment: { name: 'local', vars: {} },
        connections: {},
        triggerStepId: 'start',
        input: input.map((json): Item => ({ json })),
        events: before,
        execHash: nodeHashing.sha256('exec'),
        runtimeHash: nodeHashing.sha256('runtime'),
        seed: 'seed',
      },
      { ports: of, journal, limits: DEFAULT_LIMITS, signal: new AbortController().signal, planOf },
    );
    if (end && 'items' in end) told.output = end.items;
    else if (end) told.output = JSON.parse(new TextDecoder().decode(await of.blobs.get(end.blob))) as Item[];
    return { ...told, status: outcome.status };
  };
}
