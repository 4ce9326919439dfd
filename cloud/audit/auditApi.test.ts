import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditEntry } from '#shared/contract/cloud/audit.ts';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';
import { recordAudit } from './recordAudit.ts';

let cloud: TestCloud;
let people: ReturnType<typeof createPeople>;
let robin: QuickPerson;
let kim: QuickPerson;
const WHEN = Date.now();

beforeAll(async () => {
  cloud = await startTestCloud();
  people = createPeople(cloud);
  [robin, kim] = [await people.newPerson('Robin', { plan: 'pro' }), await people.newPerson('Kim')];
  await cloud.database.db.withWorkspace(robin, async (tx) => {
    for (let n = 0; n < 30; n++) {
      const who = n % 3 === 0 ? kim : robin;
      const actor = { workspaceId: robin.workspaceId, userId: who.userId, name: who.name, ip: '192.0.2.1' };
      await recordAudit(tx, actor, {
        action: n % 2 ? 'member.role' : 'connection.create',
        resource: n % 2 ? 'member' : 'connection',
        resourceId: `r${n}`,
        outcome: n === 7 ? 'denied' : 'ok',
        metadata: { n, formula: '=1+1' },
        about: { email: `=cmd${n}@example.com` },
      });
    }
  });
});
afterAll(() => cloud.stop());

type Page = { data: AuditEntry[]; nextCursor?: string; code?: string };
const list = (query: string, person = robin) => person.call<Page>('GET', `/v1/audit?limit=100${query}`);
const numbers = async (query: string) => (await list(query)).body.data.map(({ metadata }) => metadata.n);
const file = async (query: string, person = robin) => {
  const answer = await fetch(`${cloud.url}/v1/audit/export${query}`, {
    headers: { authorization: `Bearer ${person.accessToken}`, 'sluice-workspace': person.workspaceId },
  });
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', text: await answer.text() };
};

test('the log is filtered by who, what, thing, outcome and time, and all that is said has to fit', async () => {
  const odd = Array.from({ length: 15 }, (_, n) => 29 - 2 * n);
  expect(await numbers('&action=member.role')).toEqual(odd);
  expect(await numbers('&action=member.')).toEqual(odd);
  expect(await numbers('&action=member')).toEqual([]);
  expect(await numbers(`&actorId=${kim.userId}`)).toEqual([27, 24, 21, 18, 15, 12, 9, 6, 3, 0]);
  expect(await numbers(`&actorId=${kim.userId}&action=member.`)).toEqual([27, 21, 15, 9, 3]);
  expect(await numbers('&resource=connection&resourceId=r4')).toEqual([4]);
  expect(await numbers('&outcome=denied')).toEqual([7]);
  expect(await numbers(`&since=${new Date(WHEN + 3_600_000).toISOString()}`)).toEqual([]);
  expect(await numbers(`&until=${new Date(WHEN - 3_600_000).toISOString()}`)).toEqual([]);
  expect((await list('&actorId=somebody')).status).toBe(422);
  expect((await list('&colour=red')).status).toBe(422);
});

test('pages follow each other without a gap, whatever is filtered', async () => {
  const seen: unknown[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const path: string = `/v1/audit?limit=4&action=member.${cursor && `&cursor=${cursor}`}`;
    const { body } = await robin.call<Page>('GET', path);
    seen.push(...body.data.map(({ metadata }) => metadata.n));
    cursor = body.nextCursor;
  }
  expect(seen).toEqual(Array.from({ length: 15 }, (_, n) => 29 - 2 * n));
});

test('the export has the same entries as lines or as a table, in which nothing is a formula', async () => {
  const lines = await file('?action=member.&format=ndjson');
  expect(lines.type).toContain('ndjson');
  const entries = lines.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEntry);
  expect(entries).toEqual((await list('&action=member.')).body.data);
  const table = await file('?action=member.&format=csv');
  expect(table.type).toContain('text/csv');
  const rows = table.text.trim().split('\n');
  expect(rows).toHaveLength(16);
  expect(rows[0]).toMatch(/^id,seq,action,resource,/);
  expect(table.text).not.toMatch(/(^|,)"?[=+@-]/m);
  // That something was taken out is itself written down.
  const [last] = (await list('&action=data.export')).body.data;
  expect(last).toMatchObject({ resource: 'audit', metadata: { format: 'csv' }, actorName: 'Robin' });
  expect((await file('?format=xml')).status).toBe(422);
});

test('who may not read the log gets nothing of it, and nobody reads another workspace’s', async () => {
  const editor = await people.newPerson('Editor');
  await people.join(robin.workspaceId, editor, 'editor');
  const at = { workspaceId: robin.workspaceId };
  for (const path of ['/v1/audit', '/v1/audit/verify', '/v1/audit/export']) {
    expect((await editor.call('GET', path, undefined, at)).status, path).toBe(403);
    expect((await kim.call('GET', path, undefined, at)).status, path).toBe(404);
  }
  expect((await kim.call<Page>('GET', '/v1/audit')).body.data.map(({ action }) => action)).toEqual([
    'workspace.create',
  ]);
});

test('the plan says how many days are shown, whatever is asked for', async () => {
  const eve = await people.newPerson('Eve', { plan: 'business' });
  const { ownerSql } = cloud.database;
  const client = await cloud.database.ownerClient();
  await client.query('alter table audit_entry disable trigger append_only');
  await client.query(`update audit_entry set at = now() - interval '20 days' where workspace_id = $1`, [
    eve.workspaceId,
  ]);
  await client.query('alter table audit_entry enable trigger append_only');
  await client.end();
  const ancient = '&since=2020-01-01T00:00:00Z';
  const shown = async () => (await list(ancient, eve)).body.data.length;
  expect(await shown()).toBe(1);
  await ownerSql(`update workspace set plan = 'starter' where id = $1`, [eve.workspaceId]);
  expect(await shown()).toBe(0);
  const text = (await file('?since=2020-01-01T00:00:00Z', eve)).text;
  expect(text).toContain('data.export');
  expect(text).not.toContain('workspace.create');
});

test('the log is sealed soon after an entry, and says of itself that it is whole', async () => {
  const verify = () => robin.call<{ intact: boolean; sealedTo?: number; entries: number }>('GET', '/v1/audit/verify');
  await cloud.database.ownerSql(`update upkeep_claim set due_at = now() where workspace_id = $1`, [robin.workspaceId]);
  await expect.poll(async () => (await verify()).body.sealedTo, { timeout: 60_000, interval: 300 }).toBeGreaterThan(30);
  const { body } = await verify();
  expect(body).toMatchObject({ intact: true });
  expect(body.entries).toBeGreaterThan(30);
  // The line comes after what was sealed is there for everybody.
  await expect.poll(() => cloud.log.join('')).toMatch(/"audit seal"|audit seal/);
});
