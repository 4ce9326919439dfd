import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { serveAgentOverStdio } from '#runtime/agent/stdio.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { newRun, openControl, temporaryDir } from '../fixtures/agent.ts';
import { PROJECT_ID, type Sketch } from '../fixtures/engine.ts';
import { createDice } from './world.ts';

const LEASE_MS = 1_000;
/** What a runner gets done before it is killed, about: a fast machine must not have done everything before the last kill. */
const MOST_DONE = 12;
const MAIN = join(import.meta.dirname, '..', '..', 'runtime', 'main.ts');

export type Killed = {
  runs: number;
  kills: number;
  /** Runs that did not succeed. */
  lost: number;
  /** Effects that happened at the receiver, each under one key. */
  effects: number;
  doubled: number;
  /** Requests that came again under a key the receiver knew. */
  repeats: number;
  /** Recorded steps that were tried again. */
  redone: string[];
  /** Journals whose numbers have a gap. */
  gaps: number;
  highestFence: number;
};

type Closing = (() => unknown)[];

/** A receiver that honours keys: what comes under a key it knows does nothing. It remembers everything. */
async function startReceiver(closing: Closing) {
  const requests: { key: string; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (data: Buffer) => {
      body += String(data);
    });
    request.on('end', () => {
      requests.push({ key: String(request.headers['idempotency-key']), body });
      // Some time passes between the effect and its answer: that is where a process dies.
      setTimeout(() => {
        response.setHeader('content-type', 'application/json');
        response.end('{"taken":true}');
      }, 15);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

function sketchOf(url: string, durability: 'step' | 'run'): Sketch {
  const post = (body: Record<string, string>) => ({
    uses: 'http.request',
    config: { method: 'POST', url, body, idempotencyHeader: 'Idempotency-Key' },
  });
  return {
    steps: {
      start: { uses: 'trigger.manual' },
      label: { uses: 'items.set', config: { fields: { label: '=uuidv4()' } } },
      first: post({ run: '=$run.id', what: 'first', n: '=$json.n', label: '=$json.label' }),
      each: { uses: 'flow.loop', config: { batch: 1 } },
      inner: post({ run: '=$run.id', what: 'inner', n: "=$('start').item.json.n" }),
      seen: {
        uses: 'table.insert',
        config: { table: 'seen', key: "={{ $run.id }}-{{ $('start').item.json.n }}", row: {} },
      },
      pause: { uses: 'flow.wait', config: { forMs: 1_200 } },
      last: post({ run: '=$run.id', what: 'last', n: "=$('start').item.json.n" }),
    },
    edges: [
      'start -> label',
      'label -> first',
      'first -> each',
      'each.loop -> inner',
      'inner -> seen',
      'seen -> each.next',
      'each.done -> pause',
      'pause -> last',
    ],
    settings: { durability },
  };
}

/**
 * Runs of real runner processes over one local control plane, which are killed with SIGKILL at any moment, again and again
 * until everything has ended. Each run does nine keyed effects at a real receiver.
 */
export async function killRunners(runs: number, leastKills: number, seed: string): Promise<Killed> {
  const closing: Closing = [];
  try {
    return await killing(runs, leastKills, seed, closing);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function killing(runs: number, leastKills: number, seed: string, closing: Closing): Promise<Killed> {
  const place = temporaryDir();
  closing.push(() => place[Symbol.dispose]());
  const receiver = await startReceiver(closing);
  const control = openControl(place.dir, { leaseMs: LEASE_MS });
  closing.push(() => control.close());
  const dice = createDice(seed);
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  let child: ChildProcess | undefined;
  function startRunner(): void {
    const args = ['--disallow-code-generation-from-strings', MAIN, 'runner'];
    const env = { SLUICE_DATA_DIR: join(place.dir, 'data'), TZ: 'UTC' };
    const started = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
    child = started;
    serveAgentOverStdio({ stdin: started.stdin, stdout: started.stdout }, control.agent(PROJECT_ID));
  }
  async function kill(): Promise<void> {
    const victim = child;
    if (!victim?.pid || victim.exitCode !== null) return;
    const gone = once(victim, 'exit');
    process.kill(victim.pid, 'SIGKILL');
    await gone;
  }
  closing.push(kill);

  startRunner();
  const ids: string[] = [];
  for (let index = 0; index < runs; index++) {
    const items = [1, 2, 3].map((n) => ({ json: { n } }));
    const sketch = sketchOf(receiver.url, index % 4 === 3 ? 'run' : 'step');
    ids.push((await control.start(newRun(sketch, { items }))).runId);
  }
  const isAtWork = () => ids.some((id) => control.get(id)?.run.finishedAt === undefined);
  const highestFence = () =>
    Math.max(0, ...ids.flatMap((id) => (control.get(id)?.events ?? []).map(({ fence }) => fence)));
  let kills = 0;
  // Until one of them has been cut off more than once, too.
  for (; (kills < leastKills || highestFence() <= 2) && isAtWork(); kills++) {
    // From the middle of its start to the middle of its work.
    const before = receiver.requests.length;
    const deadline = Date.now() + (kills < leastKills ? 2_500 : 60_000);
    while (receiver.requests.length === before && Date.now() < deadline && isAtWork()) await pause(5);
    const until = Date.now() + dice.roll() * 120;
    while (Date.now() < until && receiver.requests.length < before + MOST_DONE) await pause(1);
    await kill();
    // Half of the time the host notices; else the leases have to run out.
    if (dice.chance(0.5)) control.released(PROJECT_ID);
    startRunner();
  }
  const ends = await Promise.all(ids.map((id) => control.finished(id)));

  const journals = ids.map((id) => control.get(id)?.events ?? []);
  const byKey = Map.groupBy(receiver.requests, ({ key }) => key);
  const mixed = [...byKey.values()].filter((all) => new Set(all.map(({ body }) => body)).size > 1);
  const byEffect = Map.groupBy(receiver.requests, ({ body }) => body);
  const doubled = [...byEffect.values()].filter((all) => new Set(all.map(({ key }) => key)).size > 1);
  return {
    runs,
    kills,
    lost: ends.filter(({ status }) => status !== 'succeeded').length,
    effects: byKey.size,
    doubled: doubled.length + mixed.length,
    repeats: receiver.requests.length - byKey.size,
    redone: journals.flatMap(stepsAfterTheirEnd),
    gaps: journals.filter((events) => events.some(({ seq }, index) => seq !== index + 1)).length,
    highestFence: highestFence(),
  };
}

/** Step runs that were tried after their end stood in the journal. */
function stepsAfterTheirEnd(events: readonly RunEvent[]): string[] {
  const ended = new Set<string>();
  const repeated: string[] = [];
  for (const event of events) {
    if (event.type !== 'step.attempted' && event.type !== 'step.succeeded') continue;
    const step = `${event.runId} ${event.stepId}:${event.iteration}`;
    if (ended.has(step)) repeated.push(`${step} ${event.type}`);
    if (event.type === 'step.succeeded') ended.add(step);
  }
  return repeated;
}

/** One line of what was done. */
export function toldKills({ runs, kills, lost, doubled, effects, repeats, redone, highestFence }: Killed): string {
  return (
    `R1: ${runs} runs, ${kills} kills: ${lost} lost, ${doubled} of ${effects} effects doubled ` +
    `(${repeats} repeats under a known key), ${redone.length} recorded steps repeated, highest fence ${highestFence}.`
  );
}
