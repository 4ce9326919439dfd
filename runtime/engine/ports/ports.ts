import type { BoundConnection } from '#shared/contract/agentApi.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { EventOf, RunEvent, RunEventType, RunLogLine } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { HttpReply, HttpRequest, TableQuery, Where } from '../../connectors/stepType.ts';
import type { MailPort } from './mail.ts';
import type { Sandbox } from './sandbox.ts';
import type { SqlPort } from './sql.ts';

/** Time as the engine knows it. Milliseconds since 1970, UTC. */
export type Clock = {
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** As `sleep`, for a time limit: it counts the time that work really takes, in a test with its own time too. */
  limit(ms: number, signal?: AbortSignal): Promise<void>;
  /** Rings after `ms` of such time, unless it is put off before by what is given back. */
  alarm(ms: number, ring: () => void): () => void;
};

/** Bytes by their SHA-256. */
export type Blobs = {
  put(bytes: Uint8Array): Promise<string>;
  /** @throws SluiceError blob.not_found */
  get(hash: string): Promise<Uint8Array>;
};

/** Sends requests for steps: binds credentials to hosts, adds the secret, opens the connection. */
export type HttpPort = {
  send(
    request: HttpRequest,
    options: {
      stepId: string;
      connection?: BoundConnection;
      hosts?: readonly string[];
      signal: AbortSignal;
      idempotencyKey?: string;
    },
  ): Promise<HttpReply>;
};

/** The project's own tables and key-values. A write takes its idempotency key and happens once per key. */
export type ProjectStore = {
  kvGet(key: string): Json | undefined;
  kvSet(key: string, value: Json, options: { effectKey: string; ttlMs?: number }): void;
  tableInsert(table: string, key: Json, row: JsonObject, options: { effectKey: string }): { inserted: boolean };
  tableUpdate(table: string, where: Where, set: JsonObject, options: { effectKey: string }): { changed: number };
  tableDelete(table: string, where: Where, options: { effectKey: string }): { changed: number };
  tableQuery(query: TableQuery): JsonObject[];
  close(): void;
};

/** An event before the journal has numbered and dated it. */
export type NewEvent<T extends RunEventType = RunEventType> = T extends RunEventType
  ? Omit<EventOf<T>, 'runId' | 'seq' | 'at' | 'fence'>
  : never;

/** Where a run's events go. The writer numbers them; `durable` waits until all so far are kept. */
export type Journal = {
  /** @param atMs when it happened, where that is known already */
  append(event: NewEvent, atMs?: number): RunEvent;
  /** Whether events of a type are kept at all. Of others the engine need not make any. */
  keeps(type: RunEventType): boolean;
  durable(): Promise<void>;
  /** So much waits to be kept that the run had better wait too. */
  isFull(): boolean;
  log(line: Omit<RunLogLine, 'runId' | 'at'>): void;
};

export type Hashing = {
  /** SHA-256 of UTF-8 text or bytes, in hex. */
  sha256(data: string | Uint8Array): string;
};

/** The limits of a run, each a named error when it is met (domain.md 10). */
export type RunLimits = {
  /** Active time; waiting does not count. */
  runTimeoutMs: number;
  stepTimeoutMs: number;
  /** Runs of one step in one run: what ends a cycle without an end. */
  loopIterations: number;
  /** Step runs of a run in all. */
  stepRuns: number;
  /** Sub-workflows inside sub-workflows. */
  depth: number;
  /** Items of one payload above which it becomes a blob, in bytes of JSON. */
  inlineBytes: number;
  /** What one step may give, in bytes of JSON. */
  outputBytes: number;
  /** Step runs at work at once; an open map that asks for more gets more. */
  branches: number;
  /** Items of batches that have ended, above which the oldest are let go. */
  retainedItems: number;
  script: { wallMs: number; cpuMs: number; memoryMb: number; outputBytes: number; logLines: number };
};

export const DEFAULT_LIMITS: RunLimits = {
  runTimeoutMs: 300_000,
  stepTimeoutMs: 30_000,
  loopIterations: 100_000,
  stepRuns: 1_000_000,
  depth: 10,
  inlineBytes: 1_048_576,
  outputBytes: 67_108_864,
  branches: 10,
  retainedItems: 5000,
  script: { wallMs: 5_000, cpuMs: 1_000, memoryMb: 128, outputBytes: 10_485_760, logLines: 1_000 },
};

/** The project's own folder of files, one per environment. A write takes its idempotency key and happens once per key. */
export type FilesPort = {
  /** @throws SluiceError file.not_found, limit.exceeded */
  load(path: string, about?: { stepId: string }): Promise<Uint8Array>;
  /** A piece of a file of any size, with the whole's size and when it was last written. @throws SluiceError file.not_found */
  part(
    path: string,
    where: { offset: number; length: number; stepId: string },
  ): Promise<{ bytes: Uint8Array; size: number; changedMs: number }>;
  save(
    path: string,
    bytes: Uint8Array,
    options: { how: 'replace' | 'append' | 'create'; effectKey: string },
  ): Promise<{ path: string; bytes: number }>;
  list(folder: string, about?: { stepId: string }): Promise<{ path: string; bytes: number; changedAt: string }[]>;
  remove(path: string, options: { effectKey: string }): Promise<{ removed: boolean }>;
};

/** What a run asks of the control plane it belongs to. */
export type ControlPort = {
  /** Starts another run of the same version; the same key starts nothing new. */
  start(request: {
    runId: string;
    workflowId: string;
    triggerStepId: string;
    items: Item[];
    key: string;
    /** Not before this moment, milliseconds since 1970. */
    atMs?: number;
  }): Promise<{ runId: string }>;
};

/** Everything outside the engine that a run may touch. */
export type RunPorts = {
  clock: Clock;
  blobs: Blobs;
  http: HttpPort;
  store: ProjectStore;
  files: FilesPort;
  /** Absent where a place has no databases to reach. */
  sql?: SqlPort;
  /** Absent where no mail can be sent. */
  mail?: MailPort;
  sandbox: Sandbox;
  hashing: Hashing;
  control: ControlPort;
};
