import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Answer } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { keyOperation } from '../engine/ports/crypto.ts';
import { createHttpBroker } from '../engine/ports/http.ts';
import type { MailPort } from '../engine/ports/mail.ts';
import { openProjectStore } from '../engine/ports/projectStore.ts';
import type { Sandbox } from '../engine/ports/sandbox.ts';
import type { SqlPort } from '../engine/ports/sql.ts';
import { memoryBlobs } from '../journal/memoryBlobs.ts';
import { findConnector } from './registry.ts';
import type { Call, FileRef, RunControl, StepFiles, StepType } from './stepType.ts';

/** What a step under test did to its run. */
export type Trace = {
  answers: Answer[];
  waits: number[];
  logs: [string, string][];
  called: [string, Item[]][];
  asked: Parameters<RunControl['waitFor']>[0][];
  started: Parameters<RunControl['start']>[0][];
};

export type World = {
  sandbox?: Sandbox;
  scripts?: Record<string, string>;
  mode?: 'each' | 'once';
  /** What another workflow gives. */
  workflow?(id: string, items: Item[]): Item[];
  /** The fields of the step's connection. */
  connection?: JsonObject;
  timezone?: string;
  sql?: SqlPort;
  mail?: MailPort;
  /** How a wait for an answer ends. */
  ended?: { by: string; input?: Json };
};

export const NOW = Date.UTC(2026, 10, 20, 7);

/**
 * Runs step types on a real store, a real broker and, where given, a real sandbox, with configs already resolved: what
 * the engine does around a step is not repeated here.
 */
