import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, newWorkspace, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { createLogger } from '../platform/logger.ts';
import { createMasterKey } from '../platform/secrets.ts';
import { sealMac } from './chain.ts';
import { recordAudit } from './recordAudit.ts';
import { sealAudit } from './sealAudit.ts';
import { verifyAudit } from './verifyAudit.ts';

let database: TestDatabase;
/** Somebody with the owner's password, who has taken the triggers away. */
let thief: Awaited<ReturnType<TestDatabase['ownerClient']>>;
let actor: { userId: string; workspaceId: string };
beforeAll(async () => {
  database = await createTestDatabase();
  thief = await database.ownerClient();
});
afterAll(async () => {
  await thief.end();
  await database.close();
});
beforeEach(async () => {
  actor = await newWorkspace(database);
});

const record = (n: number) => ({
  action: 'connection.create',
  resource: 'connection',
  resourceId: `c${n}`,
  metadata: { n, note: 'Grüße', nested: { b: 1, a: [null] } },
  about: { email: `person${n}@example.com` },
});
const who = () => ({ ...actor, name: 'Robin', ip: '192.0.2.1', userAgent: 'test', requestId: 'r' });
const fill = (count: number) =>
  database.db.withWorkspace(actor, async (tx) => {
    for (let n = 0; n < count; n++) await recordAudit(tx, who(), record(n));
  });
const logger = createLogger('error', { write: () => undefined });
const seal = () =>
  database.db.withWorkspaceSql(actor, (sql) => sealAudit(sql, actor.workspaceId, { master: database.master, logger }));
const verify = (now = new Date()) => verifyAudit(database.db, actor, { master: database.master, now });

/** Does it with the triggers off, looks, and puts everything back. */
async function tampered(what: () => Promise<unknown>): Promise<number | undefined> {
  const tables = ['audit_entry', 'audit_seal'];
  const before = await Promise.all(
    tables.map(
      async (table) => (await thief.query(`select * from ${table} where workspace_id = $1`, [actor.workspaceId])).rows,
    ),
  );
  await thief.query('alter table audit_entry disable trigger append_only');
  await what();
  const found = (await verify()).tampered;
  for (const [index, table] of tables.entries()) {
    await thief.query(`delete from ${table} where workspace_id = $1`, [actor.workspaceId]);
    await thief.query(`insert into ${table} select * from json_populate_recordset(null::${table}, $1)`, [
      JSON.stringify(before[index]),
    ]);
  }
  await thief.query('alter table audit_entry enable trigger append_only');
  return found;
}
const sql = (text: string, values: unknown[] = []) => thief.query(text, [actor.workspaceId, ...values]);

test('entries made at once, by Prisma and by SQL, form one chain without a gap', async () => {
  const kinds = Array.from({ length: 12 }, (_, n) =>
    n % 2
      ? database.db.withWorkspace(actor, (tx) => recordAudit(tx, actor, record(n)))
      : database.db.withWorkspaceSql(actor, (tx) => recordAudit(tx, actor, record(n))),
  );
  await Promise.all(kinds);
  const { rows } = await sql('select seq from audit_entry where workspace_id = $1 order by seq');
  expect(rows.map((row) => row.seq)).toEqual(Array.from({ length: 13 }, (_, n) => n + 1));
  expect(await verify()).toEqual({ entries: 13 });
});

