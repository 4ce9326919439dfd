import type { StatementSync } from 'node:sqlite';
import { OPEN } from './runTables.ts';

/** A run that passed a rate, a throttle or an idempotency key; `gate` says which, with its key. */
export type StoredPassing = { gate: string; runId: string; atMs: number; untilMs: number };

/** What is asked of the runs before when a new one comes, and what is written down of it. */
export function createGateStore(prepared: (text: string) => StatementSync) {
  return {
    /** The run that passed a gate last, if it did so after a moment. */
    findPassed(gate: string, afterMs: number): string | undefined {
      const row = prepared('SELECT run_id FROM run_gates WHERE gate = ? AND at > ? ORDER BY at DESC LIMIT 1');
      return row.get(gate, afterMs)?.run_id as string | undefined;
    },
    /** When the run passed that is this many back from the newest, 1 being the newest itself, leaving one out. */
    findPassing(gate: string, back: number, nowMs: number, without = ''): number | undefined {
      const row = prepared(
        'SELECT at FROM run_gates WHERE gate = ? AND until > ? AND run_id <> ? ORDER BY at DESC LIMIT 1 OFFSET ?',
      );
      return row.get(gate, nowMs, without, back - 1)?.at as number | undefined;
    },
    forgetPassing(gate: string, runId: string): void {
      prepared('DELETE FROM run_gates WHERE gate = ? AND run_id = ?').run(gate, runId);
    },
    /** Forgets some of what is of no use any more as well: more than it adds. */
    insertPassing({ gate, runId, atMs, untilMs }: StoredPassing, nowMs: number): void {
      prepared(
        `DELETE FROM run_gates WHERE (gate, run_id) IN
           (SELECT gate, run_id FROM run_gates WHERE until < ? ORDER BY until LIMIT 5)`,
      ).run(nowMs);
      prepared('INSERT INTO run_gates (gate, run_id, at, until) VALUES (?, ?, ?, ?)').run(gate, runId, atMs, untilMs);
    },
    /** Runs of a singleton that have not ended, oldest first, but for one that is held back for more to come. */
    openSingles(singletonKey: string, debounceKey: string | undefined): string[] {
      const rows = prepared(
        `SELECT run_id FROM runs WHERE singleton_key = ? AND ${OPEN}
           AND NOT (status = 'queued' AND held_by IS 'debounce' AND debounce_key IS ? AND lease_until IS NULL)
         ORDER BY run_id`,
      );
      return rows.all(singletonKey, debounceKey ?? null).map((row) => String(row.run_id));
    },
    /** The run that is held back for more to come. */
    findDebounced(debounceKey: string, nowMs: number): { runId: string; sinceMs: number } | undefined {
      const row = prepared(
        `SELECT run_id, held_since FROM runs WHERE debounce_key = ? AND held_by = 'debounce' AND status = 'queued'
           AND cancel = 0 AND lease_until IS NULL AND due_at > ? ORDER BY run_id DESC LIMIT 1`,
      ).get(debounceKey, nowMs);
      return row && { runId: String(row.run_id), sinceMs: Number(row.held_since) };
    },
    /** How many runs are held back, counted up to a number. */
    countHeld(nowMs: number, upTo: number): number {
      const row = prepared(
        `SELECT count(*) AS n FROM (SELECT 1 FROM runs WHERE held_by IS NOT NULL AND status = 'queued'
           AND lease_until IS NULL AND due_at > ? LIMIT ?)`,
      ).get(nowMs, upTo);
      return Number(row?.n);
    },
    /** How many runs that share a key execute now. */
    countOfGroup(groupKey: string, nowMs: number): number {
      const row = prepared(`SELECT count(*) AS n FROM runs WHERE group_key = ? AND lease_until >= ? AND ${OPEN}`).get(
        groupKey,
        nowMs,
      );
      return Number(row?.n);
    },
  };
}