export function createWorld({
  sandbox,
  scripts = {},
  mode,
  connection = {},
  timezone = 'UTC',
  sql,
  mail,
  ended = { by: 'timer' },
  workflow = (_, items) => items,
}: World = {}) {
  const store = openProjectStore(':memory:', { now: () => NOW });
  const broker = createHttpBroker({ findConnector });
  const trace: Trace = { answers: [], waits: [], logs: [], called: [], asked: [], started: [] };
  const { signal } = new AbortController();
  const files = memoryFiles();
  let effects = 0;
  const effect = () => ({ effectKey: `effect-${++effects}` });

  const callFor = (type: StepType, written: JsonObject): Call => ({
    http: { send: (request) => broker.send(request, { signal, idempotencyKey: `effect-${++effects}` }) },
    store: {
      kvGet: async (key) => store.kvGet(key),
      kvSet: async (key, value, ttlMs) => store.kvSet(key, value, { ...effect(), ttlMs }),
      tableInsert: async (table, key, row) => store.tableInsert(table, key, row, effect()),
      tableUpdate: async (table, where, set) => store.tableUpdate(table, where, set, effect()),
      tableDelete: async (table, where) => store.tableDelete(table, where, effect()),
      tableQuery: async (query) => store.tableQuery(query),
    },
    evaluate: (value) => value,
    machine: (slug) => {
      throw new SluiceError('machine.not_found', `The project has no state machine ${slug}.`);
    },
    files,
    sql: {
      run(request) {
        if (!sql) throw new TypeError('This world has no databases.');
        return sql.run(request, { stepId: 'step_a1b2', ...effect(), signal, connection: bound(type, connection) });
      },
    },
    mail: {
      async send({ files: refs, ...message }) {
        if (!mail) throw new TypeError('This world has no mail.');
        const read = refs.map(async ({ blob, name = 'file', mime }) => {
          const bytes = await files.read({ blob, mime, bytes: 0 });
          return { name, mime, bytes };
        });
        const options = { stepId: 'step_a1b2', ...effect(), signal, connection: bound(type, connection) };
        return mail.send({ ...message, files: await Promise.all(read) }, options);
      },
    },
    crypto: {
      randomBytes: async (count) => randomBytes(count),
      withKey: async (operation) => keyOperation(connection, operation),
    },
    timezone,
    script(request) {
      if (!sandbox) throw new TypeError('This world has no sandbox.');
      const context = {
        env: {},
        run: {},
        workflow: {},
        trigger: null,
        request: null,
        now: NOW,
        timezone: 'UTC',
        seed: 's',
        steps: {},
      };
      return sandbox.run({ ...request, context }, signal);
    },
    clock: { now: () => NOW },
    random: () => 0.5,
    ids: { uuid: () => '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55' },
    log: (level, message) => void trace.logs.push([level, message]),
    signal,
    key: (n) => `key-${n}`,
    run: {
      startedAt: NOW,
      respond: async (answer) => void trace.answers.push(answer),
      waitUntil: async (atMs) => void trace.waits.push(atMs),
      runWorkflow: async (id, items) => {
        trace.called.push([id, items]);
        return workflow(id, items);
      },
      waitFor: async (wait) => {
        trace.asked.push(wait);
        return ended;
      },
      start: async (request) => {
        trace.started.push(request);
        return { runId: `run-${trace.started.length}` };
      },
    },
    readScript(path) {
      const source = scripts[path.replace(/^scripts\//, '')];
      if (source === undefined) throw new SluiceError('config.invalid', `The project has no script ${path}.`);
      return source;
    },
    stepId: 'step_a1b2',
    mode: mode ?? type.mode,
    written,
  });

  /** The lists that leave by each port. A config may depend on the item, as one with expressions does. */
  async function run<C extends z.ZodObject>(
    declared: StepType<C>,
    config: JsonObject | ((item: Item) => JsonObject),
    items: Item[] | Record<string, Item[]>,
  ): Promise<Record<string, Item[]>> {
    const type = declared as unknown as StepType;
    const configFor = (item: Item) => type.config.parse(typeof config === 'function' ? config(item) : config);
    const inputs = Array.isArray(items) ? { main: items } : items;
    const call = callFor(type, typeof config === 'function' ? {} : config);
    const main = inputs.main ?? [];
    if (type.runAll) return type.runAll({ ...call, inputs, config: configFor(main[0] ?? { json: {} }), configFor });
    const out: Item[] = [];
    for (const [from, item] of main.entries()) {
      const given: Json | undefined = await type.run?.({ ...call, item, config: configFor(item) });
      for (const one of Array.isArray(given) ? given : given === undefined ? [] : [given])
        out.push({ json: one as JsonObject, from });
    }
    return { main: out };
  }

  return { run, store, files, trace, close: () => store.close() };
}

function bound({ connector }: StepType, secret: JsonObject) {
  return connector && { connector: connector.name, secret, hosts: [] };
}

/** Files in memory: what a step keeps, and a project's storage. */
function memoryFiles(): StepFiles {
  const blobs = memoryBlobs();
  const stored = new Map<string, FileRef>();
  const read = ({ blob }: FileRef) => blobs.get(blob);
  return {
    read,
    keep: async (bytes, about) => ({ blob: await blobs.put(bytes), bytes: bytes.length, ...about }),
    async load(path) {
      const file = stored.get(path);
      if (file) return file;
      throw new SluiceError('file.not_found', `There is no file ${path}.`);
    },
    async part(path, offset, length) {
      const bytes = await read(await this.load(path));
      return { bytes: bytes.subarray(offset, offset + length), size: bytes.length, changedMs: 0 };
    },
    async save(path, file, how) {
      const before = how === 'append' ? stored.get(path) : undefined;
      const bytes = before ? Buffer.concat([await read(before), await read(file)]) : await read(file);
      stored.set(path, { ...file, blob: await blobs.put(bytes), bytes: bytes.length });
      return { path, bytes: bytes.length };
    },
    list: async (folder) =>
      [...stored.entries()]
        .filter(([path]) => path.startsWith(folder))
        .map(([path, { bytes }]) => ({ path, bytes, changedAt: new Date(NOW).toISOString() })),
    remove: async (path) => ({ removed: stored.delete(path) }),
  };
}

/** Items of the given objects. */
export function itemsOf(...all: JsonObject[]): Item[] {
  return all.map((json) => ({ json }));
}

/** The objects of a list of items. */
export function jsonOf(items: Item[] | undefined): JsonObject[] {
  return (items ?? []).map(({ json }) => json);
}
