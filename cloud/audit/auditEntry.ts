import type { AuditEntry } from '#shared/contract/cloud/audit.ts';
import type { AuditRow } from './auditStore.ts';

/** An entry as it is shown: without its place in the chain. */
export function toEntry(row: AuditRow): AuditEntry {
  return {
    id: row.id,
    seq: row.seq,
    action: row.action,
    resource: row.resource,
    resourceId: row.resource_id ?? undefined,
    actorId: row.actor_id ?? undefined,
    actorName: row.actor_name ?? undefined,
    ip: row.ip ?? undefined,
    userAgent: row.user_agent ?? undefined,
    requestId: row.request_id ?? undefined,
    outcome: row.outcome,
    metadata: row.metadata,
    about: row.about ?? undefined,
    at: row.at.toISOString(),
  };
}
