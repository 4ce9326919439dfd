import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { temporaryDir } from '../../tests/fixtures/agent.ts';
import { createCheckpointThread } from './checkpointThread.ts';

test('what was committed stands in the file of the database itself after a checkpoint, while others have it open', async () => {
  using place = temporaryDir();
  const file = join(place.dir, 'runs.db');
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE numbers (n INTEGER)');
  const thread = createCheckpointThread(file);
  try {
    await thread.checkpoint();
    for (const n of [1, 2]) {
      db.exec(`INSERT INTO numbers VALUES (${n})`);
      expect(numbersIn(file, place.dir)).toBe(n - 1);
      await thread.checkpoint();
      expect(numbersIn(file, place.dir)).toBe(n);
    }
  } finally {
    thread.close();
    db.close();
  }
});

test('while somebody reads an older state, nobody is told that all is in the file', async () => {
  using place = temporaryDir();
  const file = join(place.dir, 'runs.db');
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE numbers (n INTEGER)');
  const reader = new DatabaseSync(file);
  const thread = createCheckpointThread(file);
  try {
    reader.exec('BEGIN; SELECT count(*) FROM numbers');
    db.exec('INSERT INTO numbers VALUES (1)');
    await expect(thread.checkpoint()).rejects.toThrow('still reads');
    reader.exec('COMMIT');
    await thread.checkpoint();
    expect(numbersIn(file, place.dir)).toBe(1);
  } finally {
    thread.close();
    reader.close();
    db.close();
  }
});

test('a database that cannot be opened is said, and the next attempt is one again', async () => {
  using place = temporaryDir();
  const file = join(place.dir, 'later', 'runs.db');
  const thread = createCheckpointThread(file);
  try {
    await expect(thread.checkpoint()).rejects.toThrow('unable to open');
    await expect(thread.checkpoint()).rejects.toThrow('unable to open');
  } finally {
    thread.close();
  }
});

/** What somebody finds who has the file alone. */
function numbersIn(file: string, dir: string): number {
  const copy = join(dir, 'copy.db');
  copyFileSync(file, copy);
  const db = new DatabaseSync(copy);
  try {
    return Number(db.prepare('SELECT count(*) AS count FROM numbers').get()?.count);
  } finally {
    db.close();
  }
}
