import type { Logger } from '#shared/log.ts';
import { PLANS } from '#shared/plan.ts';
import type { Sql } from '../platform/database.ts';
import type { MasterKey } from '../platform/secrets.ts';
import { planOf } from './auditStore.ts';
import { sealMac } from './chain.ts';

/**
 * Signs the end of a workspace's chain, and lets go of what is older than its plan keeps. The log line is the witness
 * outside of the database: who could set the whole of it back to an earlier day is found out by comparing with that.
 */
export async function sealAudit(
  sql: Sql,
  workspaceId: string,
  { master, logger }: { master: MasterKey; logger: Logger },
): Promise<void> {
  await sql.query("select pg_advisory_xact_lock(hashtextextended('audit:' || $1::text, 0))", [workspaceId]);
  const { rows } = await sql.query<{ seq: number; hash: string; at: Date }>(
    `select seq, hash, date_trunc('milliseconds', now()) as at from audit_entry
      where workspace_id = $1 order by seq desc limit 1`,
    [workspaceId],
  );
  const end = rows[0];
  if (end) {
    const mac = sealMac(master, workspaceId, end);
    const { rowCount } = await sql.query(
      `insert into audit_seal (workspace_id, seq, hash, mac, at) values ($1, $2, $3, $4, $5) on conflict do nothing`,
      [workspaceId, end.seq, end.hash, mac, end.at],
    );
    if (rowCount > 0) logger.info('audit seal', { workspaceId, seq: end.seq, mac });
  }
  const { auditDays } = PLANS[await planOf(sql, workspaceId)];
  await sql.query('select trim_audit($1, $2)', [workspaceId, auditDays]);
}
