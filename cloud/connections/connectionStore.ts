import type { ConnectionRecord } from '#shared/contract/cloud/common.ts';
import type { Sql } from '../platform/database.ts';

/** A connection as it is stored: its secret sealed. */
export type SealedConnection = {
  id: string;
  name: string;
  connector: string;
  hosts: string[];
  ciphertext: Buffer;
  keyVersion: number;
};

type Row = {
  id: string;
  name: string;
  connector: string;
  hosts: string[];
  status: ConnectionRecord['status'];
  last_used_at: Date | null;
  expires_at: Date | null;
  created_at: Date;
};

const RECORD = 'select id, name, connector, hosts, status, last_used_at, expires_at, created_at from connection';

function toRecord(row: Row): ConnectionRecord {
  return {
    id: row.id,
    name: row.name,
    connector: row.connector,
    hosts: row.hosts,
    status: row.status,
    lastUsedAt: row.last_used_at?.toISOString(),
    expiresAt: row.expires_at?.toISOString(),
    createdAt: row.created_at.toISOString(),
  };
}

export async function listConnections(sql: Sql, workspaceId: string): Promise<ConnectionRecord[]> {
  const { rows } = await sql.query<Row>(`${RECORD} where workspace_id = $1 and deleted_at is null order by name`, [
    workspaceId,
  ]);
  return rows.map(toRecord);
}

export async function findConnection(
  sql: Sql,
  workspaceId: string,
  name: string,
): Promise<ConnectionRecord | undefined> {
  const { rows } = await sql.query<Row>(`${RECORD} where workspace_id = $1 and name = $2 and deleted_at is null`, [
    workspaceId,
    name,
  ]);
  return rows[0] && toRecord(rows[0]);
}

/** The sealed connections with these names; those that are not there are left out. */
export async function findSealed(sql: Sql, workspaceId: string, names: string[]): Promise<SealedConnection[]> {
  if (names.length === 0) return [];
  const { rows } = await sql.query<Omit<SealedConnection, 'keyVersion'> & { key_version: number }>(
    `select id, name, connector, hosts, ciphertext, key_version from connection
      where workspace_id = $1 and name = any($2::text[]) and deleted_at is null`,
    [workspaceId, names],
  );
  return rows.map(({ key_version: keyVersion, ...row }) => ({ ...row, keyVersion }));
}

/** Makes one set of connections after another in a workspace, so that a count holds until the transaction ends. */
export async function lockConnections(sql: Sql, workspaceId: string): Promise<void> {
  await sql.query(`select pg_advisory_xact_lock(hashtextextended('connections:' || $1, 0))`, [workspaceId]);
}

export async function countConnections(sql: Sql, workspaceId: string): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    'select count(*)::int as n from connection where workspace_id = $1 and deleted_at is null',
    [workspaceId],
  );
  return rows[0]?.n ?? 0;
}

export async function writeConnection(
  sql: Sql,
  workspaceId: string,
  connection: SealedConnection & { createdById: string; expiresAt?: Date },
): Promise<void> {
  await sql.query(
    `insert into connection (workspace_id, id, name, connector, hosts, ciphertext, key_version, created_by_id, expires_at,
                             updated_at)
     values ($1, $2, $3, $4, $5::text[], $6, $7, $8, $9, now())
     on conflict (workspace_id, id) do update
        set connector = excluded.connector, hosts = excluded.hosts, ciphertext = excluded.ciphertext,
            key_version = excluded.key_version, expires_at = excluded.expires_at, status = 'configuring', updated_at = now()`,
    [
      workspaceId,
      connection.id,
      connection.name,
      connection.connector,
      connection.hosts,
      connection.ciphertext,
      connection.keyVersion,
      connection.createdById,
      connection.expiresAt ?? null,
    ],
  );
}

/** The secret is overwritten at once, the row stays for the history. */
export async function deleteConnection(sql: Sql, workspaceId: string, name: string): Promise<string | undefined> {
  const { rows } = await sql.query<{ id: string }>(
    `update connection set deleted_at = now(), updated_at = now(), ciphertext = '', status = 'disconnected'
      where workspace_id = $1 and name = $2 and deleted_at is null returning id`,
    [workspaceId, name],
  );
  return rows[0]?.id;
}

/** Somebody just used them: at most one write a minute each. */
export async function markUsed(sql: Sql, workspaceId: string, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql.query(
    `update connection set last_used_at = now(), status = 'connected'
      where workspace_id = $1 and id = any($2::uuid[]) and deleted_at is null
        and (last_used_at is null or last_used_at < now() - interval '1 minute' or status = 'configuring')`,
    [workspaceId, ids],
  );
}
