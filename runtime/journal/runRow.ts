import { deflateRawSync, inflateRawSync } from 'node:zlib';
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

/** Text that is short as it is, other deflated at the speed at which it could just be written. */
export function packed(json: string): string | Uint8Array {
  return json.length < PACKED_FROM ? json : deflateRawSync(json, { level: 1 });
}

export function unpacked(value: Value | undefined): string {
  return value instanceof Uint8Array ? inflateRawSync(value).toString('utf8') : String(value);
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
