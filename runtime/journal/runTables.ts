import type { DatabaseSync } from 'node:sqlite';

/** Of runs that have not ended. */
export const OPEN = `status IN ('queued', 'running', 'waiting')`;

/** Makes the tables of a new file, and brings those of an older one up to them. */
export function prepareTables(db: DatabaseSync): void {
  db.exec(TABLES);
  addColumns(db);
  db.exec(INDEXES);
  takeOverEvents(db);
}

const TABLES = `
CREATE TABLE IF NOT EXISTS trees (hash TEXT PRIMARY KEY, tree TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
  run_id TEXT PRIMARY KEY, project_id TEXT NOT NULL, workflow_id TEXT NOT NULL, workflow_name TEXT NOT NULL,
  environment TEXT NOT NULL, trigger TEXT NOT NULL, trigger_step_id TEXT NOT NULL, status TEXT NOT NULL,
  fence INTEGER NOT NULL, lease_until INTEGER, due_at INTEGER, cancel INTEGER NOT NULL, queued_at INTEGER NOT NULL,
  started_at INTEGER, finished_at INTEGER, step_count INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  tree_hash TEXT NOT NULL, assignment TEXT NOT NULL, wait TEXT, error TEXT, answer TEXT,
  retry_of TEXT, rank INTEGER, group_key TEXT, group_limit INTEGER, singleton_key TEXT, debounce_key TEXT,
  held_by TEXT, held_since INTEGER, after_run_id TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS runs_by_project ON runs (project_id, run_id);
CREATE TABLE IF NOT EXISTS run_reports (
  run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  events ANY NOT NULL, PRIMARY KEY (run_id, first_seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run_logs (run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, line TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS run_logs_by_run ON run_logs (run_id);
CREATE TABLE IF NOT EXISTS deliveries (
  hook TEXT NOT NULL, delivery_id TEXT NOT NULL, run_id TEXT NOT NULL, PRIMARY KEY (hook, delivery_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run_gates (
  gate TEXT NOT NULL, run_id TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (gate, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS run_gates_at ON run_gates (gate, at);
CREATE INDEX IF NOT EXISTS run_gates_until ON run_gates (until);
`;

/** After the columns that files of before lack. Thousands of runs may wait: only what may be taken is looked at. */
const INDEXES = `
DROP INDEX IF EXISTS runs_open;
CREATE INDEX IF NOT EXISTS runs_due ON runs (project_id, due_at) WHERE ${OPEN} AND lease_until IS NULL;
CREATE INDEX IF NOT EXISTS runs_ready ON runs (project_id, run_id)
  WHERE status IN ('queued', 'running') AND due_at IS NULL AND lease_until IS NULL;
CREATE INDEX IF NOT EXISTS runs_leased ON runs (project_id, lease_until) WHERE ${OPEN} AND lease_until IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_of_trigger ON runs (project_id, workflow_id, trigger_step_id) WHERE ${OPEN};
CREATE INDEX IF NOT EXISTS runs_cancelled ON runs (project_id, run_id) WHERE ${OPEN} AND cancel = 1;
CREATE INDEX IF NOT EXISTS runs_of_group ON runs (group_key, lease_until) WHERE ${OPEN} AND group_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_of_singleton ON runs (singleton_key) WHERE ${OPEN} AND singleton_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_debounced ON runs (debounce_key) WHERE ${OPEN} AND debounce_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_held ON runs (due_at) WHERE status = 'queued' AND held_by IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_behind ON runs (after_run_id) WHERE status = 'queued' AND after_run_id IS NOT NULL;
`;

/** What files of before lack. */
function addColumns(db: DatabaseSync): void {
  const present = new Set(
    db
      .prepare('PRAGMA table_info(runs)')
      .all()
      .map(({ name }) => name),
  );
  for (const [column, type] of ADDED_COLUMNS) {
    if (!present.has(column)) db.exec(`ALTER TABLE runs ADD COLUMN ${column} ${type}`);
  }
}

const ADDED_COLUMNS = [
  ['retry_of', 'TEXT'],
  ['rank', 'INTEGER'],
  ['group_key', 'TEXT'],
  ['group_limit', 'INTEGER'],
  ['singleton_key', 'TEXT'],
  ['debounce_key', 'TEXT'],
  ['held_by', 'TEXT'],
  ['held_since', 'INTEGER'],
  ['after_run_id', 'TEXT'],
] as const;

/** Files of before had one row per event. */
function takeOverEvents(db: DatabaseSync): void {
  const isOld = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'run_events'");
  if (!isOld.get()) return;
  db.exec('BEGIN IMMEDIATE');
  // Another process may have done it meanwhile.
  if (isOld.get()) {
    db.exec(`INSERT INTO run_reports (run_id, first_seq, last_seq, events)
               SELECT run_id, seq, seq, '[' || event || ']' FROM run_events;
             DROP TABLE run_events;`);
  }
  db.exec('COMMIT');
}
