import { nodeHashing } from '#runtime/agent/runPorts.ts';
import { executeRun } from '#runtime/engine/executeRun.ts';
import { createJournal } from '#runtime/engine/journal.ts';
import { DEFAULT_LIMITS, type RunPorts } from '#runtime/engine/ports/ports.ts';
import { systemClock } from '#runtime/engine/ports/systemClock.ts';
import { memoryBlobs } from '#runtime/journal/memoryBlobs.ts';
import type { RunEvent } from '#shared/run/events.ts';
import type { Settings } from '#shared/workflow/tree.ts';
import { RUN_ID, sketchTree, WORKFLOW_ID } from '../tests/fixtures/engine.ts';

/**
 * A million items through a source, a set, a filter and a sum in batches of a thousand, in this process: prints how long
 * it took and the most memory it had. `node bench/million.ts [none|run|step] [items]`.
 */
const durability = (process.argv[2] ?? 'step') as Settings['durability'];
const count = Number(process.argv[3] ?? 1_000_000);

const tree = sketchTree({
  settings: { durability },
  steps: {
    start: { uses: 'trigger.manual' },
    source: { uses: 'items.generate', config: { count, batch: 1_000 } },
    double: { uses: 'items.set', config: { fields: { twice: '=$json.n * 2' } } },
    some: { uses: 'flow.filter', config: { when: '=$json.n % 2 === 0' } },
    sum: { uses: 'items.aggregate', config: { fields: [{ operation: 'sum', field: 'twice', as: 'sum' }] } },
    total: { uses: 'items.aggregate', config: { fields: [{ operation: 'sum', field: 'sum', as: 'sum' }] } },
  },
  edges: [
    'start -> source',
    'source.loop -> double',
    'double -> some',
    'some -> sum',
    'sum -> source.next',
    'source.done -> total',
  ],
});

/** Events on their way to whoever keeps them: as text, since that is what leaves the process. */
let bytes = 0;
let ended: RunEvent | undefined;
const sink = {
  add(event: RunEvent) {
    bytes += JSON.stringify(event).length;
    if (event.type === 'run.ended') ended = event;
  },
  log() {},
  flushed: () => Promise.resolve(),
};
const refuse = () => Promise.reject(new Error('Nothing outside is asked for.'));
const ports = {
  clock: systemClock,
  blobs: memoryBlobs(),
  hashing: nodeHashing,
  sandbox: { run: refuse, close: () => Promise.resolve() },
} as unknown as RunPorts;

const began = performance.now();
const outcome = await executeRun(
  {
    runId: RUN_ID,
    workflowId: WORKFLOW_ID,
    tree,
    environment: { name: 'local', vars: {} },
    connections: {},
    triggerStepId: 'start',
    input: [{ json: {} }],
    events: [],
    execHash: nodeHashing.sha256('exec'),
    runtimeHash: nodeHashing.sha256('runtime'),
    seed: 'seed',
  },
  {
    ports,
    journal: createJournal(
      { runId: RUN_ID, fence: 1, lastSeq: 0, durability, logLevel: 'info' },
      { sink, clock: systemClock },
    ),
    limits: DEFAULT_LIMITS,
    signal: new AbortController().signal,
  },
);
function totalOf(event: RunEvent | undefined) {
  const payload = event?.type === 'run.ended' ? event.output?.total : undefined;
  return payload && 'items' in payload ? payload.items[0]?.json.sum : undefined;
}

const seconds = (performance.now() - began) / 1_000;
const peakMb = process.resourceUsage().maxRSS / 1_024;
console.log(
  JSON.stringify({
    durability,
    count,
    status: outcome.status,
    total: totalOf(ended),
    seconds: Number(seconds.toFixed(2)),
    perSecond: Math.round(count / seconds),
    peakMb: Math.round(peakMb),
    journalMb: Math.round(bytes / 1_048_576),
  }),
);
