import { constants, inflateRawSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { StoredRun } from './runStore.ts';

export type Value = string | number | null | Uint8Array;
export type Row = Record<string, Value>;

/** Column → field, in the order of the table. */
export const FIELDS: Record<string, keyof StoredRun> = {
  run_id: 'runId',
  project_id: 'projectId',
  workflow_id: 'workflowId',
  workflow_name: 'workflowName',
  environment: 'environment',
  trigger: 'trigger',
  trigger_step_id: 'triggerStepId',
  status: 'status',
  fence: 'fence',
  lease_until: 'leaseUntil',
  due_at: 'dueAt',
  cancel: 'cancel',
  queued_at: 'queuedAt',
  started_at: 'startedAt',
  finished_at: 'finishedAt',
  step_count: 'stepCount',
  last_seq: 'lastSeq',
  tree_hash: 'treeHash',
  assignment: 'assignment',
  wait: 'wait',
  error: 'error',
  answer: 'answer',
  retry_of: 'retryOf',
  rank: 'rank',
  group_key: 'groupKey',
  group_limit: 'groupLimit',
  singleton_key: 'singletonKey',
  debounce_key: 'debounceKey',
  held_by: 'heldBy',
  held_since: 'heldSince',
  after_run_id: 'afterRunId',
};
export const COLUMNS = Object.keys(FIELDS);
const JSON_FIELDS: readonly (keyof StoredRun)[] = ['assignment', 'wait', 'error', 'answer'];

/** From this many characters on, the JSON of a report is packed: step after step repeats the same items. */
const PACKED_FROM = 16_384;

const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** What a zstd frame begins with (RFC 8878); no deflated text does. */
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/** Text that is short as it is, other as zstd at its fastest: half of deflate's time, and a fifth of its size. */
export function packed(json: string): string | Uint8Array {
  return json.length < PACKED_FROM ? json : zstdCompressSync(json, FAST);
}

/** The text of a column. Stores of earlier versions hold deflated text. */
export function unpacked(value: Value | undefined): string {
  if (!(value instanceof Uint8Array)) return String(value);
  const isZstd = ZSTD_MAGIC.every((byte, index) => value[index] === byte);
  return (isZstd ? zstdDecompressSync(value) : inflateRawSync(value)).toString('utf8');
}

export function toColumn(value: unknown): string | number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || typeof value === 'number') return value;
  return JSON.stringify(value);
}

export function fromRow(row: Row): StoredRun {
  const run: Record<string, unknown> = {};
  for (const column of COLUMNS) {
    const field = FIELDS[column] as keyof StoredRun;
    const value = row[column];
    if (JSON_FIELDS.includes(field))
      run[field] = value === null || value === undefined ? undefined : JSON.parse(String(value));
    else run[field] = value === null ? undefined : value;
  }
  run.cancel = run.cancel === 1;
  return run as StoredRun;
}
