import pg from 'pg';
import { SluiceError } from '#shared/error.ts';
import type { ConnectionInfo } from './embeddedPostgres.ts';

const CONNECT_MS = 10_000;

/**
 * Connects once to the Postgres that an operator named, before anything is done with it.
 *
 * @throws SluiceError store.failed naming the address and what is wrong; never the password
 */
export async function reachDatabase(connection: ConnectionInfo): Promise<void> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: CONNECT_MS });
  // A connection that breaks later is told by whatever uses it.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    const { host, port, user, database } = connection;
    const { code = '' } = cause as { code?: string };
    const why = REASONS[code]?.({ user, database }) ?? `does not answer (${code || (cause as Error).message})`;
    throw new SluiceError('store.failed', `The Postgres of DATABASE_URL at ${host}:${port} ${why}.`, {
      advice: 'Start it, correct DATABASE_URL, or leave it out to use the built-in Postgres.',
      cause,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

type Named = { user: string; database: string };

const REASONS: Record<string, (named: Named) => string> = {
  ENOTFOUND: () => 'is on a computer that nobody knows',
  '28P01': ({ user }) => `refuses the password of "${user}"`,
  '28000': ({ user }) => `does not let "${user}" in`,
  '3D000': ({ database }) => `has no database "${database}"`,
};
