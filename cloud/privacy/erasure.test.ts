import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';
import { verifyAudit } from '../audit/verifyAudit.ts';
import { createBlobs } from '../platform/blobs.ts';
import { createLogger } from '../platform/logger.ts';
import type { Letter, Mail } from '../platform/mail.ts';
import { identityCapabilities } from '../server/capabilities.ts';
import type { Platform } from '../server/platform.ts';
import { erasureTick } from './erasePerson.ts';

let cloud: TestCloud;
let platform: Platform;
let people: ReturnType<typeof createPeople>;
beforeAll(async () => {
  cloud = await startTestCloud({ RESETS_PER_HOUR: '1000' }, async (made) => {
    platform = made;
    return identityCapabilities(made);
  });
  people = createPeople(cloud);
});
afterAll(() => cloud.stop());

const soon = { timeout: 60_000, interval: 200 };
const letters: Letter[] = [];
const mail: Mail = {
  post: async (_tx, letter) => void letters.push(letter),
  send: async (letter) => void letters.push(letter),
  tick: async () => 0,
  close: () => undefined,
};
const log: string[] = [];
const purged: string[] = [];
const erase = () =>
  erasureTick({
    db: cloud.database.db,
    mail,
    blobs: createBlobs(`${cloud.dataDir}/blobs`),
    onPurged: async (workspaceId) => void purged.push(workspaceId),
    logger: createLogger('debug', { write: (line: string) => void log.push(line) }),
  });

/** Where a text stands anywhere in the database, as it is or in an encoding that a column may have. */
async function hits(texts: string[]): Promise<string[]> {
  const tables = await cloud.database.ownerSql<{ table: string }>(
    `select c.relname as table from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace`,
  );
  const forms = texts.flatMap((text) => {
    const bytes = Buffer.from(text);
    return [
      text,
      JSON.stringify(text).slice(1, -1),
      bytes.toString('hex'),
      bytes.toString('base64').replace(/=+$/, ''),
    ];
  });
  const found = await cloud.database.ownerSql<{ table: string; form: string }>(
    tables
      .map(
        ({ table }) => `select '${table}' as table, f.form from "${table}" t, unnest($1::text[]) f (form)
         where position(lower(f.form) in lower(row_to_json(t)::text)) > 0`,
      )
      .join(' union all '),
    [forms],
  );
  return [...new Set(found.map(({ table }) => table))].sort();
}

const leave = (person: QuickPerson, confirm = person.email) =>
  person.call<{ eraseAfter: string; code?: string }>('POST', '/v1/account/delete', { confirm });
const passwordless = (person: QuickPerson) =>
  cloud.database.ownerSql('update user_account set password_hash = null where id = $1', [person.userId]);
const restoreLink = async (person: QuickPerson) => {
  const link = () => /\/account\/restore\?token=(\S+)/.exec(cloud.letters(person.email).at(-1)?.text ?? '')?.[1];
  await expect.poll(link, soon).toBeDefined();
  return link() ?? '';
};

/** Somebody who left traces in a workspace of their own and in one of others. */
let guests = 0;
async function traced() {
  guests++;
  const name = `Quirina the ${guests}th Zwölfender`;
  const [browser, laptop, account] = [
    `Quirinas-Browser/${guests}`,
    `Quirinas Laptop ${guests}`,
    `quirina-77-${guests}`,
  ];
  const [robin, guest] = [await people.newPerson('Robin', { plan: 'pro' }), await people.newPerson(name)];
  await passwordless(guest);
  const { ownerSql } = cloud.database;
  const invited = await robin.call<{ id: string }>('POST', '/v1/invitations', { email: guest.email, role: 'admin' });
  await guest.call('POST', `/v1/own-invitations/${invited.body.id}/accept`, undefined, {
    headers: { 'user-agent': browser },
  });
  const at = { workspaceId: robin.workspaceId, headers: { 'user-agent': browser } };
  await guest.call('PATCH', '/v1/workspaces/current', { timezone: 'Europe/Zurich' }, at);
  await guest.call('POST', '/v1/invitations', { email: 'next@example.com' }, at);
  await ownerSql(`insert into device (id, user_id, name, last_seen_at) values (gen_random_uuid(), $1, $2, now())`, [
    guest.userId,
    laptop,
  ]);
  await ownerSql(
    `insert into linked_account (id, user_id, provider, provider_account_id, email)
     values (gen_random_uuid(), $1, 'github', $3, $2)`,
    [guest.userId, guest.email, account],
  );
  await ownerSql(
    `insert into provider_sign_in (id, cookie_hash, provider, next, identity, expires_at)
     values (gen_random_uuid(), $1, 'google', '/', $2, now() + interval '1 hour')`,
    [account, JSON.stringify({ accountId: '1', name, emails: [guest.email] })],
  );
  const traces = [guest.email, name, browser, laptop, account];
  return { robin, guest, traces };
}

