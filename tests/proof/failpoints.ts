import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import type { Failpoint } from '#runtime/failpoint.ts';
import type { RunEvent } from '#shared/run/events.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { openControl, temporaryDir } from '../fixtures/agent.ts';
import { PROJECT_ID, sketchTree, WORKFLOW_ID } from '../fixtures/engine.ts';
import type { Arm } from './armedFailpoint.ts';
import { type Order, QUICK_ID, type Word } from './failpointWords.ts';
import { journalFaults } from './invariants.ts';
import { createDice } from './world.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LEASE_MS = 300;
/** So long a process may take until it comes to its failpoint. */
const REACH_MS = 60_000;
const FINISH_MS = 300_000;
/** What each run is to do at the receiver, once each. */
const EFFECTS = 1 + 2 + 2;

/** Every failpoint there is, as its module names them. */
export const FAILPOINTS: readonly Failpoint[] = Array.from(
  readFileSync(join(ROOT, 'runtime/failpoint.ts'), 'utf8').matchAll(/^ {2}\| '([a-z_.]+)'/gm),
  ([, name]) => name as Failpoint,
);

export type Tally = {
  action: Arm['action'];
  rounds: number;
  visited: Set<Failpoint>;
  runs: number;
  effects: number;
  /** Requests that came again under a key the receiver knew. */
  repeats: number;
  /** Runs that ended as failed, which only a failpoint that throws may cause. */
  failed: number;
  faults: string[];
};

/** The runtime as one program, with armed failpoints in the place of those that do nothing. */
export async function bundleArmed(dir: string): Promise<string> {
  const outfile = join(dir, 'failpointProcess.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'failpointProcess.ts')],
    outfile,
    absWorkingDir: ROOT,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: ['isolated-vm', 'pyodide'],
    logLevel: 'error',
    banner: {
      js: "import { createRequire as nodeRequire } from 'node:module';\nconst require = nodeRequire(import.meta.url);",
    },
    plugins: [
      {
        name: 'armed-failpoints',
        setup({ onResolve }) {
          const armed = join(import.meta.dirname, 'armedFailpoint.ts');
          onResolve({ filter: /(^|\/)failpoint\.ts$/ }, () => ({ path: armed }));
        },
      },
    ],
  });
  return outfile;
}

