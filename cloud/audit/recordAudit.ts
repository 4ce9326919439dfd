import { v7 as uuidv7 } from 'uuid';
import type { JsonObject } from '#shared/json.ts';
import { asSql, type Sql, type Tx } from '../platform/database.ts';
import { CHAIN_START, chainHash, newSalt, personHash } from './chain.ts';

/** Who did it, as far as there is somebody: an actor, or only a workspace where a program of ours did it. */
export type AuditActor = {
  workspaceId: string;
  userId?: string;
  name?: string;
  ip?: string;
  userAgent?: string;
  requestId?: string;
  /** Set where a program acted with a key of this person. */
  apiKey?: { id: string };
};

export type AuditRecord = {
  /** `noun.verb`, from domain.md 9. */
  action: string;
  resource: string;
  resourceId?: string;
  outcome?: 'ok' | 'denied' | 'failed';
  /** Facts, never a secret, and nothing that names a person. */
  metadata?: JsonObject;
  /** Whom it is about: `userId`, `email`, `name`. It goes when that person is erased. */
  about?: { userId?: string; email?: string; name?: string };
};

/**
 * Adds an entry to the workspace's audit log, in the transaction of what it records: both stay or neither does. Call it
 * last, since other transactions that record something for this workspace wait from here until this one ends.
 */
export async function recordAudit(tx: Tx | Sql, actor: AuditActor, record: AuditRecord): Promise<void> {
  const sql = asSql(tx);
  const { workspaceId } = actor;
  await sql.query("select pg_advisory_xact_lock(hashtextextended('audit:' || $1::text, 0))::text as locked", [
    workspaceId,
  ]);
  const last = await sql.query<{ seq: number; hash: string }>(
    'select seq, hash from audit_entry where workspace_id = $1::uuid order by seq desc limit 1',
    [workspaceId],
  );
  const seq = (last.rows[0]?.seq ?? 0) + 1;
  const prevHash = last.rows[0]?.hash ?? CHAIN_START;
  const at = new Date().toISOString();
  const about = record.about ? asStored(record.about) : null;
  const person = {
    actorId: actor.userId ?? null,
    actorName: actor.name ?? null,
    ip: actor.ip ?? null,
    userAgent: actor.userAgent ?? null,
    about,
  };
  const salt = newSalt();
  const entry = {
    workspaceId,
    id: uuidv7(),
    seq,
    action: record.action,
    resource: record.resource,
    resourceId: record.resourceId ?? null,
    metadata: asStored({ ...record.metadata, ...(actor.apiKey ? { apiKey: actor.apiKey.id } : {}) }),
    requestId: actor.requestId ?? null,
    outcome: record.outcome ?? 'ok',
    at,
    personHash: personHash(salt, person),
  };
  // Soon afterwards somebody seals the chain's new end.
  await sql.query(
    `with due as (
       insert into upkeep_claim (workspace_id, kind, due_at) values ($1::uuid, 'audit', now() + interval '10 s')
       on conflict (workspace_id, kind) do update set due_at = excluded.due_at
         where upkeep_claim.due_at > excluded.due_at)
     insert into audit_entry (workspace_id, id, seq, actor_id, actor_name, action, resource, resource_id, metadata, ip,
       user_agent, request_id, outcome, at, prev_hash, hash, about, person_salt, person_hash)
     values ($1::uuid, $2::uuid, $3::int, $4::uuid, $5, $6, $7, $8, $9::jsonb, $10, $11, $12, $13::audit_outcome,
       $14::timestamptz, $15, $16, $17::jsonb, $18, $19)`,
    [
      workspaceId,
      entry.id,
      seq,
      person.actorId,
      person.actorName,
      entry.action,
      entry.resource,
      entry.resourceId,
      JSON.stringify(entry.metadata),
      person.ip,
      person.userAgent,
      entry.requestId,
      entry.outcome,
      at,
      prevHash,
      chainHash(prevHash, entry),
      about && JSON.stringify(about),
      salt,
      entry.personHash,
    ],
  );
}

/** What is read back is hashed again, so nothing goes into the hash that the column does not keep. */
function asStored(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}
