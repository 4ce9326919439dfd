import type { z } from 'zod';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Answer } from '#shared/run/events.ts';
import type { Machine } from '#shared/workflow/machine.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { MailMessage, MailReply } from '../engine/ports/mail.ts';
import type { ScriptRequest, ScriptResult } from '../engine/ports/sandbox.ts';
import type { SqlRequest, SqlResult } from '../engine/ports/sql.ts';

/**
 * What a crash may repeat (reliability-security.md 2.1). `pure`: no outside reach. `idempotent`: twice is once.
 * `keyed`: the receiver honours our idempotency key. `unsafe`: never repeated without a person.
 */
export type Effect = 'pure' | 'idempotent' | 'keyed' | 'unsafe';

/** What follows where an effect may have happened and nobody knows. */
export type OnAmbiguous = 'retry' | 'ask' | 'fail';

/** An outside system: where it may be called, what it needs, and how a request is signed. */
export type Connector<C extends z.ZodObject = z.ZodObject> = {
  name: string;
  title: string;
  /** Hosts a request may go to. Absent: the hosts that the connection record lists. */
  hosts?: string[];
  /** The connection's fields. Those with `widget: 'secret'` in their meta are encrypted and never shown. */
  connection: C;
  /** Headers that a request is signed with. Runs in the broker; a step never sees the connection. */
  sign?: (connection: z.infer<C>, request: { method: string; url: string }) => Record<string, string>;
};

/** A request that a step wants sent. The broker adds the secret, checks the host and opens the connection. */
export type HttpRequest = {
  method: string;
  url: string;
  headers?: Record<string, string>;
  /** JSON values are sent as JSON, text as it is. */
  body?: Json;
  timeoutMs?: number;
  /** The header that carries the idempotency key; it makes the effect `keyed`. */
  idempotencyHeader?: string;
  /** Redirects followed, each checked again. Default 5. */
  maxRedirects?: number;
  /** Whether an answer of 400 and above is thrown, so that it can be tried again. Default true. */
  failOnStatus?: boolean;
};

/** `body` is parsed where the answer says JSON, else text; other bytes are stored as a blob and named. */
export type HttpReply = {
  status: number;
  headers: Record<string, string>;
  body: Json;
  binary?: { blob: string; bytes: number; mime: string };
};

export type StepHttp = {
  /** @throws SluiceError connector.unavailable (did not happen), connector.unclear (may have happened), egress.refused, connection.host_not_allowed */
  send(request: HttpRequest): Promise<HttpReply>;
};

