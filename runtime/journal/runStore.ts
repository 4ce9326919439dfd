import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { Json } from '#shared/json.ts';
import type { Answer, RunEvent, RunLogLine, RunStatus } from '#shared/run/events.ts';
import { failpoint } from '../failpoint.ts';
import { createDeliveryStore } from './deliveryStore.ts';
import { openEndedRuns } from './endedRuns.ts';
import { createGateStore } from './gateStore.ts';
import { COLUMNS, FIELDS, fromRow, packed, type Row, toColumn, unpacked, type Value } from './runRow.ts';
import {
  CLAIMABLE,
  INSERT_LOG,
  INSERT_REPORT,
  INSERT_RUN,
  INSERT_TREE,
  SELECT_HEAD,
  SELECT_SHOWN,
} from './runStatements.ts';
import { OPEN, prepareTables } from './runTables.ts';

/** Of 4 KiB each. */
const CHECKPOINT_PAGES = 4_000;

/** A run as the local control plane keeps it. `input` and what else a runtime needs stand in `assignment`. */
export type StoredRun = {
  runId: string;
  projectId: string;
  workflowId: string;
  workflowName: string;
  environment: string;
  trigger: RunSummary['trigger'];
  triggerStepId: string;
  status: RunStatus;
  fence: number;
  leaseUntil: number | undefined;
  dueAt: number | undefined;
  cancel: boolean;
  queuedAt: number;
  startedAt: number | undefined;
  finishedAt: number | undefined;
  stepCount: number;
  lastSeq: number;
  treeHash: string;
  assignment: Json;
  wait: Json;
  error: Json;
  answer: Answer | undefined;
  /** The run that it does again. */
  retryOf: string | undefined;
} & Hold;

/** What the settings of a run's workflow demand of when it executes. Keys are hashes. */
export type Hold = {
  /** Of runs that could begin the one with the greatest does; absent: 0. */
  rank?: number | undefined;
  /** Runs with the same key share `groupLimit` places; one that waits leaves its place. */
  groupKey?: string | undefined;
  groupLimit?: number | undefined;
  singletonKey?: string | undefined;
  debounceKey?: string | undefined;
  /** What holds it back until `dueAt`, or until the run of `afterRunId` has ended. */
  heldBy?: 'throttle' | 'debounce' | 'singleton' | undefined;
  /** When the first of those came that were put together. */
  heldSince?: number | undefined;
  afterRunId?: string | undefined;
};

export type ShownRun = Omit<StoredRun, 'assignment'> & {
  /** It is queued, and as many of its group as may execute do. */
  isGroupFull?: boolean;
};

/** What a report is checked against, and what its events change. */
export type RunHead = Pick<
  StoredRun,
  'runId' | 'projectId' | 'status' | 'fence' | 'leaseUntil' | 'cancel' | 'stepCount' | 'lastSeq' | 'answer'
> & {
  /** Others may wait for its end. */
  holdsOthers?: boolean;
};

/**
 * Runs, their journals and logs in one SQLite file: WAL with `synchronous=FULL`, so what `transaction` returned from has
 * reached the disk. Several processes may open the same file.
 */
export type RunStore = ReturnType<typeof openRunStore>;