test('the export of a person has everything about them, from their account and from each workspace, and nobody else', async () => {
  const { robin, guest, traces } = await traced();
  const other = await people.newPerson('Somebody Else');
  const { status, headers, text } = await fetch(`${cloud.url}/v1/account/export`, {
    headers: { authorization: `Bearer ${guest.accessToken}` },
  }).then(async (answer) => ({ status: answer.status, headers: answer.headers, text: await answer.text() }));
  expect(status).toBe(200);
  expect(headers.get('content-disposition')).toBe('attachment; filename="account.ndjson"');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { table?: string; row?: object; end?: boolean; rows?: number });
  expect(lines[0]).toMatchObject({ format: 1, kind: 'person', id: guest.userId });
  expect(lines.at(-1)).toEqual({ end: true, rows: lines.length - 2 });
  const tables = new Set(lines.map(({ table }) => table));
  for (const table of [
    'user_account',
    'session',
    'device',
    'linked_account',
    'account_event',
    'membership',
    'invitation',
    'audit_entry',
    'workspace',
  ]) {
    expect(tables, table).toContain(table);
  }
  for (const trace of traces) expect(text).toContain(trace);
  expect(text).toContain(robin.workspaceId);
  expect(text).not.toContain(other.email);
  expect(text).not.toContain(robin.email);
  expect(text).not.toMatch(/password_hash|access_hash|token_hash/);
  expect((await guest.call('GET', '/v1/account/export?userId=x')).status).toBe(422);
});

test('a workspace’s export is for who may, and is sent as lines with files between them', async () => {
  const robin = await people.newPerson('Robin', { plan: 'pro' });
  const kim = await people.newPerson('Kim');
  await people.join(robin.workspaceId, kim, 'editor');
  const sha256 = await platform.blobs.put(robin.workspaceId, Buffer.from('large data'));
  await cloud.database.ownerSql('insert into blob (workspace_id, sha256, bytes) values ($1, $2, 10)', [
    robin.workspaceId,
    sha256,
  ]);
  const get = (person: QuickPerson) =>
    fetch(`${cloud.url}/v1/workspaces/current/export`, {
      headers: { authorization: `Bearer ${person.accessToken}`, 'sluice-workspace': robin.workspaceId },
    });
  expect((await get(kim)).status).toBe(403);
  const lines = (await (await get(robin)).text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.at(-1)).toMatchObject({ end: true });
  expect(lines).toContainEqual({ file: sha256, base64: Buffer.from('large data').toString('base64') });
  expect(lines.filter(({ table }) => table === 'membership')).toHaveLength(2);
});

