import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Sql } from './database.ts';
import type { ConnectionInfo } from './embeddedPostgres.ts';

/**
 * Short messages to every process of the control plane, this one included. One may be lost (a connection breaks), so a
 * message only says where to look; nobody may depend on getting it.
 */
export type Channel<T> = {
  /** At once to this process, within milliseconds to the others. */
  publish(message: T): void;
  /** @returns what ends the subscription */
  subscribe(listener: (message: T) => void): () => void;
  close(): Promise<void>;
};

export type ChannelOptions = {
  /** Of the database, with a role that may log in. */
  connection: ConnectionInfo;
  name: string;
  onError?: (error: Error) => void;
};

/** Postgres takes less than 8,000 bytes in one notification. */
const MAX_BYTES = 7_500;
const GATHER_MS = 5;
const RECONNECT_MS = 1_000;

/** A channel over NOTIFY. Messages of a few milliseconds travel together, and outside of any transaction. */
export async function openChannel<T>({ connection, name, onError }: ChannelOptions): Promise<Channel<T>> {
  const local = createLocalChannel<T>(onError);
  const origin = randomUUID();
  let client: pg.Client | undefined;
  let outgoing: string[] = [];
  let flushing: NodeJS.Timeout | undefined;
  let reconnecting: NodeJS.Timeout | undefined;
  let sending: Promise<void> = Promise.resolve();
  let closed = false;

  async function connect(): Promise<void> {
    const made = new pg.Client({ ...connection, application_name: `channel ${name}` });
    made.on('error', (error) => {
      onError?.(error);
      lost(made);
    });
    made.on('end', () => lost(made));
    made.on('notification', ({ payload }) => {
      const { from, messages } = JSON.parse(payload ?? '{}') as { from: string; messages: T[] };
      if (from !== origin) for (const message of messages) local.publish(message);
    });
    await made.connect();
    await made.query(`listen ${pg.escapeIdentifier(name)}`);
    client = made;
  }

  function lost(made: pg.Client): void {
    if (client === made) client = undefined;
    if (closed || reconnecting) return;
    reconnecting = setTimeout(() => {
      reconnecting = undefined;
      connect().catch((error: Error) => {
        onError?.(error);
        lost(made);
      });
    }, RECONNECT_MS);
    reconnecting.unref();
  }

  function flush(): void {
    flushing = undefined;
    const waiting = outgoing;
    outgoing = [];
    let batch: string[] = [];
    let bytes = 0;
    for (const text of waiting) {
      const size = Buffer.byteLength(text) + 1;
      if (bytes + size > MAX_BYTES) {
        notify(batch);
        batch = [];
        bytes = 0;
      }
      batch.push(text);
      bytes += size;
    }
    notify(batch);
  }

  function notify(batch: string[]): void {
    if (batch.length === 0 || !client) return;
    const payload = `{"from":"${origin}","messages":[${batch.join(',')}]}`;
    // One after the other, as a connection takes them.
    const by = client;
    sending = sending
      .then(() => by.query('select pg_notify($1, $2)', [name, payload]))
      .then(
        () => undefined,
        (error: Error) => onError?.(error),
      );
  }

  await connect();
  return {
    publish(message) {
      if (closed) return;
      local.publish(message);
      outgoing.push(JSON.stringify(message));
      flushing ??= setTimeout(flush, GATHER_MS);
    },
    subscribe: local.subscribe,
    async close() {
      closed = true;
      clearTimeout(flushing);
      clearTimeout(reconnecting);
      if (client) flush();
      await sending;
      await client?.end().catch(() => undefined);
      await local.close();
    },
  };
}

/** A message that leaves when the transaction commits, and stays away with it. It takes some time longer than `publish`. */
export async function publishIn<T>(sql: Sql, name: string, message: T): Promise<void> {
  const payload = JSON.stringify({ from: 'a transaction', messages: [message] });
  await sql.query('select pg_notify($1, $2)::text as sent', [name, payload]);
}

/** The same inside one process. A listener that throws harms nobody else. */
export function createLocalChannel<T>(onError?: (error: Error) => void): Channel<T> {
  const listeners = new Set<(message: T) => void>();
  return {
    publish(message) {
      for (const listener of [...listeners]) {
        try {
          listener(message);
        } catch (thrown) {
          onError?.(thrown instanceof Error ? thrown : new Error(String(thrown)));
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      listeners.clear();
    },
  };
}