test('an entry stays away with the transaction that it belongs to', async () => {
  const failing = database.db.withWorkspace(actor, async (tx) => {
    await recordAudit(tx, actor, record(1));
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect((await sql('select 1 from audit_entry where workspace_id = $1 and seq > 1')).rows).toEqual([]);
});

test('changing or deleting an entry is refused, also to the owner, and the app is given no way round', async () => {
  await expect(sql("update audit_entry set action = 'x' where workspace_id = $1")).rejects.toMatchObject({
    code: '23001',
  });
  await expect(sql('delete from audit_entry where workspace_id = $1')).rejects.toMatchObject({ code: '23001' });
  await expect(database.db.withWorkspace(actor, (tx) => tx.auditEntry.deleteMany())).rejects.toThrow(
    /permission denied/,
  );
  const asApp = (text: string) =>
    database.db.withWorkspaceSql(actor, async (tx) => {
      await tx.query("select set_config('app.erasing', 'yes', true)");
      return tx.query(text, [actor.workspaceId]);
    });
  await expect(asApp('delete from audit_entry where workspace_id = $1')).rejects.toMatchObject({ code: '42501' });
  await expect(asApp('select trim_audit($1, 0)')).rejects.toMatchObject({ code: '42501' });
  await expect(asApp('update audit_seal set seq = 1 where workspace_id = $1')).rejects.toMatchObject({ code: '42501' });
});

test('every change of every column of every entry is found, at the entry', async () => {
  await fill(4);
  await seal();
  await fill(1);
  const { fields } = await sql('select * from audit_entry where workspace_id = $1 limit 0');
  const other: Record<number, string> = {
    25: "coalesce($c, '') || 'x'",
    23: '$c + 100',
    1184: "$c + interval '1 ms'",
    3802: `coalesce($c, '{}') || '{"more": 1}'`,
    2950: "case when $c is null then gen_random_uuid() else overlay($c::text placing '0000' from 1 for 4)::uuid end",
  };
  let tries = 0;
  for (const { name, dataTypeID } of fields) {
    if (name === 'workspace_id') continue;
    const change = other[dataTypeID] ?? "case when $c = 'ok' then 'denied' else 'ok' end::audit_outcome";
    for (const seq of [1, 3, 5, 6]) {
      const set = `update audit_entry set "${name}" = ${change.replaceAll('$c', `"${name}"`)} where workspace_id = $1 and seq = $2`;
      const found = await tampered(() => sql(set, [seq]));
      expect({ name, seq, found }).toEqual({ name, seq, found: expect.any(Number) });
      expect(found).toBeLessThanOrEqual(seq);
      tries++;
    }
  }
  expect(await verify()).toEqual({ entries: 6, sealedTo: 5 });
  console.log(`audit: ${tries} changes of single columns, ${tries} found`);
});

/** The whole chain as somebody would write it who knows everything but the key. */
async function rewritten(): Promise<void> {
  const { rows } = await sql('select * from audit_entry where workspace_id = $1 order by seq');
  let prev = '0'.repeat(64);
  for (const row of rows) {
    const action = row.seq === 3 ? 'nothing.happened' : row.action;
    const facts = {
      workspaceId: row.workspace_id,
      id: row.id,
      seq: row.seq,
      action,
      resource: row.resource,
      resourceId: row.resource_id,
      metadata: row.metadata,
      requestId: row.request_id,
      outcome: row.outcome,
      at: row.at.toISOString(),
      personHash: row.person_hash,
    };
    const hash = createHash('sha256')
      .update(`${prev}\n${canonicalize(facts)}`)
      .digest('hex');
    await sql('update audit_entry set action = $3, prev_hash = $4, hash = $5 where workspace_id = $1 and seq = $2', [
      row.seq,
      action,
      prev,
      hash,
    ]);
    prev = hash;
  }
}

test.each<[string, number, () => Promise<unknown>]>([
  ['taken out', 4, () => sql('delete from audit_entry where workspace_id = $1 and seq = 3')],
  ['taken out of the beginning', 1, () => sql('delete from audit_entry where workspace_id = $1 and seq <= 2')],
  ['cut off at the end', 5, () => sql('delete from audit_entry where workspace_id = $1 and seq >= 5')],
  ['all taken out', 1, () => sql('delete from audit_entry where workspace_id = $1')],
  [
    'all taken out with their seals',
    1,
    async () => {
      await sql('delete from audit_entry where workspace_id = $1');
      await sql('delete from audit_seal where workspace_id = $1');
    },
  ],
  [
    'exchanged',
    3,
    () =>
      sql(`update audit_entry set seq = case seq when 3 then 400 else seq end where workspace_id = $1`).then(() =>
        sql(
          `update audit_entry set seq = case seq when 4 then 3 else 4 end where workspace_id = $1 and seq in (4, 400)`,
        ),
      ),
  ],
  ['written anew from the first to the last', 5, rewritten],
  [
    'written anew, with a seal by another key',
    5,
    async () => {
      await rewritten();
      const { rows } = await sql('select seq, hash from audit_entry where workspace_id = $1 and seq = 5');
      const at = new Date();
      const mac = sealMac(createMasterKey(Buffer.alloc(32, 7)), actor.workspaceId, { ...rows[0], at });
      await sql('update audit_seal set hash = $2, mac = $3, at = $4 where workspace_id = $1', [rows[0].hash, mac, at]);
    },
  ],
  [
    'relieved of a person although nobody was erased',
    3,
    () =>
      sql(
        `update audit_entry set actor_id = null, actor_name = null, ip = null, user_agent = null, about = null,
           person_salt = null where workspace_id = $1 and seq = 3`,
      ),
  ],
])('entries that were %s are found', async (_how, at, what) => {
  await fill(4);
  await seal();
  await fill(1);
  expect(await verify()).toEqual({ entries: 6, sealedTo: 5 });
  const found = await tampered(what);
  expect(found).toBeGreaterThan(0);
  expect(found).toBeLessThanOrEqual(at);
  expect(await verify()).toEqual({ entries: 6, sealedTo: 5 });
});

test('an entry of before persons stood apart still verifies, and a change of it is found', async () => {
  await fill(1);
  await thief.query('alter table audit_entry disable trigger append_only');
  const { rows } = await sql('select * from audit_entry where workspace_id = $1 and seq = 2');
  const row = rows[0];
  const { id, seq, action, resource, metadata, outcome, at } = row;
  const facts = {
    ...{ workspaceId: row.workspace_id, id, seq, action, resource, metadata, outcome, at: at.toISOString() },
    ...{ actorId: row.actor_id, actorName: row.actor_name, ip: row.ip, userAgent: row.user_agent },
    ...{ resourceId: row.resource_id, requestId: row.request_id },
  };
  const hash = createHash('sha256')
    .update(`${row.prev_hash}\n${canonicalize(facts)}`)
    .digest('hex');
  await sql(
    'update audit_entry set hash = $2, about = null, person_salt = null, person_hash = null where workspace_id = $1 and seq = 2',
    [hash],
  );
  await thief.query('alter table audit_entry enable trigger append_only');
  await fill(1);
  expect(await verify()).toEqual({ entries: 3 });
  expect(await tampered(() => sql("update audit_entry set actor_name = 'x' where workspace_id = $1 and seq = 2"))).toBe(
    2,
  );
});

test('what is older than the plan keeps goes up to a seal, and what stays is still whole', async () => {
  await fill(3);
  await seal();
  await fill(2);
  const old = new Date(Date.now() - 8 * 86_400_000);
  // As if the seal had been made eight days ago.
  const { rows } = await sql('select seq, hash from audit_seal where workspace_id = $1');
  const mac = sealMac(database.master, actor.workspaceId, { ...rows[0], at: old });
  await sql('update audit_seal set at = $2, mac = $3 where workspace_id = $1', [old, mac]);
  await seal();
  expect((await sql('select min(seq) as first from audit_entry where workspace_id = $1')).rows).toEqual([{ first: 5 }]);
  expect(await verify()).toEqual({ entries: 2, sealedTo: 6 });
  // A young seal with nothing before it is no trimming.
  const cut = () => sql('delete from audit_entry where workspace_id = $1 and seq <= 5');
  expect(await tampered(cut)).toBe(1);
});
