import type { Sql } from './ports.ts';

/** Stores a container's short token; only its hash is kept. @returns when it ends, by the database's clock */
export async function insertAgentToken(
  sql: Sql,
  token: {
    workspaceId: string;
    id: string;
    containerId: string;
    bootId: string;
    tokenHash: string;
    lifeMs: number;
  },
): Promise<Date> {
  await sql.query("delete from agent_token where workspace_id = $1 and expires_at < now() - interval '1 hour'", [
    token.workspaceId,
  ]);
  const { rows } = await sql.query<{ expires_at: Date }>(
    `insert into agent_token (workspace_id, id, container_id, boot_id, token_hash, expires_at)
     values ($1, $2, $3, $4, $5, now() + $6::int * interval '1 ms') returning expires_at`,
    [token.workspaceId, token.id, token.containerId, token.bootId, token.tokenHash, token.lifeMs],
  );
  return rows[0]?.expires_at as Date;
}

export type AgentIdentity = {
  workspaceId: string;
  containerId: string;
  bootId: string;
  expiresAt: Date;
  /** Of the token that showed it. */
  tokenHash: string;
};

/** Whose token it is, if it holds now and its start has not ended. */
export async function findAgentToken(
  sql: Sql,
  workspaceId: string,
  tokenHash: string,
): Promise<AgentIdentity | undefined> {
  const { rows } = await sql.query<{ container_id: string; boot_id: string; expires_at: Date }>(
    `select t.container_id, t.boot_id, t.expires_at from agent_token t
       left join container_boot b on b.workspace_id = t.workspace_id and b.id = t.boot_id
      where t.workspace_id = $1 and t.token_hash = $2 and t.revoked_at is null and t.expires_at > now()
        and b.ended_at is null`,
    [workspaceId, tokenHash],
  );
  const row = rows[0];
  return (
    row && { workspaceId, containerId: row.container_id, bootId: row.boot_id, expiresAt: row.expires_at, tokenHash }
  );
}