test('who leaves is signed out, and by the letter’s link everything is as before', async () => {
  const [robin, kim] = [await people.newPerson(), await people.newPerson('Kim')];
  await passwordless(robin);
  await people.join(kim.workspaceId, robin, 'editor');
  // Deleted before, and not to come back with the account.
  const made = await robin.call<{ id: string; slug: string }>('POST', '/v1/workspaces', { name: 'Old' });
  const old = { workspaceId: made.body.id };
  await robin.call('DELETE', `/v1/workspaces/current?confirm=${made.body.slug}`, undefined, old);
  expect((await leave(robin, 'somebody@example.com')).status).toBe(422);
  const { status, body } = await leave(robin);
  expect(status).toBe(200);
  expect((Date.parse(body.eraseAfter) - Date.now()) / 86_400_000).toBeGreaterThan(29.9);
  await expect.poll(async () => (await robin.call('GET', '/v1/workspaces')).status, soon).toBe(401);
  const deleted = () =>
    cloud.database.ownerSql<{ gone: boolean }>(
      'select deleted_at is not null as gone from workspace where id = any($1) order by id = $2',
      [[robin.workspaceId, kim.workspaceId], kim.workspaceId],
    );
  expect(await deleted()).toEqual([{ gone: true }, { gone: false }]);
  const token = await restoreLink(robin);
  const keep = (value: string) =>
    fetch(`${cloud.url}/account/restore`, {
      method: 'POST',
      headers: { origin: cloud.url },
      body: new URLSearchParams({ token: value }),
    });
  expect((await fetch(`${cloud.url}/account/restore?token=${token}`)).status).toBe(200);
  expect((await keep(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`)).status).toBe(401);
  expect(await (await keep(token)).text()).toContain('Your account stays');
  expect((await keep(token)).status).toBe(401);
  expect(await deleted()).toEqual([{ gone: false }, { gone: false }]);
  const still = await cloud.database.ownerSql('select 1 from workspace where id = $1 and deleted_at is not null', [
    old.workspaceId,
  ]);
  expect(still).toHaveLength(1);
});

test('an account with a password asks for it, and the last owner of what others use stays until that is settled', async () => {
  const person = await cloud.newPerson('Withpassword');
  const ask = (password?: string) =>
    person.call<{ code: string }>('POST', '/v1/account/delete', {
      confirm: person.email,
      ...(password ? { password } : {}),
    });
  expect((await ask()).body.code).toBe('access.denied');
  expect((await ask('another one entirely')).body.code).toBe('access.denied');
  const kim = await people.newPerson('Kim');
  const kimId = await people.join(person.workspaceId, kim, 'editor');
  expect((await ask(person.password)).body.code).toBe('member.last_owner');
  expect((await person.call('DELETE', `/v1/members/${kimId}`)).status).toBe(200);
  expect((await ask(person.password)).status).toBe(200);
});

test('after thirty days nothing anywhere names the person, what others have stays, and the logs are still whole', async () => {
  const { robin, guest, traces } = await traced();
  const before = await hits(traces);
  // So the search can find: in tables of the account, of workspaces, and what others were told.
  expect(before).toEqual(
    expect.arrayContaining([
      'audit_entry',
      'device',
      'invitation',
      'linked_account',
      'notification',
      'provider_sign_in',
      'user_account',
      'workspace',
    ]),
  );
  await leave(guest);
  await restoreLink(guest);
  expect(await erase()).toBe(0);
  const { ownerSql } = cloud.database;
  // Not without having been asked, and not before the time.
  await expect(
    cloud.database.db.withWorkspaceSql(robin, (sql) =>
      sql.query('select clear_audit_person($1, $2)', [robin.userId, robin.email]),
    ),
  ).rejects.toMatchObject({ code: '23001' });
  // Right before, because the server looks for who is due, too.
  await ownerSql('update account_erasure set erase_after = now() where user_id = $1', [guest.userId]);
  expect(await erase()).toBe(1);
  expect(log.join('')).toContain('A person was erased');
  expect(await hits(traces)).toEqual([]);
  expect(purged).toEqual([guest.workspaceId]);
  console.log(`erase: ${traces.length} traces in ${before.length} tables before, 0 hits after`);
  expect(await ownerSql('select 1 from workspace where id = $1', [guest.workspaceId])).toEqual([]);
  expect((await robin.call('GET', '/v1/workspaces/current')).body).toMatchObject({ members: 1 });
  const check = await verifyAudit(cloud.database.db, robin, { master: cloud.database.master, now: new Date() });
  expect(check.tampered).toBeUndefined();
  const actions = await ownerSql<{ action: string; actor_id: string | null }>(
    `select action, actor_id from audit_entry where workspace_id = $1 and action in ('member.join', 'data.purge')
     order by seq`,
    [robin.workspaceId],
  );
  expect(actions).toEqual([
    { action: 'member.join', actor_id: null },
    { action: 'data.purge', actor_id: null },
  ]);
  expect(letters.at(-1)).toMatchObject({ to: guest.email, subject: 'Your Sluice account is gone' });
  // The address may begin anew, and a second round finds nothing to do.
  expect(await erase()).toBe(0);
  const again = await people.newPerson('Somebody', { email: guest.email });
  expect(again.userId).not.toBe(guest.userId);
});

test('a workspace that a crash left to nobody goes with the account; one that others use stays', async () => {
  const [robin, kim] = [await people.newPerson(), await people.newPerson('Kim')];
  const shared = await people.newPerson('Shared');
  await people.join(shared.workspaceId, robin, 'owner');
  // As far as it came: the account is on its way out, and nothing else is.
  const { ownerSql } = cloud.database;
  await ownerSql("update user_account set deleted_at = now() - interval '31 days' where id = $1", [robin.userId]);
  await ownerSql(
    "insert into account_erasure (user_id, restore_hash, requested_at, erase_after) values ($1, 'none', now(), now())",
    [robin.userId],
  );
  // The server looks for who is due, too, and may be quicker.
  await erase();
  const left = async (ids: string[]) => (await ownerSql('select id from workspace where id = any($1)', [ids])).length;
  await expect.poll(() => left([robin.workspaceId]), soon).toBe(0);
  expect(await left([kim.workspaceId, shared.workspaceId])).toBe(2);
});