/** A receiver that honours keys, and refuses the first request under some of them. */
async function startReceiver() {
  const taken: { key: string; body: string }[] = [];
  const refused = new Set<string>();
  const server = createServer((request, response) => {
    const key = String(request.headers['idempotency-key']);
    let body = '';
    request.on('data', (data: Buffer) => {
      body += String(data);
    });
    request.on('end', () => {
      const isFirst = request.url === '/flaky' && !refused.has(key);
      refused.add(key);
      if (!isFirst) taken.push({ key, body });
      response.statusCode = isFirst ? 503 : 200;
      response.setHeader('content-type', 'application/json');
      response.end('{"taken":true}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    taken,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * One of everything that is durable: effects, a try again, a loop, a file, a table, two waits, an answer. And one that ends
 * at once, whose caller waits for the answer.
 */
function workflowOf(url: string): Tree {
  const post = (path: string, what: string, n: string) => ({
    uses: 'http.request',
    config: {
      ...{ method: 'POST', url: `${url}/${path}`, idempotencyHeader: 'Idempotency-Key' },
      body: { run: '=$run.id', what, n },
    },
    retry: { count: 8, delayMs: 10, backoff: 'fixed' as const },
  });
  const quick = {
    steps: { start: { uses: 'trigger.manual' }, answer: { uses: 'flow.respond', config: { body: { ok: true } } } },
    edges: ['start -> answer'],
  };
  const whole = {
    steps: {
      start: { uses: 'trigger.manual' },
      one: { uses: 'items.limit', config: { count: 1 } },
      flaky: post('flaky', 'flaky', 'one'),
      stamp: { uses: 'items.set', config: { fields: { id: '=$run.id' } } },
      file: { uses: 'csv.write' },
      items: { uses: 'items.set', config: { fields: { n: "=$('start').all().map((item) => item.json.n)" } } },
      split: { uses: 'items.splitOut', config: { field: 'n' } },
      each: { uses: 'flow.loop', config: { batch: 1 } },
      inner: post('inner', 'inner', '=$json.n'),
      seen: {
        uses: 'table.insert',
        config: { table: 'seen', key: "={{ $run.id }}-{{ $('split').item.json.n }}", row: {} },
      },
      late: { uses: 'flow.approval', config: { message: 'Too late', timeoutMs: 1_000 } },
      ask: { uses: 'flow.approval', config: { message: 'Go on?' } },
      last: post('last', 'last', "=$('split').item.json.n"),
      answer: { uses: 'flow.respond', config: { body: { ok: true } } },
    },
    edges: [
      ...[
        'start -> one',
        'one -> stamp',
        'stamp -> file',
        'file -> flaky',
        'flaky -> items',
        'items -> split',
        'split -> each',
      ],
      ...['each.loop -> inner', 'inner -> seen', 'seen -> each.next', 'each.done -> ask'],
      ...['ask.approved -> last', 'last -> answer', 'answer -> late'],
    ],
  };
  return sketchTree(whole, { workflows: { [QUICK_ID]: quick } });
}

/** A process over the folder, that has loaded its program and waits to be told what to do. */
function startProcess(program: string) {
  const child: ChildProcess = spawn(process.execPath, [program], {
    env: { TZ: 'UTC' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  // What it said last may be read only after its exit.
  let isOver = false;
  const heard: Word[] = [];
  let wake = () => {};
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    heard.push(JSON.parse(line) as Word);
    wake();
  });
  child.stdin?.on('error', () => undefined);
  child.once('close', () => {
    isOver = true;
    wake();
  });

  return {
    child,
    exited,
    started: () => heard.flatMap((word) => ('started' in word ? [word.started] : [])),
    tell: (order: Order) => void child.stdin?.write(`${JSON.stringify(order)}\n`),
    /** Whether it says so in time. */
    async says(what: (word: Word) => boolean, ms: number): Promise<boolean> {
      for (const end = Date.now() + ms; !heard.some(what); ) {
        if (isOver || Date.now() > end) return false;
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, 50);
        });
      }
      heard.splice(0, heard.length, ...heard.filter((word) => 'started' in word));
      return true;
    },
    signal: (signal: NodeJS.Signals) => child.exitCode === null && child.signalCode === null && child.kill(signal),
  };
}
type Process = ReturnType<typeof startProcess>;

/**
 * Comes to every failpoint, one process after the other over one folder: there the process is killed, or frozen until
 * another one has taken its runs over, or breaks and goes on. At the end everything that was accepted must have been done, once.
 */
export async function visitFailpoints(
  program: string,
  action: Arm['action'],
  seeds: number,
  seed: string,
): Promise<Tally> {
  using place = temporaryDir();
  mkdirSync(join(place.dir, 'data'));
  const receiver = await startReceiver();
  const dice = createDice(seed);
  const tree = workflowOf(receiver.url);
  const tally: Tally = {
    ...{ action, rounds: 0, visited: new Set<Failpoint>(), runs: 0, effects: 0, repeats: 0, failed: 0, faults: [] },
  };
  const processes = new Set<Process>();
  const accepted: string[] = [];
  let next = start();
  let frozen: Process | undefined;

  function start(): Process {
    const started = startProcess(program);
    processes.add(started);
    void started.exited.then(() => processes.delete(started));
    return started;
  }
  /** The next process, opened; the one behind it loads meanwhile. */
  function take(): Process {
    const taken = next;
    next = start();
    const { dir } = place;
    taken.tell({ open: { dir, projectId: PROJECT_ID, workflowId: WORKFLOW_ID, tree, leaseMs: LEASE_MS } });
    return taken;
  }
  function wakeUp(asleep: Process): void {
    asleep.signal('SIGCONT');
    asleep.tell({ stop: true });
  }

  try {
    let current = take();
    for (let number = 0; number < seeds; number++) {
      for (const name of FAILPOINTS) {
        const visit = 1 + dice.pick(2);
        let isReached = false;
        // What broke a moment ago is tried again only after a while; runs that never end are found at the end.
        for (let tries = 0; tries < 2 && !isReached; tries++) {
          current.tell({ arm: { name, action, visit }, runs: 2 });
          isReached = await current.says((word) => 'at' in word, REACH_MS);
        }
        tally.rounds++;
        if (isReached) tally.visited.add(name);
        else tally.faults.push(`${seed}: ${name} was not visited, try ${number + 1}`);
        if (action === 'throw' && isReached) continue;
        accepted.push(...current.started());
        if (!isReached) current.signal('SIGKILL');
        else if (action === 'freeze') {
          // Who stands before a commit keeps all others from the store: it wakes up by itself, after its lease.
          const asleep = current;
          if (name.endsWith('_commit')) setTimeout(() => wakeUp(asleep), LEASE_MS * 1.5);
          else {
            if (frozen) wakeUp(frozen);
            frozen = asleep;
          }
        }
        current = take();
      }
    }
    if (frozen) wakeUp(frozen);
    if (action === 'throw') current.tell({ runs: 0 });
    current.tell({ finish: true });
    if (!(await current.says((word) => 'finished' in word, FINISH_MS)))
      tally.faults.push(`${seed}: not all runs ended`);
    accepted.push(...current.started());
    check(place.dir, accepted, receiver.taken, tally);
    return tally;
  } finally {
    for (const { signal } of processes) signal('SIGKILL');
    await Promise.all([...processes].map(({ exited }) => exited));
    receiver.close();
  }
}

/** Nothing lost, nothing doubled, nothing that was recorded done again. */
function check(
  dir: string,
  accepted: readonly string[],
  taken: readonly { key: string; body: string }[],
  tally: Tally,
): void {
  const control = openControl(dir);
  try {
    const { data } = control.list({ projectId: PROJECT_ID, limit: 100_000 });
    const known = new Set(data.map(({ id }) => id));
    for (const id of accepted) if (!known.has(id)) tally.faults.push(`run ${id} was accepted and is lost`);
    const bodies = new Set(taken.map(({ body }) => body));
    const effectsOf = Map.groupBy(bodies, (body) => (JSON.parse(body) as { run: string }).run);
    for (const { id, workflowId, status, error } of data) {
      const events: RunEvent[] = control.get(id)?.events ?? [];
      // One that broke before it began has no beginning.
      const isUnbegun = tally.action === 'throw' && events.length === 1 && events[0]?.type === 'run.ended';
      if (!isUnbegun) for (const fault of journalFaults(events)) tally.faults.push(`run ${id}: ${fault}`);
      const count = effectsOf.get(id)?.length ?? 0;
      if (status === 'failed') tally.failed++;
      const mayFail = tally.action === 'throw' && status === 'failed' && error !== undefined;
      if (status !== 'succeeded' && !mayFail) tally.faults.push(`run ${id} ${status}: ${JSON.stringify(error)}`);
      const due = workflowId === QUICK_ID ? 0 : EFFECTS;
      if (status === 'succeeded' && count !== due) tally.faults.push(`run ${id} did ${count} of ${due} effects`);
    }
    for (const [body, all] of Map.groupBy(taken, ({ body }) => body))
      if (new Set(all.map(({ key }) => key)).size > 1) tally.faults.push(`${body} happened under two keys`);
    for (const [key, all] of Map.groupBy(taken, ({ key }) => key))
      if (new Set(all.map(({ body }) => body)).size > 1) tally.faults.push(`${key} was used for two effects`);
    tally.runs = data.length;
    tally.effects = bodies.size;
    tally.repeats = taken.length - bodies.size;
  } finally {
    control.close();
  }
}

/** One line of what was done. */
export function toldFailpoints({ action, rounds, visited, runs, effects, repeats, failed, faults }: Tally): string {
  return (
    `R2: ${action}: ${visited.size} of ${FAILPOINTS.length} failpoints in ${rounds} rounds, ${runs} runs (${failed} failed), ` +
    `${effects} effects (${repeats} repeats under a known key): ${faults.length} faults.`
  );
}
