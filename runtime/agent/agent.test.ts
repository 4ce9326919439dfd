import { afterEach, describe, expect, test } from 'vitest';
import type { AgentApi, Assignment } from '#shared/contract/agentApi.ts';
import type { GroupClient } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { flatHash } from '#shared/workflow/hash.ts';
import { quietLogger, until } from '../../tests/fixtures/agent.ts';
import { PROJECT_ID, RUN_ID, type Sketch, sketchTree, WORKFLOW_ID } from '../../tests/fixtures/engine.ts';
import type { HttpReply } from '../connectors/stepType.ts';
import { noFiles } from '../engine/ports/noFiles.ts';
import { openProjectStore } from '../engine/ports/projectStore.ts';
import { systemClock } from '../engine/ports/systemClock.ts';
import { memoryBlobs } from '../journal/memoryBlobs.ts';
import { type Agent, startAgent } from './agent.ts';
import { nodeHashing } from './runPorts.ts';

type Client = GroupClient<AgentApi['agent']>;
const fine: HttpReply = { status: 200, headers: {}, body: null };
const running: Agent[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((agent) => agent.stop(0)));
});

const posting: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    send: {
      uses: 'http.request',
      config: { method: 'POST', url: 'https://tracker.example/', idempotencyHeader: 'Idempotency-Key' },
    },
  },
  edges: ['start -> send'],
};

function assignment(sketch: Sketch, more: Partial<Assignment> = {}): Assignment {
  const tree = sketchTree(sketch);
  return {
    runId: RUN_ID,
    fence: 1,
    leaseMs: 60_000,
    projectId: PROJECT_ID,
    workflowId: WORKFLOW_ID,
    treeHash: flatHash(tree),
    tree,
    environment: { name: 'local', vars: {} },
    connections: {},
    triggerStepId: 'start',
    input: [{ json: {} }],
    events: [],
    ...more,
  };
}

/** An agent before a control plane that does as a script says. */
function setUp({
  http = async () => fine,
  report,
  hello,
  runsAtOnce = 5,
}: {
  http?: (signal: AbortSignal) => Promise<HttpReply>;
  report?: Partial<Client>['report'];
  hello?: () => void;
  runsAtOnce?: number;
} = {}) {
  const work: Assignment[][] = [];
  const waiting: (() => void)[] = [];
  const seen = {
    hellos: 0,
    asked: [] as { free: number; have: string[] }[],
    tokens: [] as string[],
    order: [] as string[],
  };
  const journal: RunEvent[] = [];
  const reports: { runId: string; fence: number; done?: boolean; events: RunEvent[] }[] = [];
  let draining = false;
  const take: Client['report'] = async (input) => {
    reports.push(input as (typeof reports)[number]);
    for (const event of input.events as RunEvent[])
      if (event.seq === journal.filter(({ runId }) => runId === event.runId).length + 1) journal.push(event);
    return { ack: journal.filter(({ runId }) => runId === input.runId).length };
  };
  const client: Client = {
    async hello() {
      seen.hellos++;
      hello?.();
      return {
        workspaceId: PROJECT_ID,
        containerId: PROJECT_ID,
        token: `token-${seen.hellos}`,
        expiresAt: '2026-11-20T07:00:00Z',
        limits: { runsAtOnce, runTimeoutMs: 300_000, loopIterations: 1_000, storageBytes: 1 },
      };
    },
    async next({ free, have }) {
      seen.asked.push({ free, have });
      if (work.length === 0 && !draining) await new Promise<void>((resolve) => waiting.push(resolve));
      return { runs: work.shift() ?? [], ...(draining ? { drain: true } : {}) };
    },
    report: async (input) => (report ? report(input) : take(input)),
    start: async () => {
      throw new SluiceError('host.not_supported', 'Nothing is started here.');
    },
    putBlob: () => Promise.reject(new Error('no blobs here')),
    getBlob: () => Promise.reject(new Error('no blobs here')),
  };
  const store = openProjectStore(':memory:');
  const agent = startAgent({
    client,
    portsFor: () => {
      seen.order.push('ports');
      return {
        clock: systemClock,
        blobs: memoryBlobs(),
        http: { send: (_request, { signal }) => http(signal) },
        store,
        sandbox: { run: () => Promise.reject(new Error('no sandbox here')), close: async () => {} },
        files: noFiles(),
        hashing: nodeHashing,
      };
    },
    bootSecret: 'secret',
    runtimeHash: 'a'.repeat(64),
    runsAtOnce: 1,
    log: quietLogger(),
    onLimits: ({ storageBytes }) => seen.order.push(`limit ${storageBytes}`),
    onToken: (token) => seen.tokens.push(token),
  });
  running.push(agent);
  const wake = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  return {
    agent,
    seen,
    journal,
    reports,
    take,
    give: (...runs: Assignment[]) => {
      work.push(runs);
      wake();
    },
    drain: () => {
      draining = true;
      wake();
    },
    ended: (runId = RUN_ID) => journal.some((event) => event.type === 'run.ended' && event.runId === runId),
  };
}

