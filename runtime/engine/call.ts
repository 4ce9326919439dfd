import { SluiceError } from '#shared/error.ts';
import type { Scope } from '#shared/expression/expression.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { EffectKind } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Call, Effect, HttpReply, StepHttp, StepStore } from '../connectors/stepType.ts';
import { type Execution, type StepJob, Suspension } from './attempt.ts';
import { doEffect, effectKey } from './effects.ts';
import type { Hashing } from './ports/ports.ts';
import { redactRequest, redactSecrets } from './ports/redact.ts';
import { pathField, type StepRun } from './runState.ts';
import { createSeeded, type Seeded } from './seeded.ts';

/** A wait this short is slept through; a longer one gives the run back. */
const SHORT_WAIT_MS = 1_000;

/** What a step sees while it runs, moved from item to item. */
export type CallSite = {
  scope: Scope;
  /** Moves on to an item: its `$json`, its effect numbers. */
  at(item: Item, index: number): void;
  /** The call, for a resolved config (which decides the effect class). */
  call(config: JsonObject): Call;
};

export function createCall(job: StepJob, execution: Execution, signal: AbortSignal): CallSite {
  const { planned, run, attempt } = job;
  const { ports, runId, path } = execution;
  const { type } = planned;
  const place = { runId, path, stepId: run.stepId, iteration: run.iteration };
  const seeded = lazySeeded(() => `${execution.seed}|${path.join('/')}|${run.stepId}|${run.iteration}`, ports.hashing);
  const scope = execution.scopeOf(run, seeded);
  const startedAt = run.startedAt ?? ports.clock.now();
  const hasSecrets = Object.keys(execution.secrets).length > 0;
  let itemIndex = 0;
  let effects = 0;
  let effect: Effect = 'pure';

  const perform = <T extends Json>(
    kind: EffectKind,
    request: Json,
    cls: Effect,
    act: (key: string) => Promise<T> | T,
  ) =>
    doEffect<T>(
      {
        no: `${itemIndex}.${effects++}`,
        kind,
        effect: cls,
        onAmbiguous: type.onAmbiguous ?? (cls === 'unsafe' ? 'ask' : 'retry'),
        request,
        perform: act,
      },
      { ...place, attempt },
      { journal: execution.journal, memory: execution.memory, hashing: ports.hashing, signal: execution.signal },
    );
  const write = <T extends Json>(kind: 'kv' | 'table', request: Json, act: (effectKey: string) => T) =>
    perform<T>(kind, request, 'keyed', act);
  const read = <T extends Json>(kind: 'kv' | 'table', request: Json, act: () => T) =>
    perform<T>(kind, request, 'idempotent', act);

  const http: StepHttp = {
    send(request) {
      const connection =
        planned.step.connection === undefined
          ? undefined
          : boundConnection(execution, planned.step.connection, run.stepId);
      const shown = redactRequest(request, execution.secrets);
      return perform('http', shown, effect, async (idempotencyKey) => {
        const options = {
          stepId: run.stepId,
          connection,
          hosts: type.connector?.hosts,
          signal,
          idempotencyKey,
        };
        const reply = (await ports.http.send(request, options)) as unknown as Json;
        // A service may send back what it was sent: a secret never becomes data.
        return hasSecrets ? redactSecrets(reply, execution.secrets) : reply;
      }) as unknown as Promise<HttpReply>;
    },
  };
  const { store } = ports;
  const projectStore: StepStore = {
    async kvGet(key) {
      const found = await read('kv', { op: 'get', key }, () => {
        const value = store.kvGet(key);
        return value === undefined ? [] : [value];
      });
      return found[0];
    },
    async kvSet(key, value, ttlMs) {
      await write('kv', { op: 'set', key, value, ttlMs: ttlMs ?? null }, (effectKey) => {
        store.kvSet(key, value, { effectKey, ttlMs });
        return true;
      });
    },
    tableInsert: (table, key, row) =>
      write('table', { op: 'insert', table, key, row }, (effectKey) =>
        store.tableInsert(table, key, row, { effectKey }),
      ),
    tableUpdate: (table, where, set) =>
      write('table', { op: 'update', table, where: where as Json, set }, (effectKey) =>
        store.tableUpdate(table, where, set, { effectKey }),
      ),
    tableDelete: (table, where) =>
      write('table', { op: 'delete', table, where: where as Json }, (effectKey) =>
        store.tableDelete(table, where, { effectKey }),
      ),
    tableQuery: (query) => read('table', { op: 'query', ...query } as unknown as Json, () => store.tableQuery(query)),
  };

  const base: Call = {
    http,
    store: projectStore,
    script: (request) => {
      const seed = `${execution.seed}|${path.join('/')}|${run.stepId}|${run.iteration}`;
      const context = scriptContext(execution, scope, run, request.source, execution.steadyNow ?? startedAt, seed);
      return ports.sandbox.run({ ...request, context }, signal);
    },
    clock: { now: () => startedAt },
    random: seeded.random,
    ids: { uuid: seeded.uuid },
    log: (level, message) => execution.journal.log({ level, message, stepId: run.stepId, iteration: run.iteration }),
    signal,
    key: (n) => effectKey(place, `${itemIndex}.${n}`, ports.hashing),
    run: {
      respond: (answer) => execution.respond(run.stepId, answer, planned.next.size > 0 || path.length > 0),
      async waitUntil(atMs) {
        const wait = { path, stepId: run.stepId, iteration: run.iteration };
        const untilMs = execution.waits.untilOf(wait) ?? atMs;
        const left = untilMs - ports.clock.now();
        // A run of which nothing is kept cannot be given back.
        if (left > SHORT_WAIT_MS && execution.durability !== 'none') {
          throw new Suspension([{ ...wait, reason: 'delay', untilMs }]);
        }
        if (execution.waits.close(wait)) {
          const { stepId, iteration } = run;
          execution.journal.append({ type: 'run.resumed', stepId, iteration, by: 'timer', ...pathField(path) });
        }
        if (left > 0) await ports.clock.sleep(left, signal);
      },
      runWorkflow: (workflowId, items) => execution.runWorkflow(run, workflowId, items),
    },
    readScript: (file) => readScript(execution, run.stepId, file),
    stepId: run.stepId,
    mode: planned.step.mode,
  };

  return {
    scope,
    at(item, index) {
      itemIndex = index;
      effects = 0;
      scope.json = item.json;
      scope.binary = item.binary as JsonObject | undefined;
      scope.itemIndex = index;
    },
    call(config) {
      effect = typeof type.effect === 'function' ? type.effect(config) : type.effect;
      return base;
    },
  };
}

