import { v7 as uuidv7 } from 'uuid';
import type { Plan } from '#shared/plan.ts';
import type { Database, Sql } from '../platform/database.ts';
import { type ContainerStatus, mayMove } from './containerMoves.ts';

export type ContainerRow = {
  id: string;
  containerRef: string | undefined;
  status: ContainerStatus;
  runtimeHash: string | undefined;
  ramMb: number;
  cpu: number;
  keepAlive: boolean;
  /** How many starts in a row ended by themselves within a minute. */
  restarts: number;
  error: string | undefined;
  lastActiveAt: Date | undefined;
  updatedAt: Date;
};

type Row = {
  id: string;
  container_ref: string | null;
  status: ContainerStatus;
  runtime_hash: string | null;
  ram_mb: number;
  cpu: number;
  keep_alive: boolean;
  restarts: number;
  error: string | null;
  last_active_at: Date | null;
  updated_at: Date;
};

const MB = 1024 * 1024;
const COLUMNS =
  'id, container_ref, status, runtime_hash, ram_mb, cpu, keep_alive, restarts, error, last_active_at, updated_at';

export async function findContainer(sql: Sql, workspaceId: string): Promise<ContainerRow | undefined> {
  const { rows } = await sql.query<Row>(`select ${COLUMNS} from tenant_container where workspace_id = $1`, [
    workspaceId,
  ]);
  return rows[0] && asRow(rows[0]);
}

/** The workspace's container, made where there is none yet. */
export async function openContainer(sql: Sql, workspaceId: string, plan: Plan, driver: string): Promise<ContainerRow> {
  await sql.query(
    `insert into tenant_container (workspace_id, id, driver, ram_mb, cpu, storage_mb, updated_at)
     values ($1, $2, $3, $4, $5, $6, now()) on conflict (workspace_id) do nothing`,
    [workspaceId, uuidv7(), driver, ...sizesOf(plan)],
  );
  await sql.query('insert into container_claim (workspace_id) values ($1) on conflict do nothing', [workspaceId]);
  return (await findContainer(sql, workspaceId)) as ContainerRow;
}

type Change = { ref?: string | null; error?: string | null; restarts?: number; runtimeHash?: string; driver?: string };

/**
 * Moves a container from one of some states to another, if it is still in one of them: a compare-and-set. The claim that
 * the dispatcher sees moves along. Answers whether it moved.
 */
export async function moveContainer(
  sql: Sql,
  workspaceId: string,
  from: readonly ContainerStatus[],
  to: ContainerStatus,
  change: Change = {},
): Promise<boolean> {
  const wrong = from.find((state) => !mayMove(state, to));
  if (wrong) throw new Error(`a container does not go from ${wrong} to ${to}`);
  const sets = ['status = $3::container_status', 'updated_at = now()'];
  const values: unknown[] = [workspaceId, from, to];
  const columns = {
    ref: 'container_ref',
    error: 'error',
    restarts: 'restarts',
    runtimeHash: 'runtime_hash',
    driver: 'driver',
  };
  for (const [name, column] of Object.entries(columns) as [keyof Change, string][]) {
    if (change[name] === undefined) continue;
    values.push(change[name]);
    sets.push(`${column} = $${values.length}`);
  }
  if (to !== 'running') sets.push("health = 'unknown'");
  const { rowCount } = await sql.query(
    `update tenant_container set ${sets.join(', ')} where workspace_id = $1 and status::text = any($2)`,
    values,
  );
  if (rowCount === 0) return false;
  await sql.query('update container_claim set status = $2::container_status where workspace_id = $1', [
    workspaceId,
    to,
  ]);
  return true;
}

/** Writes down which of the driver's containers it is, if the start is still the current one. */
export async function keepRef(sql: Sql, workspaceId: string, bootId: string, ref: string): Promise<void> {
  await sql.query(
    `update tenant_container set container_ref = $3 where workspace_id = $1
        and exists (select from container_boot where workspace_id = $1 and id = $2 and ended_at is null)`,
    [workspaceId, bootId, ref],
  );
}

export async function setSizes(sql: Sql, workspaceId: string, plan: Plan): Promise<void> {
  await sql.query(
    'update tenant_container set ram_mb = $2, cpu = $3, storage_mb = $4, updated_at = now() where workspace_id = $1',
    [workspaceId, ...sizesOf(plan)],
  );
}