/** A receiver that answers when it is told to, or not at all. */
function holding() {
  let answer = (_reply: HttpReply) => {};
  const state = { calls: 0, aborted: [] as string[] };
  const http = (signal: AbortSignal) => {
    state.calls++;
    return new Promise<HttpReply>((resolve, reject) => {
      answer = resolve;
      signal.addEventListener('abort', () => {
        state.aborted.push((signal.reason as SluiceError).code);
        reject(signal.reason);
      });
    });
  };
  return { http, state, answer: () => answer(fine) };
}

test('says hello, executes what it is given, and names the versions it keeps', async () => {
  const { give, seen, ended, journal, reports } = setUp();
  give(assignment(posting));
  await until(ended);
  expect(seen.tokens).toEqual(['token-1']);
  await until(() => seen.asked.length >= 2);
  expect(seen.asked[0]).toEqual({ free: 5, have: [] });
  expect(seen.asked.at(-1)?.have).toEqual([flatHash(sketchTree(posting))]);
  expect(journal.map((event) => event.type)).toEqual([
    'run.started',
    'step.attempted',
    'effect.intended',
    'effect.recorded',
    'step.succeeded',
    'run.ended',
  ]);
  expect(reports.filter((report) => report.done)).toHaveLength(1);
});

test('what the plan allows is known before anything of a run is opened', async () => {
  const { give, seen, ended } = setUp();
  give(assignment(posting));
  await until(ended);
  expect(seen.order).toEqual(['limit 1', 'ports']);
});

test('a keyed effect is announced and kept before it is sent', async () => {
  const order: string[] = [];
  const { give, ended, take } = setUp({
    http: async () => {
      order.push('sent');
      return fine;
    },
    report: async (input) => {
      const answer = await take(input);
      for (const event of input.events) if (event.type === 'effect.intended') order.push('kept');
      return answer;
    },
  });
  give(assignment(posting));
  await until(ended);
  expect(order).toEqual(['kept', 'sent']);
});