function lazySeeded(seed: () => string, hashing: Hashing): Seeded {
  let made: Seeded | undefined;
  const get = (): Seeded => {
    made ??= createSeeded(seed(), hashing);
    return made;
  };
  return { random: () => get().random(), uuid: () => get().uuid() };
}

function boundConnection(execution: Execution, name: string, stepId: string) {
  const found = execution.connections[name];
  if (found) return found;
  throw new SluiceError(
    'connection.not_bound',
    `Step ${stepId} needs the connection ${name}, which is not set up here.`,
    {
      advice: `Set up the connection ${name} for this environment, then run again.`,
      details: { connection: name, stepId },
    },
  );
}

function readScript(execution: Execution, stepId: string, file: string): string {
  const text = execution.scripts[file.replace(/^scripts\//, '')];
  if (text !== undefined) return text;
  throw new SluiceError('config.invalid', `Step ${stepId} runs ${file}, which is not in the project.`, {
    advice: 'Create the file below scripts/, or correct the path.',
    details: { stepId, file },
  });
}

/** Steps a script names; only their items cross into the sandbox. */
const STEP_NAME = /(?:\$|\bstep)\(\s*(['"`])([^'"`]{1,120})\1\s*\)/g;

function scriptContext(execution: Execution, scope: Scope, run: StepRun, source: string, now: number, seed: string) {
  const steps: Record<string, Item[]> = {};
  const lineage: Record<string, (number | null)[]> = {};
  for (const [, , ref = ''] of source.matchAll(STEP_NAME)) {
    const view = scope.step(ref);
    if (!view) continue;
    const items = [...view.all()];
    const places = new Map(items.map((item, index) => [item, index]));
    const origins = execution.originsOf(run, ref);
    steps[ref] = items;
    lineage[ref] = origins.map((origin) => (origin && places.get(origin)) ?? null);
  }
  return { ...execution.surroundings, now, timezone: execution.timezone, seed, steps, lineage };
}
