import type { ConnectionRecord } from '#shared/contract/cloud/common.ts';
import { PLANS, type Plan, type PlanSlug } from '#shared/plan.ts';
import type { Sql } from '../platform/database.ts';

/** A connection as it is stored: its secret sealed. */
export type SealedConnection = {
  id: string;
  name: string;
  connector: string;
  hosts: string[];
  ciphertext: Buffer;
  keyVersion: number;
  /** The plan that has no room for it; absent where it works. */
  rests?: Plan;
};

type Placed = { plan: PlanSlug; before: number };

type Row = Placed & {
  id: string;
  name: string;
  connector: string;
  hosts: string[];
  status: ConnectionRecord['status'];
  last_used_at: Date | null;
  expires_at: Date | null;
  metadata: { signIn?: string; connected?: boolean };
  created_at: Date;
  revision: number;
};

/** The plan, and how many connections of the workspace come before this one: those that were chosen, then the older ones. */
const PLACE = `(select plan from workspace w where w.id = c.workspace_id) as plan,
  (select count(*)::int from connection o
    where o.workspace_id = c.workspace_id and o.deleted_at is null
      and (not o.chosen, o.created_at, o.id) < (not c.chosen, c.created_at, c.id)) as before`;
const RECORD = `select id, name, connector, hosts, status, last_used_at, expires_at, metadata, created_at, revision, ${PLACE}
  from connection c`;

function restsBy({ plan, before }: Placed): Plan | undefined {
  const held = PLANS[plan];
  return before < held.connections ? undefined : held;
}

function toRecord(row: Row): ConnectionRecord {
  return {
    id: row.id,
    name: row.name,
    connector: row.connector,
    hosts: row.hosts,
    status: row.status,
    lastUsedAt: row.last_used_at?.toISOString(),
    expiresAt: row.expires_at?.toISOString(),
    ...(row.metadata.signIn === 'person' ? { signIn: row.metadata.connected ? 'done' : 'needed' } : {}),
    ...(restsBy(row) ? { rests: true as const } : {}),
    createdAt: row.created_at.toISOString(),
    revision: row.revision,
  };
}

export async function listConnections(sql: Sql, workspaceId: string): Promise<ConnectionRecord[]> {
  const { rows } = await sql.query<Row>(`${RECORD} where workspace_id = $1 and deleted_at is null order by name`, [
    workspaceId,
  ]);
  return rows.map(toRecord);
}

/** One as it is stored now, whatever it is called. */
export async function findSealedById(sql: Sql, workspaceId: string, id: string): Promise<SealedConnection | undefined> {
  const { rows } = await sql.query<Omit<SealedConnection, 'keyVersion'> & { key_version: number }>(
    `select id, name, connector, hosts, ciphertext, key_version from connection
      where workspace_id = $1 and id = $2 and deleted_at is null`,
    [workspaceId, id],
  );
  const [row] = rows;
  if (!row) return undefined;
  const { key_version: keyVersion, ...rest } = row;
  return { ...rest, keyVersion };
}

/** Who renews the tokens of a connection holds this: a service that takes each refresh token once is asked once. */
export async function lockTokens(sql: Sql, connectionId: string): Promise<void> {
  await sql.query(`select pg_advisory_xact_lock(hashtextextended('tokens:' || $1, 0))::text as locked`, [connectionId]);
}

/**
 * Other tokens for a connection.
 *
 * @param expiresAt when only a person can get others
 * @returns false where somebody has set another secret meanwhile, which stays
 */
export async function replaceTokens(
  sql: Sql,
  workspaceId: string,
  before: SealedConnection,
  {
    ciphertext,
    keyVersion,
    works,
    expiresAt,
  }: {
    ciphertext: Uint8Array;
    keyVersion: number;
    works: boolean;
    expiresAt?: Date;
  },
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `update connection
        set ciphertext = $4, key_version = $5, status = $6::connection_status, expires_at = $7, updated_at = now(),
            metadata = metadata || jsonb_build_object('connected', $8::boolean)
      where workspace_id = $1 and id = $2 and ciphertext = $3 and deleted_at is null`,
    [
      workspaceId,
      before.id,
      before.ciphertext,
      Buffer.from(ciphertext),
      keyVersion,
      works ? 'connected' : 'error',
      expiresAt ?? null,
      works,
    ],
  );
  return rowCount === 1;
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
  const { rows } = await sql.query<Omit<SealedConnection, 'keyVersion' | 'rests'> & Placed & { key_version: number }>(
    `select id, name, connector, hosts, ciphertext, key_version, ${PLACE} from connection c
      where workspace_id = $1 and name = any($2::text[]) and deleted_at is null`,
    [workspaceId, names],
  );
  return rows.map(({ key_version: keyVersion, plan, before, ...row }) => {
    const rests = restsBy({ plan, before });
    return { ...row, keyVersion, ...(rests ? { rests } : {}) };
  });
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

/** From now on these are the ones that somebody chose, and no others. */
export async function chooseConnections(sql: Sql, workspaceId: string, names: string[]): Promise<void> {
  await sql.query(
    `update connection set chosen = (name = any($2::text[]))
      where workspace_id = $1 and deleted_at is null and chosen <> (name = any($2::text[]))`,
    [workspaceId, names],
  );
}

export async function writeConnection(
  sql: Sql,
  workspaceId: string,
  connection: Omit<SealedConnection, 'rests'> & {
    createdById: string;
    expiresAt?: Date;
    signIn?: 'person' | 'program';
  },
): Promise<void> {
  await sql.query(
    `insert into connection (workspace_id, id, name, connector, hosts, ciphertext, key_version, created_by_id, expires_at,
                             metadata, updated_at)
     values ($1, $2, $3, $4, $5::text[], $6, $7, $8, $9, $10::jsonb, now())
     on conflict (workspace_id, id) do update
        set connector = excluded.connector, hosts = excluded.hosts, ciphertext = excluded.ciphertext,
            key_version = excluded.key_version, expires_at = excluded.expires_at, metadata = excluded.metadata, status = 'configuring', updated_at = now(),
            revision = connection.revision + 1`,
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
      JSON.stringify(connection.signIn === undefined ? {} : { signIn: connection.signIn }),
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

/** It was tried just now. */
export async function markTried(sql: Sql, workspaceId: string, id: string, works: boolean): Promise<void> {
  await sql.query(
    `update connection set status = $3::connection_status where workspace_id = $1 and id = $2 and deleted_at is null`,
    [workspaceId, id, works ? 'connected' : 'error'],
  );
}

/** Somebody just used them: at most one write a minute each. */
export async function markUsed(sql: Sql, workspaceId: string, ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql.query(
    `update connection set last_used_at = now(), status = case status when 'configuring' then 'connected' else status end
      where workspace_id = $1 and id = any($2::uuid[]) and deleted_at is null
        and (last_used_at is null or last_used_at < now() - interval '1 minute' or status = 'configuring')`,
    [workspaceId, ids],
  );
}