export function openRunStore(file: string) {
  const db = new DatabaseSync(file);
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON;',
  );
  // The pages that every run writes are copied into the database once for many runs.
  db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  prepareTables(db);
  const statements = new Map<string, StatementSync>();
  const prepared = (text: string) => {
    const known = statements.get(text);
    if (known) return known;
    const made = db.prepare(text);
    statements.set(text, made);
    return made;
  };
  const ended = openEndedRuns(file, db, prepared);
  /** Nothing is asked or changed before what only the log has is in the database. */
  const sql = (text: string) => {
    ended.settle();
    return prepared(text);
  };
  const one = (text: string, ...values: Value[]) => sql(text).get(...values) as Row | undefined;
  const all = (text: string, ...values: (Value | Record<string, Value>)[]) =>
    sql(text).all(...(values as Value[])) as Row[];
  const run = (text: string, ...values: Value[]) => sql(text).run(...values);

  return {
    ...createGateStore(sql),
    ...createDeliveryStore(sql),
    /** Everything or nothing, and on the disk when it returns. */
    transaction<T>(work: () => T): T {
      sql('BEGIN IMMEDIATE').run();
      try {
        const result = work();
        failpoint('journal.before_commit');
        sql('COMMIT').run();
        failpoint('journal.after_commit');
        return result;
      } catch (thrown) {
        if (db.isTransaction) sql('ROLLBACK').run();
        throw thrown;
      }
    },
    insertRun(added: StoredRun): void {
      run(INSERT_RUN, ...COLUMNS.map((column) => toColumn(added[FIELDS[column] as keyof StoredRun])));
    },
    updateRun(runId: string, change: Partial<StoredRun>): void {
      const columns = COLUMNS.filter((column) => Object.hasOwn(change, FIELDS[column] as string));
      if (columns.length === 0) return;
      const values = columns.map((column) => toColumn(change[FIELDS[column] as keyof StoredRun]));
      run(`UPDATE runs SET ${columns.map((column) => `${column} = ?`).join(', ')} WHERE run_id = ?`, ...values, runId);
    },
    /**
     * Stores a run that has ended, its version, its one report and its log, where nothing of it is stored yet. Resolves once
     * it is on the disk.
     */
    keepEnded(
      run: StoredRun,
      { tree, events, logs }: { tree: string; events: readonly RunEvent[]; logs: readonly RunLogLine[] },
    ): Promise<void> {
      const text = packed(JSON.stringify(events));
      return ended.keep({
        row: COLUMNS.map((column) => toColumn(run[FIELDS[column] as keyof StoredRun])),
        runId: run.runId,
        firstSeq: events[0]?.seq ?? 1,
        lastSeq: run.lastSeq,
        events: text,
        isPacked: typeof text !== 'string',
        logs: logs.map((line) => JSON.stringify(line)),
        treeHash: run.treeHash,
        tree,
      });
    },
    /** Without what a runtime would need of it, which may be large. */
    findRun(runId: string): ShownRun | undefined {
      const row = one(`${SELECT_SHOWN} WHERE run_id = ?`, runId);
      return row && { ...fromRow(row), isGroupFull: row.is_group_full === 1 };
    },
    /** With everything that a runtime would need. */
    findWhole(runId: string): StoredRun | undefined {
      const row = one('SELECT * FROM runs WHERE run_id = ?', runId);
      return row && fromRow(row);
    },
    findHead(runId: string): RunHead | undefined {
      const row = one(SELECT_HEAD, runId);
      return (
        row && {
          runId,
          projectId: row.project_id as string,
          status: row.status as RunStatus,
          fence: row.fence as number,
          leaseUntil: (row.lease_until as number | null) ?? undefined,
          cancel: row.cancel === 1,
          stepCount: row.step_count as number,
          lastSeq: row.last_seq as number,
          answer: row.answer === null ? undefined : (JSON.parse(String(row.answer)) as Answer),
          ...(row.holds_others === 1 ? { holdsOthers: true } : {}),
        }
      );
    },
    /**
     * Runs of a project that a runtime may take now: new, handed back, due again, or left behind by one that died. Those with
     * the greatest rank first. Of each group there is room for one of them at least.
     */
    claimable(projectId: string, now: number, limit: number): StoredRun[] {
      return all(CLAIMABLE, { project: projectId, now, limit }).map(fromRow);
    },
    /** When the next waiting run or lease falls due; undefined when nothing does. What is overdue waits for something else. */
    nextDue(projectId: string, now: number): number | undefined {
      const row = one(
        `SELECT MIN(at) AS due FROM (
           SELECT MIN(due_at) AS at FROM runs WHERE project_id = ? AND ${OPEN} AND lease_until IS NULL AND due_at > ?
           UNION ALL SELECT MIN(lease_until) + 1 FROM runs WHERE project_id = ? AND ${OPEN} AND lease_until IS NOT NULL)`,
        projectId,
        now,
        projectId,
      );
      return typeof row?.due === 'number' ? row.due : undefined;
    },
    /** Ends a lease before its time, if this fence still holds it. The run was not handed back: it may be in the middle. */
    expireLease(runId: string, fence: number): void {
      run('UPDATE runs SET lease_until = 0 WHERE run_id = ? AND fence = ? AND lease_until IS NOT NULL', runId, fence);
    },
    /** Runs of a trigger that have not ended, oldest first. */
    openRuns(projectId: string, workflowId: string, triggerStepId: string): string[] {
      return all(
        `SELECT run_id FROM runs WHERE project_id = ? AND workflow_id = ? AND trigger_step_id = ?
           AND status IN ('queued', 'running', 'waiting') ORDER BY run_id`,
        projectId,
        workflowId,
        triggerStepId,
      ).map((row) => String(row.run_id));
    },
    /** Changes when another process has written to the file. */
    dataVersion: () => Number(prepared('PRAGMA data_version').get()?.data_version),
    listRuns(filter: { projectId: string; workflowId?: string; before?: string; limit: number }): ShownRun[] {
      return all(
        `${SELECT_SHOWN} WHERE project_id = ? AND (? IS NULL OR workflow_id = ?) AND (? IS NULL OR run_id < ?)
         ORDER BY run_id DESC LIMIT ?`,
        filter.projectId,
        filter.workflowId ?? null,
        filter.workflowId ?? null,
        filter.before ?? null,
        filter.before ?? null,
        filter.limit,
      ).map((row) => ({ ...fromRow(row), isGroupFull: row.is_group_full === 1 }));
    },
    /** The events of one report, in order. One row holds them: what is written together is read together. */
    appendEvents(events: readonly RunEvent[]): void {
      const first = events[0];
      const last = events.at(-1);
      if (!first || !last) return;
      run(INSERT_REPORT, first.runId, first.seq, last.seq, packed(JSON.stringify(events)));
    },
    events(runId: string): RunEvent[] {
      return all('SELECT events FROM run_reports WHERE run_id = ? ORDER BY first_seq', runId).flatMap(
        (row) => JSON.parse(unpacked(row.events)) as RunEvent[],
      );
    },
    appendLogs(lines: readonly RunLogLine[]): void {
      for (const line of lines) run(INSERT_LOG, line.runId, JSON.stringify(line));
    },
    logs(runId: string): RunLogLine[] {
      return all('SELECT line FROM run_logs WHERE run_id = ? ORDER BY rowid', runId).map(
        (row) => JSON.parse(String(row.line)) as RunLogLine,
      );
    },
    putTree(hash: string, json: string): void {
      run(INSERT_TREE, hash, json);
    },
    hasTree: (hash: string) => one('SELECT 1 AS found FROM trees WHERE hash = ?', hash) !== undefined,
    tree(hash: string): string | undefined {
      const row = one('SELECT tree FROM trees WHERE hash = ?', hash);
      return row === undefined ? undefined : String(row.tree);
    },
    /**
     * Forgets ended runs that were accepted before a time, and all but the newest of a project; then the versions that no run
     * needs, and what was delivered before that time, but for the last of each hook, which schedules go on from.
     */
    prune(before: number, keepNewest: number): void {
      run(
        `DELETE FROM runs WHERE status IN ('succeeded', 'failed', 'cancelled', 'timed_out') AND (queued_at < ? OR run_id IN (
           SELECT run_id FROM (SELECT run_id, ROW_NUMBER() OVER (PARTITION BY project_id ORDER BY run_id DESC) AS place FROM runs)
           WHERE place > ?))`,
        before,
        keepNewest,
      );
      run('DELETE FROM trees WHERE hash NOT IN (SELECT tree_hash FROM runs)');
      run(
        `DELETE FROM deliveries WHERE run_id < ? AND run_id NOT IN (SELECT run_id FROM runs)
           AND delivery_id < (SELECT MAX(d.delivery_id) FROM deliveries d WHERE d.hook = deliveries.hook)`,
        firstId(before),
      );
    },
    close(): void {
      ended.close();
      db.close();
    },
  };
}

/** Ids begin with their time (UUID v7): those of runs accepted before a moment are less than this. */
function firstId(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
