import type { Sql } from './ports.ts';

/** Notes that a workspace keeps these bytes. */
export async function recordBlob(sql: Sql, workspaceId: string, sha256: string, bytes: number): Promise<void> {
  await sql.query('insert into blob (workspace_id, sha256, bytes) values ($1, $2, $3) on conflict do nothing', [
    workspaceId,
    sha256,
    bytes,
  ]);
}