/** Compares one column: a plain value means equal. */
export type Where = Record<string, Json | { [op in 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte' | 'contains']?: Json }>;
export type TableQuery = {
  table: string;
  where?: Where;
  orderBy?: { column: string; descending?: boolean };
  limit?: number;
};

/** The project's own key-values and tables: one SQLite file per project and environment. */
export type StepStore = {
  kvGet(key: string): Promise<Json | undefined>;
  kvSet(key: string, value: Json, ttlMs?: number): Promise<void>;
  /** False, and nothing changed, where the key exists. */
  tableInsert(table: string, key: Json, row: JsonObject): Promise<{ inserted: boolean }>;
  tableUpdate(table: string, where: Where, set: JsonObject): Promise<{ changed: number }>;
  tableDelete(table: string, where: Where): Promise<{ changed: number }>;
  tableQuery(query: TableQuery): Promise<JsonObject[]>;
};

/** What a control step may ask of its run. */
export type RunControl = {
  /** Answers the caller of the trigger. The first answer counts; later ones are ignored. */
  respond(answer: Answer): Promise<void>;
  /** When the step run began, milliseconds since 1970: what a wait is counted from. */
  startedAt: number;
  /** Gives the run back until a time (milliseconds since 1970); no worker or timer is held meanwhile. */
  waitUntil(atMs: number): Promise<void>;
  /**
   * Gives the run back until somebody answers (`runs.resume`, an address outside) or the time is over. Called again after
   * the resume, it gives what came. No worker, timer or connection is held meanwhile.
   */
  waitFor(wait: {
    reason: 'approval' | 'webhook_reply';
    untilMs?: number;
    /** What a person is shown who may end the wait. Without secrets. */
    details?: JsonObject;
  }): Promise<{ by: string; at?: string; input?: Json }>;
  /**
   * Runs another workflow of the same version in this process and gives its output items. A step that runs several in one
   * of its runs names each by `part`.
   */
  runWorkflow(workflowId: string, items: Item[], part?: string): Promise<Item[]>;
  /**
   * Starts another run beside this one, once, whatever happens to this one (an effect of class `keyed`, kind `run`).
   * `triggerStepId` absent: where another workflow may begin it. `atMs`: not before this moment.
   */
  start(request: {
    workflowId: string;
    triggerStepId?: string;
    items: Item[];
    atMs?: number;
  }): Promise<{ runId: string }>;
};

/** A file of an item: bytes by hash, never in memory with the item. */
export type FileRef = { blob: string; bytes: number; mime: string; name?: string };

/** Files of items, and the project's own folder of files (one per project and environment). */
export type StepFiles = {
  /** @throws SluiceError blob.not_found, limit.exceeded (more than 64 MB) */
  read(file: FileRef): Promise<Uint8Array>;
  /** Keeps bytes; what it gives belongs into an item's `binary`. @throws SluiceError limit.exceeded */
  keep(bytes: Uint8Array, about: { mime: string; name?: string }): Promise<FileRef>;
  /** A file of the project's storage as a file of an item: an `idempotent` effect. @throws SluiceError file.not_found */
  load(path: string): Promise<FileRef>;
  /**
   * A piece of a file of the project's storage, whatever the file's size. For `nextBatch` alone, whose batches are recorded:
   * the piece itself is not. @throws SluiceError file.not_found
   */
  part(path: string, offset: number, length: number): Promise<{ bytes: Uint8Array; size: number; changedMs: number }>;
  /** Puts a file into the project's storage: a `keyed` effect. `append` adds to what is there. */
  save(path: string, file: FileRef, how: 'replace' | 'append' | 'create'): Promise<{ path: string; bytes: number }>;
  list(folder: string): Promise<{ path: string; bytes: number; changedAt: string }[]>;
  remove(path: string): Promise<{ removed: boolean }>;
};

/** Databases: a file of the project's storage, or what the step's connection leads to. */
export type StepSql = {
  /** One result per statement; all are done or none. An effect of the step's own class. @throws as SqlPort does */
  run(request: SqlRequest): Promise<SqlResult[]>;
};

export type StepMail = {
  /** Hands one message to the mail server of the step's connection: an `unsafe` effect. @throws as MailPort does */
  send(message: MailMessage & { files: FileRef[] }): Promise<MailReply>;
};

/** What is done with the key of a step's connection. Bytes in, bytes out; the key itself never comes to the step. */
export type KeyOperation =
  | { op: 'hmac'; algorithm: 'sha1' | 'sha256' | 'sha384' | 'sha512'; data: Uint8Array }
  | { op: 'sign'; algorithm: SignAlgorithm; data: Uint8Array }
  | { op: 'verify'; algorithm: SignAlgorithm; data: Uint8Array; signature: Uint8Array }
  | { op: 'encrypt' | 'decrypt'; data: Uint8Array };
export type SignAlgorithm = 'hmac-sha256' | 'rsa-sha256' | 'ecdsa-p256' | 'ed25519';

export type StepCrypto = {
  /** Bytes that nobody can foresee. They are kept with the run: a retry and a replay get the same ones. */
  randomBytes(count: number): Promise<Uint8Array>;
  /**
   * Works with the connection's key; `verify` gives one byte, 1 or 0. An `idempotent` effect, since a replay has no key.
   * @throws SluiceError connection.not_bound, config.invalid (the key does not suit), data.invalid (cannot be decrypted)
   */
  withKey(operation: KeyOperation): Promise<Uint8Array>;
};

export type Call = {
  http: StepHttp;
  store: StepStore;
  files: StepFiles;
  crypto: StepCrypto;
  sql: StepSql;
  mail: StepMail;
  /** Runs people's code in the sandbox process. */
  script(request: Omit<ScriptRequest, 'context'>): Promise<ScriptResult>;
  /**
   * Milliseconds since 1970, the same for every attempt of a step run and for every process that goes on with it: with
   * durability `run` the run's start.
   */
  clock: { now(): number };
  /** The workflow's time zone, as an IANA name. */
  timezone: string;
  /** In [0, 1), from the run's seed: a retry and a replay get the same numbers. */
  random(): number;
  ids: { uuid(): string };
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
  signal: AbortSignal;
  /** The idempotency key of the n-th effect of this item. */
  key(n: number): string;
  run: RunControl;
  /** A value with its expressions evaluated for `$json`; everything else they see is as in the step's config. */
  evaluate(value: Json, json: JsonObject): Json;
  /** A state machine of the project, and the triggers that hear of its time-outs. @throws SluiceError machine.not_found, config.invalid */
  machine(slug: string): { definition: Machine; listeners: { workflowId: string; triggerStepId: string }[] };
  /** The text of a file below `scripts/`. @throws SluiceError config.invalid when there is none */
  readScript(path: string): string;
  stepId: string;
  mode: 'each' | 'once';
  /** The config as it stands in the workflow, expressions unread: tells what its author wrote from what data brought. */
  written: JsonObject;
};

type Common<C extends z.ZodObject> = {
  /** `system.action`, unique for ever. */
  type: string;
  /** Raised when the config changes shape; the upgrade stands in the same file. */
  version: number;
  title: string;
  /** One sentence for the step library. */
  description: string;
  category: 'trigger' | 'flow' | 'items' | 'data' | 'files' | 'code' | 'network' | 'storage';
  /** A Lucide icon's name. */
  icon: string;
  effect: Effect | ((config: z.infer<C>) => Effect);
  /** What to do when an effect may have happened. Default: `ask` for unsafe, else `retry`. */
  onAmbiguous?: OnAmbiguous | ((config: z.infer<C>) => OnAmbiguous);
  connector?: Connector;
  /** Default `['main']`; none for a trigger. */
  inputs?: string[];
  /** Without `error`, which every step with an input has. Default `['main']`. */
  outputs?: string[] | ((config: z.infer<C>) => string[]);
  /** Where `outputs` is a function: the list in the config that gives the ports, and the field that names one. */
  outputsFrom?: { list: string; field: string };
  mode: 'each' | 'once';
  /** Fields whose meta says `expression: false` are taken literally. */
  config: C;
  /** What one output item's `json` looks like, for the editor and for later steps. */
  output: z.ZodType;
  /** Asked for where the engine itself drives the step. */
  control?: 'loop' | 'map' | 'try';
  /** Time of one attempt where the step sets none; null: only the run's own time counts. Default 30 s. */
  timeoutMs?: number | null;
  /** Old config to new, one entry per version left behind. */
  upgrades?: Record<number, (config: JsonObject) => JsonObject>;
};

/** Some of a source's items, and where the next batch begins. */
export type Batch = { items: Item[]; cursor?: Json };

export type StepType<C extends z.ZodObject = z.ZodObject> = Common<C> & {
  /** One item in; an object, a list of them, or nothing out, on `main`. */
  run?(call: Call & { item: Item; config: z.infer<C> }): Promise<Json | undefined> | Json | undefined;
  /** All items in, lists per port out. `config` is resolved with the first item. */
  runAll?(
    call: Call & { inputs: Record<string, Item[]>; config: z.infer<C>; configFor(item: Item): z.infer<C> },
  ): Promise<Record<string, Item[]>> | Record<string, Item[]>;
  /**
   * Of a source (`control: 'loop'` or `'map'`): the batch at a cursor, undefined for the first, and the cursor of the next.
   * No cursor: this batch is the last; nothing at all: there is none. What it gives is recorded, and each batch has effect
   * numbers of its own. Time is limited as for an attempt. It is not tried again and cannot wait.
   */
  nextBatch?(
    call: Call & { inputs: Record<string, Item[]>; config: z.infer<C> },
    cursor: Json | undefined,
  ): Batch | undefined | Promise<Batch | undefined>;
};

/** Declares a step type. Exactly one of `run` and `runAll`, or neither for a trigger, a loop and a source. */
export function defineStepType<C extends z.ZodObject>(definition: StepType<C>): StepType<C> {
  if (definition.run && definition.runAll) throw new TypeError(`${definition.type} declares both run and runAll.`);
  return definition;
}

export function defineConnector<C extends z.ZodObject>(definition: Connector<C>): Connector<C> {
  return definition;
}
