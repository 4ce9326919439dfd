import type { JsonObject } from '#shared/json.ts';
import type { Database, Sql, WorkspaceScope } from '../platform/database.ts';
import type { MasterKey } from '../platform/secrets.ts';
import { sameText } from '../platform/tokens.ts';
import { CHAIN_START, chainHash, personHash, sealMac } from './chain.ts';

export type AuditCheck = {
  entries: number;
  /** Up to this number the log is sealed; absent: nothing is yet. */
  sealedTo?: number;
  /** The number of the first entry that is not as it was written, or is missing. */
  tampered?: number;
};

type Entry = {
  id: string;
  seq: number;
  action: string;
  resource: string;
  resource_id: string | null;
  actor_id: string | null;
  actor_name: string | null;
  ip: string | null;
  user_agent: string | null;
  request_id: string | null;
  outcome: string;
  metadata: JsonObject;
  at: Date;
  about: JsonObject | null;
  person_salt: string | null;
  person_hash: string | null;
  prev_hash: string;
  hash: string;
};
type SealRow = { seq: number; hash: string; mac: string; at: Date };

const BATCH = 500;
/** Nothing younger is ever trimmed, so a log that begins later than its first entry has to begin after an old seal. */
const LEAST_KEPT_MS = 7 * 86_400_000;

/** Recomputes a workspace's chain and compares it with its seals. */
export function verifyAudit(
  db: Database,
  scope: WorkspaceScope,
  { master, now }: { master: MasterKey; now: Date },
): Promise<AuditCheck> {
  const { workspaceId } = scope;
  return db.withWorkspaceSql(scope, async (sql) => {
    const { rows: seals } = await sql.query<SealRow>(
      'select seq, hash, mac, at from audit_seal where workspace_id = $1 order by seq',
      [workspaceId],
    );
    const forged = seals.find((seal) => !sameText(seal.mac, sealMac(master, workspaceId, seal)));
    const bySeq = new Map(seals.map((seal) => [seal.seq, seal.hash]));
    const sealedTo = seals.at(-1)?.seq;
    const erased = await erasedEntries(sql, workspaceId);
    const check = (entries: number, tampered?: number): AuditCheck => ({
      entries,
      ...(sealedTo === undefined ? {} : { sealedTo }),
      ...(tampered === undefined ? {} : { tampered }),
    });
    if (forged) return check(0, forged.seq);

    let entries = 0;
    let expected = 1;
    let prevHash = CHAIN_START;
    for (let after = 0; ; ) {
      const batch = await readBatch(sql, workspaceId, after);
      const [first] = batch;
      if (entries === 0 && first && first.seq !== 1) {
        const anchor = seals.find(({ seq }) => seq === first.seq - 1);
        if (!anchor || now.getTime() - anchor.at.getTime() < LEAST_KEPT_MS) return check(0, 1);
        expected = first.seq;
        prevHash = anchor.hash;
      }
      for (const entry of batch) {
        const sealed = bySeq.get(entry.seq);
        const fits =
          entry.seq === expected &&
          entry.prev_hash === prevHash &&
          chainHash(prevHash, factsOf(workspaceId, entry)) === entry.hash &&
          personFits(entry, erased) &&
          (sealed === undefined || sealed === entry.hash);
        if (!fits) return check(entries, Math.min(entry.seq, expected));
        prevHash = entry.hash;
        expected++;
        entries++;
      }
      if (batch.length < BATCH) break;
      after = batch.at(-1)?.seq ?? after;
    }
    // A log always has at least its workspace's first entry, and nothing that is sealed may be missing at its end.
    if (entries === 0 && !seals.some(({ at }) => now.getTime() - at.getTime() >= LEAST_KEPT_MS)) return check(0, 1);
    if (entries > 0 && sealedTo !== undefined && sealedTo >= expected) return check(entries, expected);
    return check(entries);
  });
}

async function readBatch(sql: Sql, workspaceId: string, after: number): Promise<Entry[]> {
  const { rows } = await sql.query<Entry>(
    'select * from audit_entry where workspace_id = $1 and seq > $2 order by seq limit $3',
    [workspaceId, after, BATCH],
  );
  return rows;
}

/** What the entry's hash was made over. Entries of before persons stood apart are hashed as one. */
function factsOf(workspaceId: string, entry: Entry): JsonObject {
  const { id, seq, action, resource, metadata, outcome } = entry;
  const facts = { workspaceId, id, seq, action, resource, metadata, outcome };
  const rest = { resourceId: entry.resource_id, requestId: entry.request_id, at: entry.at.toISOString() };
  if (entry.person_hash !== null) return { ...facts, ...rest, personHash: entry.person_hash };
  const { actorId, actorName, ip, userAgent } = personOf(entry);
  return { ...facts, ...rest, actorId, actorName, ip, userAgent };
}

function personOf({ actor_id, actor_name, ip, user_agent, about }: Entry) {
  return { actorId: actor_id, actorName: actor_name, ip, userAgent: user_agent, about };
}

/** A person is there as they were written, or was taken out whole, and then a later entry says so. */
function personFits(entry: Entry, erased: ReadonlySet<number>): boolean {
  if (entry.person_hash === null) return entry.person_salt === null && entry.about === null;
  const person = personOf(entry);
  if (entry.person_salt !== null) return personHash(entry.person_salt, person) === entry.person_hash;
  return erased.has(entry.seq) && Object.values(person).every((part) => part === null);
}

async function erasedEntries(sql: Sql, workspaceId: string): Promise<ReadonlySet<number>> {
  const { rows } = await sql.query<{ seq: number }>(
    `select jsonb_array_elements_text(metadata->'entries')::int as seq from audit_entry
      where workspace_id = $1 and action = 'data.purge' and jsonb_typeof(metadata->'entries') = 'array'`,
    [workspaceId],
  );
  return new Set(rows.map(({ seq }) => seq));
}
