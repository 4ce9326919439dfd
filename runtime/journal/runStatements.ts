import { COLUMNS } from './runRow.ts';
import { OPEN } from './runTables.ts';

export const INSERT_RUN = `INSERT INTO runs (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`;
export const INSERT_ENDED = INSERT_RUN.replace('INSERT', 'INSERT OR IGNORE');
export const INSERT_REPORT = 'INSERT INTO run_reports (run_id, first_seq, last_seq, events) VALUES (?, ?, ?, ?)';
/** Of events whose text comes as its bytes. */
export const INSERT_REPORT_TEXT =
  'INSERT INTO run_reports (run_id, first_seq, last_seq, events) VALUES (?, ?, ?, CAST(? AS TEXT))';
export const INSERT_LOG = 'INSERT INTO run_logs (run_id, line) VALUES (?, ?)';
export const INSERT_TREE = 'INSERT OR IGNORE INTO trees (hash, tree) VALUES (?, ?)';

/** Without what a runtime would need of it, which may be large. */
export const SELECT_SHOWN = `SELECT ${COLUMNS.filter((column) => column !== 'assignment').join(', ')},
  group_key IS NOT NULL AND status = 'queued' AND lease_until IS NULL AND group_limit <= (SELECT count(*) FROM runs busy
    WHERE busy.group_key = runs.group_key AND busy.${OPEN} AND busy.lease_until > 0) AS is_group_full
  FROM runs`;
export const SELECT_HEAD = `SELECT project_id, status, fence, lease_until, cancel, step_count, last_seq, answer,
  group_key IS NOT NULL OR singleton_key IS NOT NULL AS holds_others FROM runs WHERE run_id = ?`;

/** Each part of the union goes by an index of its own. One that is to be cancelled needs no place. */
export const CLAIMABLE = `
SELECT runs.* FROM (
    SELECT run_id FROM runs INDEXED BY runs_leased
      WHERE project_id = :project AND ${OPEN} AND lease_until IS NOT NULL AND lease_until < :now
    UNION SELECT run_id FROM runs INDEXED BY runs_ready
      WHERE project_id = :project AND status IN ('queued', 'running') AND due_at IS NULL AND lease_until IS NULL
    UNION SELECT run_id FROM runs INDEXED BY runs_due
      WHERE project_id = :project AND ${OPEN} AND lease_until IS NULL AND due_at <= :now
    UNION SELECT run_id FROM runs INDEXED BY runs_cancelled WHERE project_id = :project AND ${OPEN} AND cancel = 1
  ) found CROSS JOIN runs USING (run_id)
WHERE (runs.lease_until IS NULL OR runs.lease_until < :now)
  AND (runs.cancel = 1 OR (
    (runs.group_key IS NULL OR runs.group_limit > (SELECT count(*) FROM runs busy
      WHERE busy.group_key = runs.group_key AND busy.${OPEN} AND busy.lease_until >= :now))
    AND (runs.after_run_id IS NULL OR NOT EXISTS (SELECT 1 FROM runs before
      WHERE before.run_id = runs.after_run_id AND before.${OPEN}))))
ORDER BY COALESCE(runs.rank, 0) DESC, runs.queued_at, runs.run_id LIMIT :limit`;
