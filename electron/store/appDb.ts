import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { Preferences } from '#shared/contract/host/host.ts';
import { openSqlite } from './sqlite.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS projects (id TEXT PRIMARY KEY, dir TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    workflowCount INTEGER NOT NULL, openedAt TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS trust (place TEXT NOT NULL, projectId TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (place, projectId)) STRICT;
  CREATE TABLE IF NOT EXISTS preferences (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS connections (projectId TEXT NOT NULL, name TEXT NOT NULL, connector TEXT NOT NULL,
    hosts TEXT NOT NULL, PRIMARY KEY (projectId, name)) STRICT;
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
`;

export type ProjectRow = { id: string; dir: string; name: string; workflowCount: number; openedAt: string };
/** What is known of a connection on this computer. Its secret is in the vault. */
export type ConnectionRow = { name: string; connector: string; hosts: string[] };

/** What the desktop remembers besides projects: `app.db` in the data folder. */
export type AppDb = {
  /** Last opened first. */
  projects(): ProjectRow[];
  project(id: string): ProjectRow | undefined;
  /** Adds a project or renews what is known of it. A folder belongs to one project. */
  saveProject(row: ProjectRow): void;
  forgetProject(id: string): void;
  /** Trust holds for this project in this place; a copy elsewhere, or another project put there, is asked about again. */
  isTrusted(dir: string, projectId: string): boolean;
  trust(dir: string, projectId: string, at: string): void;
  preferences(): Preferences;
  setPreferences(preferences: Preferences): void;
  connections(projectId: string): ConnectionRow[];
  saveConnection(projectId: string, row: ConnectionRow): void;
  meta(key: string): string | undefined;
  setMeta(key: string, value: string): void;
  close(): void;
};

/** @throws SluiceError disk.failed */
export function openAppDb(dataDir: string): AppDb {
  const { db } = openSqlite(join(dataDir, 'app.db'), SCHEMA);
  const toRow = (row: Record<string, unknown>): ProjectRow => ({
    id: String(row.id),
    dir: String(row.dir),
    name: String(row.name),
    workflowCount: Number(row.workflowCount),
    openedAt: String(row.openedAt),
  });
  return {
    projects: () => db.prepare('SELECT * FROM projects ORDER BY openedAt DESC, id').all().map(toRow),
    project: (id) => {
      const row = db.prepare('SELECT * FROM projects WHERE id = ?').get(id);
      return row && toRow(row);
    },
    saveProject: ({ id, dir, name, workflowCount, openedAt }) => {
      db.prepare(`INSERT OR REPLACE INTO projects (id, dir, name, workflowCount, openedAt) VALUES (?, ?, ?, ?, ?)`).run(
        id,
        dir,
        name,
        workflowCount,
        openedAt,
      );
    },
    forgetProject: (id) => {
      db.prepare('DELETE FROM projects WHERE id = ?').run(id);
    },
    isTrusted: (dir, projectId) =>
      db.prepare('SELECT 1 FROM trust WHERE place = ? AND projectId = ?').get(placeOf(dir), projectId) !== undefined,
    trust: (dir, projectId, at) => {
      db.prepare('INSERT OR REPLACE INTO trust (place, projectId, at) VALUES (?, ?, ?)').run(
        placeOf(dir),
        projectId,
        at,
      );
    },
    preferences: () => {
      const row = db.prepare('SELECT value FROM preferences WHERE id = 1').get();
      // Preferences of another release that no longer fit are no reason not to start.
      const kept = row ? Preferences.safeParse(JSON.parse(String(row.value))).data : undefined;
      return kept ?? Preferences.parse({});
    },
    setPreferences: (preferences) => {
      db.prepare('INSERT OR REPLACE INTO preferences (id, value) VALUES (1, ?)').run(JSON.stringify(preferences));
    },
    connections: (projectId) =>
      db
        .prepare('SELECT name, connector, hosts FROM connections WHERE projectId = ? ORDER BY name')
        .all(projectId)
        .map((row) => ({
          name: String(row.name),
          connector: String(row.connector),
          hosts: JSON.parse(String(row.hosts)) as string[],
        })),
    saveConnection: (projectId, { name, connector, hosts }) => {
      db.prepare('INSERT OR REPLACE INTO connections (projectId, name, connector, hosts) VALUES (?, ?, ?, ?)').run(
        projectId,
        name,
        connector,
        JSON.stringify(hosts),
      );
    },
    meta: (key) => {
      const row = db.prepare('SELECT value FROM meta WHERE key = ?').get(key);
      return row && String(row.value);
    },
    setMeta: (key, value) => {
      db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(key, value);
    },
    close: () => db.close(),
  };
}

/** A folder by its real path, so that a link to it is the same place. */
function placeOf(dir: string): string {
  return existsSync(dir) ? realpathSync(dir) : dir;
}
