import { createHmac } from 'node:crypto';
import { createSerial } from '../containers/serial.ts';
import type { Database } from '../platform/database.ts';
import type { MasterKey } from '../platform/secrets.ts';
import { type Attempt, addAttempt, readAttempts, removeAttempts, setAttempts } from './attemptStore.ts';

/**
 * Counts what somebody may try a few times only. The counts stand in the database, so that all processes of the control
 * plane share them and a restart forgets none. What a name says is not stored, only a keyed hash of it.
 */
export type Attempts = {
  /** In the order of the names; nothing where nobody tried lately. */
  of(...names: AttemptName[]): Promise<(Attempt | undefined)[]>;
  /** One more, which counts for so many seconds from the first. @returns how many there are now */
  add(name: AttemptName, seconds: number): Promise<number>;
  /** From now on there are so many, for so many seconds. */
  set(name: AttemptName, tries: number, seconds: number): Promise<void>;
  forget(name: AttemptName): Promise<void>;
  /** One after the other per name in this process: those who come together do not all look before any is counted. */
  inTurn<T>(name: AttemptName, work: () => Promise<T>): Promise<T>;
};

/** What is tried, and by or against whom. */
export type AttemptName = readonly [what: string, ...who: string[]];

export function createAttempts({ db, master }: { db: Database; master: MasterKey }): Attempts {
  const key = master.derive('attempts');
  const hashOf = (name: AttemptName) => createHmac('sha256', key).update(JSON.stringify(name)).digest('base64url');
  const serial = createSerial();
  return {
    of: (...names) => readAttempts(db, names.map(hashOf)),
    add: (name, seconds) => addAttempt(db, hashOf(name), seconds),
    set: (name, tries, seconds) => setAttempts(db, hashOf(name), tries, seconds),
    forget: (name) => removeAttempts(db, hashOf(name)),
    inTurn: (name, work) => serial(hashOf(name), work),
  };
}