test('takes no more than it has room for', async () => {
  const { http, answer, state } = holding();
  const { give, seen, ended } = setUp({ http, runsAtOnce: 1 });
  give(assignment(posting));
  await until(() => state.calls === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(seen.asked).toHaveLength(1);
  answer();
  await until(ended);
  await until(() => seen.asked.length === 2);
});

describe('tokens', () => {
  test('one that expired is renewed by a run at work, though there is no room to ask for another', async () => {
    const { http, answer, state } = holding();
    let valid = 1;
    const all = setUp({
      http,
      runsAtOnce: 1,
      hello: () => {
        valid = 2;
      },
      report: async (input) => {
        if (all.seen.tokens.at(-1) !== `token-${valid}`) throw new SluiceError('token.invalid', 'Expired.');
        return all.take(input);
      },
    });
    await until(() => all.seen.hellos === 1);
    valid = 1;
    all.give(assignment(posting));
    await until(() => state.calls === 1);
    valid = 2;
    answer();
    await until(all.ended);
    expect(all.seen.tokens).toEqual(['token-1', 'token-2']);
  });
});

describe('fences', () => {
  test('a run that is somebody else’s by now is stopped in the middle, and nothing of it is sent any more', async () => {
    const { http, state } = holding();
    let fenced = false;
    const all = setUp({
      http,
      report: async (input) => {
        if (fenced) throw new SluiceError('run.fenced', 'Fenced.');
        return all.take(input);
      },
    });
    all.give(assignment(posting, { leaseMs: 150 }));
    await until(() => state.calls === 1);
    fenced = true;
    await until(() => state.aborted.length === 1);
    const count = all.reports.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(all.reports).toHaveLength(count);
    expect(all.ended()).toBe(false);
  });

  test('a run that comes back under a higher fence begins once the one before has stopped', async () => {
    const { http, answer, state } = holding();
    const all = setUp({ http });
    all.give(assignment(posting));
    await until(() => state.calls === 1);
    all.give(assignment(posting, { fence: 2, events: [...all.journal] }));
    await until(() => state.calls === 2);
    expect(state.aborted).toEqual(['run.fenced']);
    answer();
    await until(all.ended);
    expect(all.journal.filter((event) => event.fence === 2).at(-1)?.type).toBe('run.ended');
    const keys = all.journal.flatMap((event) => (event.type === 'effect.intended' ? [event.key] : []));
    expect(new Set(keys).size).toBe(1);
  });

  test('the same run under the same fence is taken once', async () => {
    const { http, answer, state } = holding();
    const { give, ended } = setUp({ http });
    give(assignment(posting), assignment(posting));
    await until(() => state.calls === 1);
    answer();
    await until(ended);
    expect(state.calls).toBe(1);
  });
});

test('a cancelled run ends as cancelled', async () => {
  const { http, state } = holding();
  const all = setUp({
    http,
    report: async (input) => ({ ...(await all.take(input)), ...(state.calls > 0 ? { cancel: true } : {}) }),
  });
  all.give(assignment(posting, { leaseMs: 150 }));
  await until(all.ended);
  expect(all.journal.at(-1)).toMatchObject({ type: 'run.ended', status: 'cancelled' });
  expect(state.aborted).toEqual(['run.cancelled']);
});

test('a run that is to be suspended is handed back, and does not end', async () => {
  const { http, state } = holding();
  const all = setUp({
    http,
    report: async (input) => ({ ...(await all.take(input)), ...(state.calls > 0 ? { suspend: true } : {}) }),
  });
  all.give(assignment(posting, { leaseMs: 150 }));
  await until(() => all.reports.some((report) => report.done));
  expect(all.ended()).toBe(false);
});

describe('stopping', () => {
  test('a drained agent finishes what it holds and ends', async () => {
    const { http, answer, state } = holding();
    const { agent, give, drain, ended } = setUp({ http });
    give(assignment(posting));
    await until(() => state.calls === 1);
    drain();
    answer();
    await agent.ended;
    expect(ended()).toBe(true);
  });

  test('a stopped agent does not wait for work that may come, and hands back what comes all the same', async () => {
    const { agent, give, reports, seen } = setUp();
    await until(() => seen.asked.length === 1);
    await agent.stop(10_000);
    await agent.ended;
    give(assignment(posting));
    await until(() => reports.length === 1);
    expect(reports).toMatchObject([{ runId: RUN_ID, fence: 1, events: [], done: true }]);
  });

  test('what is at work is finished within the grace', async () => {
    const { http, answer, state } = holding();
    const { agent, give, ended } = setUp({ http });
    give(assignment(posting));
    await until(() => state.calls === 1);
    const stopped = agent.stop(60_000);
    answer();
    await stopped;
    expect(ended()).toBe(true);
  });

  test('what is not is handed back with all it did, and goes on elsewhere', async () => {
    const { http, state } = holding();
    const { agent, give, ended, journal, reports } = setUp({ http });
    give(assignment(posting));
    await until(() => state.calls === 1);
    await agent.stop(10);
    await agent.ended;
    expect(ended()).toBe(false);
    expect(journal.map((event) => event.type)).toEqual(['run.started', 'step.attempted', 'effect.intended']);
    expect(reports.at(-1)).toMatchObject({ done: true });
    const next = setUp();
    next.journal.push(...journal);
    next.give(assignment(posting, { fence: 2, events: journal }));
    await until(next.ended);
  });
});

test('a run without its version is left alone, and the agent goes on', async () => {
  const { give, ended, journal } = setUp();
  const { tree: _, ...without } = assignment(posting, { runId: '0199f2c4-7000-7000-8000-000000000002' });
  give(without);
  give(assignment(posting));
  await until(ended);
  expect(journal.every((event) => event.runId === RUN_ID)).toBe(true);
});