/** Begins a start: its secret is the only one that holds from now on. */
export async function beginBoot(
  sql: Sql,
  boot: { workspaceId: string; containerId: string; bootId: string; secretHash: string },
): Promise<void> {
  await endBoots(sql, boot.workspaceId, 'replaced');
  await sql.query(
    'insert into container_boot (workspace_id, id, container_id, boot_secret_hash) values ($1, $2, $3, $4)',
    [boot.workspaceId, boot.bootId, boot.containerId, boot.secretHash],
  );
}

/** Ends what was started: its secret and its tokens hold no longer. Answers how long it lived, in milliseconds. */
export async function endBoots(sql: Sql, workspaceId: string, reason: string): Promise<number> {
  const { rows } = await sql.query<{ lived: number }>(
    `update container_boot set ended_at = now(), exit_reason = $2 where workspace_id = $1 and ended_at is null
     returning extract(epoch from now() - started_at) * 1000 as lived`,
    [workspaceId, reason],
  );
  await sql.query('update agent_token set revoked_at = now() where workspace_id = $1 and revoked_at is null', [
    workspaceId,
  ]);
  return Number(rows[0]?.lived ?? 0);
}

/** The start that a secret belongs to, while it is the current one. */
export async function findBoot(
  sql: Sql,
  workspaceId: string,
  secretHash: string,
): Promise<{ bootId: string; containerId: string; runtimeHash: string | undefined } | undefined> {
  const { rows } = await sql.query<{ id: string; container_id: string; runtime_hash: string | null }>(
    `select b.id, b.container_id, c.runtime_hash
       from container_boot b join tenant_container c on c.workspace_id = b.workspace_id and c.id = b.container_id
      where b.workspace_id = $1 and b.boot_secret_hash = $2 and b.ended_at is null
        and c.status in ('starting', 'running', 'sleeping')`,
    [workspaceId, secretHash],
  );
  const [row] = rows;
  return row && { bootId: row.id, containerId: row.container_id, runtimeHash: row.runtime_hash ?? undefined };
}

/** The runs that a container held are nobody's from now on: the reconciler need not wait for their leases to run out. */
export async function dropLeases(sql: Sql, workspaceId: string, containerId: string): Promise<void> {
  await sql.query(
    "update run_claim set lease_until = now() where workspace_id = $1 and owner = $2 and status = 'leased' and lease_until > now()",
    [workspaceId, containerId],
  );
}

export async function markActive(sql: Sql, workspaceId: string, at: Date): Promise<void> {
  await sql.query(
    'update tenant_container set last_active_at = greatest(coalesce(last_active_at, $2), $2) where workspace_id = $1',
    [workspaceId, at],
  );
}

export async function markHealth(
  sql: Sql,
  workspaceId: string,
  health: 'healthy' | 'degraded' | 'unhealthy',
  at: Date,
): Promise<void> {
  await sql.query('update tenant_container set health = $2::health, last_health_at = $3 where workspace_id = $1', [
    workspaceId,
    health,
    at,
  ]);
}

/** Whether runs of the workspace execute, or wait to execute now. */
export async function hasWork(sql: Sql, workspaceId: string): Promise<boolean> {
  const { rows } = await sql.query(
    `select 1 from run_claim where workspace_id = $1
        and (status = 'leased' or (status = 'ready' and due_at <= now())) limit 1`,
    [workspaceId],
  );
  return rows.length > 0;
}

/** The workspaces whose container is in one of these states, whoever they belong to. */
export function workspacesIn(db: Database, states: readonly ContainerStatus[]): Promise<string[]> {
  return db.withClaims(async (sql) => {
    const { rows } = await sql.query<{ workspace_id: string }>(
      'select workspace_id from container_claim where status::text = any($1)',
      [states],
    );
    return rows.map(({ workspace_id }) => workspace_id);
  });
}

function sizesOf(plan: Plan): [ramMb: number, cpu: number, storageMb: number] {
  return [plan.containerRamBytes / MB, plan.containerCpu, Math.round(plan.storageBytes / MB)];
}

function asRow(row: Row): ContainerRow {
  return {
    id: row.id,
    containerRef: row.container_ref ?? undefined,
    status: row.status,
    runtimeHash: row.runtime_hash ?? undefined,
    ramMb: row.ram_mb,
    cpu: row.cpu,
    keepAlive: row.keep_alive,
    restarts: row.restarts,
    error: row.error ?? undefined,
    lastActiveAt: row.last_active_at ?? undefined,
    updatedAt: row.updated_at,
  };
}

/** Whether the workspace was deleted, so that nothing may run for it. */
export async function isDeleted(sql: Sql, workspaceId: string): Promise<boolean> {
  const { rows } = await sql.query('select 1 from workspace where id = $1 and deleted_at is null', [workspaceId]);
  return rows.length === 0;
}
