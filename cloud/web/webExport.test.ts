import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { allButContainers } from '../../tests/fixtures/noContainers.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';

let cloud: TestCloud;
let people: ReturnType<typeof createPeople>;
beforeAll(async () => {
  cloud = await startTestCloud({}, allButContainers());
  people = createPeople(cloud);
});
afterAll(() => cloud.stop());

async function ask(headers: Record<string, string>) {
  const answer = await fetch(`${cloud.url}/app/export`, { method: 'POST', headers });
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
}
const from = ({ cookie }: QuickPerson, workspaceId: string) => ({
  cookie,
  origin: cloud.url,
  'sluice-workspace': workspaceId,
});

test('a page gets the export of a workspace by its cookie, for whoever may have it', async () => {
  const robin = await people.newPerson('Robin', { plan: 'pro' });
  const kim = await people.newPerson('Kim');
  await people.join(robin.workspaceId, kim, 'editor');
  const file = await ask(from(robin, robin.workspaceId));
  expect([file.status, file.type]).toEqual([200, 'application/x-ndjson']);
  const lines = file.text.trim().split('\n');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ kind: 'workspace', id: robin.workspaceId });
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ end: true, rows: lines.length - 2 });
  const audited = await robin.call<{ data: unknown[] }>('GET', '/v1/audit?action=data.export');
  expect(audited.body.data).toHaveLength(1);

  // An editor may not, and a workspace of others is not there.
  const denied = await ask(from(kim, robin.workspaceId));
  expect([denied.status, JSON.parse(denied.text).code]).toEqual([403, 'access.denied']);
  const foreign = await ask(from(robin, kim.workspaceId));
  expect([foreign.status, JSON.parse(foreign.text).code]).toEqual([404, 'workspace.not_found']);
  const garbled = await ask(from(robin, 'mill'));
  expect([garbled.status, JSON.parse(garbled.text).code]).toEqual([422, 'request.invalid']);
});

test('no page of others, and nobody who is not signed in, sets one off', async () => {
  const robin = await people.newPerson('Robin');
  const good = from(robin, robin.workspaceId);
  const { origin: _origin, ...without } = good;
  for (const headers of [{ ...good, origin: 'https://example.com' }, { ...good, origin: 'null' }, without]) {
    const { status, text } = await ask(headers);
    expect([status, text.includes(robin.email)]).toEqual([403, false]);
  }
  const { cookie: _cookie, ...nobody } = good;
  expect((await ask(nobody)).status).toBe(401);
  expect((await ask({ ...nobody, authorization: `Bearer ${robin.accessToken}` })).status).toBe(401);
  expect((await ask(good)).status).toBe(200);
});
