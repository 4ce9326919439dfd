import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { NoticePreferences, Notification } from '#shared/contract/cloud/notifications.ts';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { controlWithoutContainers } from '../../tests/fixtures/noContainers.ts';
import { createPeople } from '../../tests/fixtures/people.ts';
import { identityCapabilities } from '../server/capabilities.ts';

let cloud: TestCloud;
let people: ReturnType<typeof createPeople>;
beforeAll(async () => {
  cloud = await startTestCloud({}, async (platform) => [
    ...(await identityCapabilities(platform)),
    await controlWithoutContainers(platform),
  ]);
  people = createPeople(cloud);
});
afterAll(() => cloud.stop());

const soon = { timeout: 60_000, interval: 100 };

test('who manages members hears on the feed that somebody joined, reads it and is done with it', async () => {
  const [robin, kim, guest] = [
    await people.newPerson('Robin', { plan: 'pro' }),
    await people.newPerson('Kim'),
    await people.newPerson('Guest'),
  ];
  await people.join(robin.workspaceId, kim, 'editor');
  const told: Record<string, string[]> = {};
  const sockets = [robin, kim].map((person) => {
    const socket = new WebSocket(`${cloud.url.replace('http', 'ws')}/v1/feed`);
    const heard: string[] = [];
    told[person.name] = heard;
    socket.on('message', (data) => heard.push((JSON.parse(String(data)) as { type: string }).type));
    const { accessToken } = person;
    socket.on('open', () =>
      socket.send(JSON.stringify({ type: 'hello', accessToken, workspaceId: robin.workspaceId })),
    );
    return socket;
  });
  await expect.poll(() => Object.values(told), soon).toEqual([['ready'], ['ready']]);
  const invited = await robin.call<{ id: string }>('POST', '/v1/invitations', { email: guest.email, role: 'viewer' });
  await guest.call('POST', `/v1/own-invitations/${invited.body.id}/accept`);
  await expect.poll(() => told.Robin, soon).toContain('notifications.changed');
  expect(told.Kim).toEqual(['ready']);
  for (const socket of sockets) socket.close();

  const list = (query = '') => robin.call<{ data: Notification[] }>('GET', `/v1/notifications${query}`);
  const unread = async () => (await robin.call<{ unread: number }>('GET', '/v1/notifications/unread')).body.unread;
  const [one] = (await list()).body.data;
  expect(one).toMatchObject({ kind: 'member_joined', title: 'Guest joined the workspace', message: 'As a viewer.' });
  expect(await unread()).toBe(1);
  expect((await kim.call('POST', `/v1/notifications/${one?.id}/read`)).status).toBe(404);
  expect((await robin.call('POST', `/v1/notifications/${one?.id}/read`)).status).toBe(200);
  expect(await unread()).toBe(0);
  expect((await list('?unread=true')).body.data).toEqual([]);

  // What somebody was told about a workspace goes when they leave it.
  await cloud.database.ownerSql(
    `insert into notification (id, user_id, about_workspace_id, kind, title, message)
     values (gen_random_uuid(), $1, $2, 'run_failed', 'x', 'x')`,
    [kim.userId, robin.workspaceId],
  );
  const ofKim = () => kim.call<{ data: Notification[] }>('GET', '/v1/notifications');
  expect((await ofKim()).body.data).toHaveLength(1);
  expect((await kim.call('POST', `/v1/workspaces/${robin.workspaceId}/leave`)).status).toBe(200);
  expect((await ofKim()).body.data).toEqual([]);
});

test('preferences are listed whole and set one by one; what is not there is refused', async () => {
  const robin = await people.newPerson();
  const all = async () => (await robin.call<NoticePreferences>('GET', '/v1/notification-preferences')).body.preferences;
  const before = await all();
  expect(before).toContainEqual(
    expect.objectContaining({ kind: 'member_joined', channel: 'email', enabled: false, changeable: true }),
  );
  expect(before.filter(({ changeable }) => !changeable)).toMatchObject([{ kind: 'new_sign_in', channel: 'email' }]);
  const set = (kind: string, body: object) => robin.call('PUT', `/v1/notification-preferences/${kind}`, body);
  expect((await set('member_joined', { channel: 'email', enabled: true })).status).toBe(200);
  expect(await all()).toContainEqual(
    expect.objectContaining({ kind: 'member_joined', channel: 'email', enabled: true }),
  );
  expect((await set('nothing', { channel: 'email', enabled: true })).status).toBe(422);
  expect((await set('member_joined', { channel: 'pigeon', enabled: true })).status).toBe(422);
  expect((await set('new_sign_in', { channel: 'email', enabled: false })).status).toBe(422);
});

test('what was chosen elsewhere meanwhile is not overwritten by who says what they saw', async () => {
  const robin = await people.newPerson();
  const path = '/v1/notification-preferences';
  const set = (enabled: boolean, ifMatch?: string) =>
    robin.call<NoticePreferences & { code?: string; details?: object }>(
      'PUT',
      `${path}/member_joined`,
      { channel: 'email', enabled },
      ifMatch === undefined ? {} : { headers: { 'if-match': ifMatch } },
    );
  expect((await robin.call(`GET`, path)).headers.get('etag')).toBe('"0"');
  const first = await set(true, '"0"');
  expect([first.status, first.headers.get('etag'), first.body.revision]).toEqual([200, '"1"', 1]);
  const late = await set(false, '"0"');
  expect(late).toMatchObject({ status: 412, body: { code: 'request.changed', details: { revision: 1 } } });
  // Of several at once that saw the same, one is kept; who says nothing is.
  const both = await Promise.all([set(false, '"1"'), set(false, '"1"')]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
  expect((await set(true)).headers.get('etag')).toBe('"3"');
});
