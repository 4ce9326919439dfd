import canonicalize from 'canonicalize';
import { nodeHashing } from '#runtime/agent/runPorts.ts';
import { executeRun, type RunOutcome } from '#runtime/engine/executeRun.ts';
import { createJournal, type JournalSink } from '#runtime/engine/journal.ts';
import { DEFAULT_LIMITS, type RunPorts } from '#runtime/engine/ports/ports.ts';
import { openProjectStore } from '#runtime/engine/ports/projectStore.ts';
import { createVirtualClock } from '#runtime/engine/ports/virtualClock.ts';
import { memoryBlobs } from '#runtime/journal/memoryBlobs.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { EventOf, RunEvent } from '#shared/run/events.ts';
import { fromTime, toTime } from '#shared/time.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { RUN_ID, WORKFLOW_ID } from '../fixtures/engine.ts';
import { type Arrival, createReceiver, type Dice, type Faults } from './world.ts';

export type Simulation = {
  tree: Tree;
  items: number;
  dice: Dice;
  faults: Faults;
  /** Crashes at most; each at a moment that the dice decide. */
  crashes: number;
  /** Somebody cancels the run at a moment that the dice decide. */
  cancel?: boolean;
  runTimeoutMs?: number;
  /** What an earlier process left behind. */
  before?: readonly RunEvent[];
};

export type Simulated = {
  outcome: RunOutcome['status'];
  events: RunEvent[];
  arrivals: Arrival[];
  /** How often an unsafe effect was left to a person. */
  parked: EventOf<'run.waiting'>[];
  crashes: number;
  /** Arrivals at the receiver after the end of the run was on record. */
  late: number;
};

const START = Date.parse('2026-11-20T07:00:00Z');
/** So many processes take a run up at most; more means that it never ends. */
const MOST_LIVES = 200;

/**
 * One run in a world that a seed decides: requests fail in every way there is, the process dies at any moment and loses what
 * it had not flushed, time is virtual. What a person is asked is answered by what the receiver saw.
 *
 * @throws where the run does not end within so many lives
 */
