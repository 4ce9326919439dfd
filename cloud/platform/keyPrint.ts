import pg from 'pg';
import { SluiceError } from '#shared/error.ts';
import type { ConnectionInfo } from './embeddedPostgres.ts';
import type { MasterKey } from './secrets.ts';

const BEGINS = 'Sealed under the master key with the print ';

/**
 * Keeps a database to the master key that it began with: with another one nothing sealed would open, what is sealed from now on
 * would open for nobody else, and every process that has the right one would lose its passwords. Which one it is stands
 * with the table of the keys, so that it is in a backup too.
 *
 * @throws SluiceError config.invalid where the key is another
 */
export async function ensureSameKey(owner: ConnectionInfo, master: MasterKey): Promise<void> {
  const print = master.derive('print').slice(0, 16);
  const client = new pg.Client(owner);
  await client.connect();
  try {
    const { rows } = await client.query<{ said: string | null }>(
      `select obj_description('workspace_key'::regclass, 'pg_class') as said`,
    );
    const said = rows[0]?.said;
    if (!said?.startsWith(BEGINS)) {
      await client.query(`comment on table workspace_key is ${client.escapeLiteral(BEGINS + print)}`);
      return;
    }
    if (said === BEGINS + print) return;
  } finally {
    await client.end();
  }
  throw new SluiceError('config.invalid', 'This database was set up with another master key.', {
    advice:
      'Set SLUICE_MASTER_KEY to that key, or put its file back at keys/master.key below SLUICE_DATA. Nothing was changed.',
  });
}
