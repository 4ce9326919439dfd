import type { DatabaseSync } from 'node:sqlite';
import type { SqlResult } from './sql.ts';

/** The table of a database that says what was done there already. Only our own statements change it. */
export const EFFECTS = '_sluice_effects';
const EFFECT_DAYS = 90;

/** The results of what was done under a key before. */
export function findEffect(db: DatabaseSync, key: string): SqlResult[] | undefined {
  db.exec(
    `CREATE TABLE IF NOT EXISTS "${EFFECTS}" (key TEXT PRIMARY KEY, result TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  );
  const found = db.prepare(`SELECT result FROM "${EFFECTS}" WHERE key = ?`).get(key) as { result: string } | undefined;
  if (!found) db.prepare(`DELETE FROM "${EFFECTS}" WHERE at < ?`).run(Date.now() - EFFECT_DAYS * 86_400_000);
  return found && (JSON.parse(found.result) as SqlResult[]);
}

export function addEffect(db: DatabaseSync, key: string, results: SqlResult[]): void {
  db.prepare(`INSERT INTO "${EFFECTS}" (key, result, at) VALUES (?, ?, ?)`).run(
    key,
    JSON.stringify(results),
    Date.now(),
  );
}