export async function simulate(simulation: Simulation): Promise<Simulated> {
  const { tree, dice } = simulation;
  const clock = createVirtualClock(simulation.before ? fromTime(simulation.before.at(-1)?.at ?? '') : START);
  const blobs = memoryBlobs();
  const store = openProjectStore(':memory:', { now: clock.now });
  const durable: RunEvent[] = [...(simulation.before ?? [])];
  const parked: EventOf<'run.waiting'>[] = [];
  let fence = durable.at(-1)?.fence ?? 0;
  let crashes = 0;
  let cancelled = false;
  let life = newLife();
  let controller = new AbortController();
  let lateAfter: number | undefined;
  const receiver = createReceiver(dice, simulation.faults, () => fence);
  receiver.arrivals.push(...arrivedIn(durable));

  /** A moment at which a process may die, or hear that its run is cancelled. */
  function tick(): void {
    if (life.dead) return;
    if (--life.cancelAt <= 0 && !cancelled) {
      cancelled = true;
      controller.abort(new SluiceError('run.cancelled', 'The run was cancelled.'));
    }
    if (--life.ticks > 0) return;
    life.dead = true;
    life.die();
    crashes++;
    controller.abort(new SluiceError('service.draining', 'The process died.'));
  }

  function openSink(): JournalSink {
    const mine = life;
    const buffer: RunEvent[] = [];
    const keep = (count: number) => {
      for (const event of buffer.splice(0, count)) durable.push(event);
      if (lateAfter === undefined && durable.at(-1)?.type === 'run.ended') lateAfter = receiver.arrivals.length;
    };
    return {
      add(event) {
        if (mine.dead) return;
        buffer.push(event);
        tick();
        // What was on its way to the disk may have got there in part.
        if (mine.dead) keep(dice.pick(buffer.length + 1));
      },
      log: () => undefined,
      async flushed() {
        tick();
        if (mine.dead) return new Promise<never>(() => undefined);
        await new Promise((resolve) => setImmediate(resolve));
        if (mine.dead) return new Promise<never>(() => undefined);
        keep(buffer.length);
        tick();
        return undefined;
      },
    };
  }

  const http: RunPorts['http'] = {
    async send(request, options) {
      const mine = life;
      tick();
      if (mine.dead) return new Promise<never>(() => undefined);
      const reply = await receiver.http.send(request, options);
      tick();
      return mine.dead ? new Promise<never>(() => undefined) : reply;
    },
  };

  /** Code that gives its items on as they are, at a moment that the dice decide. */
  const sandbox: RunPorts['sandbox'] = {
    async run({ items }) {
      const mine = life;
      tick();
      for (let turns = dice.pick(4); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
      return mine.dead ? new Promise<never>(() => undefined) : { results: items.map(({ json }) => json), logs: [] };
    },
    close: () => Promise.resolve(),
  };

  async function live(): Promise<RunOutcome['status'] | 'died'> {
    fence++;
    life = newLife();
    if (crashes < simulation.crashes) life.ticks = 1 + dice.pick(60);
    if (simulation.cancel) life.cancelAt = 1 + dice.pick(60);
    controller = new AbortController();
    // The control plane says so again to whoever takes the run up.
    if (cancelled) controller.abort(new SluiceError('run.cancelled', 'The run was cancelled.'));
    const mine = life;
    const { durability } = (tree.workflows[WORKFLOW_ID] as { settings: { durability: 'step' | 'run' | 'none' } })
      .settings;
    const journal = createJournal(
      { runId: RUN_ID, fence, lastSeq: durable.at(-1)?.seq ?? 0, durability, logLevel: 'error' },
      { sink: openSink(), clock },
    );
    const ports = { clock, blobs, http, store, sandbox, hashing: nodeHashing } as unknown as RunPorts;
    const outcome = executeRun(
      {
        runId: RUN_ID,
        workflowId: WORKFLOW_ID,
        tree,
        environment: { name: 'local', vars: {} },
        connections: {},
        triggerStepId: 'start',
        input: Array.from({ length: simulation.items }, (_, n): Item => ({ json: { n } })),
        events: [...durable],
        execHash: nodeHashing.sha256('exec'),
        runtimeHash: nodeHashing.sha256('runtime'),
        seed: 'seed',
      },
      {
        ports,
        journal,
        limits: { ...DEFAULT_LIMITS, runTimeoutMs: simulation.runTimeoutMs ?? 86_400_000 },
        signal: controller.signal,
      },
    ).then(({ status }) => status);
    outcome.catch(() => undefined);
    return Promise.race([
      outcome.catch((thrown: unknown) => {
        if (mine.dead) return 'died' as const;
        throw thrown;
      }),
      mine.died,
    ]);
  }

  try {
    for (let lives = 0; lives < MOST_LIVES; lives++) {
      const status = await live();
      if (status === 'died') continue;
      if (status !== 'waiting') {
        const late = lateAfter === undefined ? 0 : receiver.arrivals.length - lateAfter;
        return { outcome: status, events: durable, arrivals: receiver.arrivals, parked, crashes, late };
      }
      await endWaits();
    }
    throw new Error(`The run did not end: ${durable.length} events after ${MOST_LIVES} lives.`);
  } finally {
    store.close();
  }

  /** Time goes on, and whoever is asked decides by what the receiver saw. */
  async function endWaits(): Promise<void> {
    const open = durable.filter(
      (event, index): event is EventOf<'run.waiting'> =>
        event.type === 'run.waiting' &&
        !durable.slice(index).some((later) => later.type === 'run.resumed' && isOf(later, event)),
    );
    const asking = new Map(open.filter(({ reason }) => reason === 'needs_attention').map((one) => [placeOf(one), one]));
    for (const wait of asking.values()) {
      parked.push(wait);
      const input = decisionOn(wait, durable, receiver.arrivals);
      fence++;
      durable.push({
        ...{ type: 'run.resumed', runId: RUN_ID, seq: durable.length + 1, at: toTime(clock.now()), fence },
        ...{ stepId: wait.stepId, iteration: wait.iteration, by: 'a person', input },
        ...(wait.path ? { path: wait.path } : {}),
      } as RunEvent);
    }
    if (asking.size > 0) return;
    const due = open.flatMap(({ until }) => (until === undefined ? [] : [fromTime(until)]));
    await clock.sleep(Math.max(0, Math.min(...due) - clock.now()));
  }
}

/** One process that takes the run up. */
function newLife() {
  let die = () => {};
  const died = new Promise<'died'>((resolve) => {
    die = () => setImmediate(() => resolve('died'));
  });
  return { dead: false, ticks: Number.POSITIVE_INFINITY, cancelAt: Number.POSITIVE_INFINITY, die, died };
}

type Place = { path?: string[]; stepId: string; iteration: number };
const placeOf = ({ path = [], stepId, iteration }: Place) => [...path, `${stepId}:${iteration}`].join('/');
const isOf = (one: EventOf<'run.resumed'>, wait: EventOf<'run.waiting'>) => placeOf(one) === placeOf(wait);

/** What must have arrived for its answer to stand in a journal. */
function arrivedIn(events: readonly RunEvent[]): Arrival[] {
  const asked = new Map<string, EventOf<'effect.intended'>>();
  return events.flatMap((event): Arrival[] => {
    if (event.type === 'effect.intended') asked.set(`${placeOf(event)}|${event.no}`, event);
    if (event.type !== 'effect.recorded' || event.kind !== 'http' || event.error) return [];
    const intended = asked.get(`${placeOf(event)}|${event.no}`);
    if (!intended) return [];
    const {
      url,
      body = null,
      idempotencyHeader,
    } = intended.request as { url: string; body?: Json; idempotencyHeader?: Json };
    return [{ key: idempotencyHeader ? intended.key : undefined, url, body: JSON.stringify(body), fence: event.fence }];
  });
}

/** A person looks at the receiver: did it arrive? */
function decisionOn(wait: EventOf<'run.waiting'>, events: readonly RunEvent[], arrivals: readonly Arrival[]): Json {
  const no = wait.error?.details?.effect;
  const intended = events.findLast(
    (event): event is EventOf<'effect.intended'> =>
      event.type === 'effect.intended' && placeOf(event) === placeOf(wait) && (no === undefined || event.no === no),
  );
  if (!intended) throw new Error(`A person is asked about ${placeOf(wait)}, and nothing says what it wanted to send.`);
  const { url, body = null } = intended.request as { url: string; body?: Json };
  const text = canonicalize(body);
  const same = (asked: { url: string; body?: Json }) => asked.url === url && canonicalize(asked.body ?? null) === text;
  const came = arrivals.filter((one) => same({ url: one.url, body: JSON.parse(one.body) as Json })).length;
  const known = new Set<string>();
  const wanted = new Map(
    events.flatMap((event) =>
      event.type === 'effect.intended' ? [[`${placeOf(event)}|${event.no}`, event.request as { url: string }]] : [],
    ),
  );
  for (const event of events) {
    if (event.type !== 'effect.recorded' || event.error) continue;
    const request = wanted.get(`${placeOf(event)}|${event.no}`);
    if (request && same(request)) known.add(`${placeOf(event)}|${event.no}`);
  }
  if (came <= known.size) return { decision: 'retry' };
  return {
    decision: 'done',
    result: {
      status: 200,
      headers: {},
      body: { of: nodeHashing.sha256(`${url}|${JSON.stringify(body)}`).slice(0, 8) },
    },
  };
}
