import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Invitation, OwnInvitation } from '#shared/contract/cloud/invitations.ts';
import type { Member } from '#shared/contract/cloud/members.ts';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';

let cloud: TestCloud;
let people: ReturnType<typeof createPeople>;
beforeAll(async () => {
  cloud = await startTestCloud();
  people = createPeople(cloud);
});
afterAll(() => cloud.stop());

/** What a process remembers of a membership is at most two seconds old. */
const soon = { timeout: 60_000, interval: 200 };
const NOWHERE = '0199f2c0-0000-7000-8000-000000000009';

type Problem = { code: string; title: string; details?: Record<string, number>; requestId: string };
const page = <T>(person: QuickPerson, path: string, workspaceId?: string) =>
  person.call<{ data: T[]; nextCursor?: string }>('GET', path, undefined, { workspaceId });
const invite = (person: QuickPerson, email: string, role = 'editor', workspaceId?: string) =>
  person.call<Invitation & Problem>('POST', '/v1/invitations', { email, role }, { workspaceId });
/** The link of the newest letter to an address. */
async function linkTo(email: string, count = 1): Promise<string> {
  const links = () =>
    cloud.letters(email).flatMap(({ text }) => /https?:\/\/\S+\/invitation\?token=\S+/.exec(text)?.[0] ?? []);
  await expect.poll(() => links().length, soon).toBeGreaterThanOrEqual(count);
  return links().at(-1) ?? '';
}
const open = (url: string, person?: QuickPerson, decision?: string) =>
  fetch(decision ? `${cloud.url}/invitation` : url, {
    method: decision ? 'POST' : 'GET',
    redirect: 'manual',
    headers: { ...(person ? { cookie: person.cookie } : {}), ...(decision ? { origin: cloud.url } : {}) },
    ...(decision
      ? { body: new URLSearchParams({ token: new URL(url).searchParams.get('token') ?? '', decision }) }
      : {}),
  });

test('members are listed page by page, and each is shown with the role and what was changed of it', async () => {
  const robin = await people.newPerson('Robin', { plan: 'business' });
  for (let n = 0; n < 5; n++) {
    await people.join(robin.workspaceId, await people.newPerson('Kim'), 'viewer', { add: ['run:cancel'] });
  }
  const first = (await page<Member>(robin, '/v1/members?limit=4')).body;
  const second = (await page<Member>(robin, `/v1/members?limit=4&cursor=${first.nextCursor}`)).body;
  expect([first.data.length, second.data.length, second.nextCursor]).toEqual([4, 2, undefined]);
  const all = [...first.data, ...second.data];
  expect(new Set(all.map(({ id }) => id)).size).toBe(6);
  expect(all.filter(({ you }) => you)).toMatchObject([{ userId: robin.userId, role: 'owner', email: robin.email }]);
  expect(all[1]?.permissions).toEqual({ add: ['run:cancel'], remove: [] });
});

test('an admin manages members, but neither changes nor removes an owner, nor makes one', async () => {
  const robin = await people.newPerson('Robin', { plan: 'business' });
  const [ann, kim] = [await people.newPerson('Ann'), await people.newPerson('Kim')];
  const at = { workspaceId: robin.workspaceId };
  await people.join(robin.workspaceId, ann, 'admin');
  const kimId = await people.join(robin.workspaceId, kim, 'viewer');
  const { data } = (await page<Member>(robin, '/v1/members')).body;
  const owner = data.find(({ role }) => role === 'owner')?.id;
  const change = (id: string | undefined, body: object, by = ann) =>
    by.call<Member & Problem>('PATCH', `/v1/members/${id}`, body, at);
  const remove = (id: string | undefined, by = ann) => by.call<Problem>('DELETE', `/v1/members/${id}`, undefined, at);

  expect((await change(owner, { role: 'viewer' })).body).toMatchObject({
    code: 'access.denied',
    title: /Only an owner/,
  });
  expect((await remove(owner)).status).toBe(403);
  expect((await change(kimId, { role: 'owner' })).status).toBe(403);
  expect((await change(kimId, { role: 'editor' })).body).toMatchObject({ role: 'editor', userId: kim.userId });
  expect((await change(kimId, { role: 'owner' }, robin)).body).toMatchObject({ role: 'owner' });
  expect((await change(kimId, { role: 'viewer' })).status).toBe(403);
  expect((await change(kimId, { role: 'viewer' }, robin)).status).toBe(200);
  expect((await remove(kimId)).status).toBe(200);
  expect((await remove(kimId)).body.code).toBe('member.not_found');
  await expect
    .poll(async () => (await kim.call('GET', '/v1/workspaces/current', undefined, at)).status, soon)
    .toBe(404);
  await expect.poll(() => cloud.letters(kim.email).at(-1)?.subject ?? '', soon).toContain('no longer a member');
});

test('what another has changed of a member meanwhile is not overwritten by who says what they saw', async () => {
  const robin = await people.newPerson('Robin', { plan: 'business' });
  const kim = await people.newPerson('Kim');
  const id = await people.join(robin.workspaceId, kim, 'viewer');
  const change = (body: object, ifMatch?: string) =>
    robin.call<Member & Problem & { details?: object }>(
      'PATCH',
      `/v1/members/${id}`,
      body,
      ifMatch === undefined ? {} : { headers: { 'if-match': ifMatch } },
    );
  const { data } = (await page<Member>(robin, '/v1/members')).body;
  const seen = data.find((one) => one.id === id)?.revision;
  expect(seen).toBe(1);
  const first = await change({ role: 'editor' }, `"${seen}"`);
  expect([first.status, first.headers.get('etag'), first.body.revision]).toEqual([200, '"2"', 2]);
  const late = await change({ permissions: { add: ['run:debug'], remove: [] } }, `"${seen}"`);
  expect(late).toMatchObject({ status: 412, body: { code: 'request.changed', details: { revision: 2 } } });
  const both = await Promise.all([change({ role: 'viewer' }, '"2"'), change({ role: 'admin' }, '"2"')]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
  // Who says nothing changes whatever stands there.
  expect((await change({ role: 'editor' })).headers.get('etag')).toBe('"4"');
});

test('single permissions are given and taken below admin, never above what the one who gives has', async () => {
  const robin = await people.newPerson('Robin', { plan: 'business' });
  const [ann, eve, kim] = [await people.newPerson('Ann'), await people.newPerson('Eve'), await people.newPerson('Kim')];
  const at = { workspaceId: robin.workspaceId };
  const annId = await people.join(robin.workspaceId, ann, 'admin');
  const eveId = await people.join(robin.workspaceId, eve, 'editor', { add: ['member:write'] });
  const kimId = await people.join(robin.workspaceId, kim, 'viewer');
  const give = (id: string, permissions: object, by: QuickPerson) =>
    by.call<Member & Problem>('PATCH', `/v1/members/${id}`, { permissions }, at);

  const given = await give(kimId, { add: ['run:cancel'], remove: ['usage:read'] }, ann);
  expect(given.body.permissions).toEqual({ add: ['run:cancel'], remove: ['usage:read'] });
  expect((await give(kimId, { add: ['billing:write'] }, robin)).body.title).toMatch(/owners’ alone/);
  expect((await give(annId, { remove: ['run:read'] }, robin)).body.title).toMatch(
    /admin has the permissions of the role/,
  );
  // An editor who may manage members reaches nobody above themselves, themselves included.
  expect((await give(eveId, { add: ['audit:read', 'member:write'] }, eve)).status).toBe(403);
  expect((await give(kimId, { add: ['audit:read'] }, eve)).body.title).toMatch(/do not have: audit:read/);
  const promote = (id: string) => eve.call('PATCH', `/v1/members/${id}`, { role: 'admin' }, at);
  expect((await promote(eveId)).status).toBe(403);
  expect((await promote(kimId)).status).toBe(403);
  expect((await eve.call('DELETE', `/v1/members/${annId}`, undefined, at)).status).toBe(403);
  expect((await give(kimId, { add: ['run:debug'] }, eve)).status).toBe(200);
  // Another role is another beginning.
  const promoted = await ann.call<Member>('PATCH', `/v1/members/${kimId}`, { role: 'editor' }, at);
  expect(promoted.body).toMatchObject({ role: 'editor', permissions: { add: [], remove: [] } });
});

test('the last owner neither leaves nor steps down; anybody else leaves', async () => {
  const robin = await people.newPerson('Robin', { plan: 'business' });
  const kim = await people.newPerson('Kim');
  const kimId = await people.join(robin.workspaceId, kim, 'editor');
  const leave = (person: QuickPerson) => person.call<Problem>('POST', `/v1/workspaces/${robin.workspaceId}/leave`);
  const ownId = (await page<Member>(robin, '/v1/members')).body.data.find(({ you }) => you)?.id;
  const stepDown = () => robin.call<Problem>('PATCH', `/v1/members/${ownId}`, { role: 'viewer' });
  expect((await leave(robin)).body).toMatchObject({ code: 'member.last_owner' });
  expect((await stepDown()).body).toMatchObject({ code: 'member.last_owner' });
  expect((await robin.call<Problem>('DELETE', `/v1/members/${ownId}`)).body).toMatchObject({
    code: 'member.last_owner',
  });
  expect((await leave(await people.newPerson('Eve'))).body).toMatchObject({ code: 'workspace.not_found' });
  expect((await robin.call('PATCH', `/v1/members/${kimId}`, { role: 'owner' })).status).toBe(200);
  // Two who go at once: one of them stays.
  const both = await Promise.all([leave(robin), leave(kim)]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
  const [left] = await cloud.database.ownerSql<{ owner_id: string; n: number }>(
    `select owner_id, (select count(*)::int from membership m where m.workspace_id = w.id and m.deleted_at is null
       and m.user_id = w.owner_id and m.role = 'owner') as n from workspace w where id = $1`,
    [robin.workspaceId],
  );
  expect(left?.n).toBe(1);
});

test('a member, or an invitation, of another workspace answers as one that is not there', async () => {
  const [robin, eve] = [
    await people.newPerson('Robin', { plan: 'pro' }),
    await people.newPerson('Eve', { plan: 'pro' }),
  ];
  const memberId = await people.join(robin.workspaceId, await people.newPerson('Kim'), 'viewer');
  const invitationId = (await invite(robin, 'guest@example.com')).body.id;
  const same = async (method: string, path: (id: string) => string, id: string, body?: object) => {
    const [foreign, missing] = [
      await eve.call<Problem>(method, path(id), body),
      await eve.call<Problem>(method, path(NOWHERE), body),
    ];
    expect(foreign.status).toBe(404);
    expect({ ...foreign.body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
  };
  await same('PATCH', (id) => `/v1/members/${id}`, memberId, { role: 'editor' });
  await same('DELETE', (id) => `/v1/members/${id}`, memberId);
  await same('DELETE', (id) => `/v1/invitations/${id}`, invitationId);
  await same('POST', (id) => `/v1/invitations/${id}/resend`, invitationId, {});
  await same('POST', (id) => `/v1/own-invitations/${id}/accept`, invitationId, {});
  await same('POST', (id) => `/v1/own-invitations/${id}/decline`, invitationId, {});
  expect((await page<Invitation>(eve, '/v1/invitations')).body.data).toEqual([]);
  expect((await robin.call('DELETE', `/v1/invitations/${invitationId}`)).status).toBe(200);
});

test('who is invited finds the letter, signs in, looks, and joins by the page', async () => {
  const robin = await people.newPerson('Robin <b>', { plan: 'pro' });
  const asked = await invite(robin, '  Guest.One@Example.com ', 'viewer');
  expect(asked).toMatchObject({
    status: 200,
    body: { email: 'guest.one@example.com', role: 'viewer', status: 'pending' },
  });
  const url = await linkTo('guest.one@example.com');
  const toSignIn = await open(url);
  expect(toSignIn.status).toBe(303);
  expect(decodeURIComponent(toSignIn.headers.get('location') ?? '')).toContain('/invitation?token=sli_');
  const kim = await people.newPerson('Kim');
  const wrong = await open(url, kim);
  expect(wrong.status).toBe(403);
  expect(await wrong.text()).not.toContain('guest.one@example.com');
  expect((await open(url, kim, 'accept')).status).toBe(404);
  const guest = await people.newPerson('Guest', { email: 'guest.one@example.com' });
  const text = await (await open(url, guest)).text();
  expect(text).toContain('Join “Robin &lt;b&gt;’s workspace”?');
  expect(text).not.toContain('<b>');
  expect(await (await open(url, guest, 'accept')).text()).toContain('You have joined');
  expect((await guest.call('GET', '/v1/workspaces')).body).toMatchObject([
    {},
    { id: robin.workspaceId, role: 'viewer' },
  ]);
  expect((await open(url, guest)).status).toBe(404);
});

test('only the invited address counts, and only once it is confirmed', async () => {
  const robin = await people.newPerson('Robin', { plan: 'pro' });
  const { body } = await invite(robin, 'unproven@example.com');
  const guest = await people.newPerson('Guest', { email: 'unproven@example.com', verified: false });
  const accept = () => guest.call<Problem>('POST', `/v1/own-invitations/${body.id}/accept`);
  expect((await guest.call('GET', '/v1/own-invitations')).body).toEqual([]);
  expect((await accept()).body.code).toBe('mail.not_verified');
  expect(await (await open(await linkTo('unproven@example.com'), guest, 'accept')).text()).toContain(
    'not confirmed yet',
  );
  await cloud.database.ownerSql('update user_account set email_verified_at = now() where id = $1', [guest.userId]);
  await expect.poll(async () => (await accept()).status, soon).toBe(200);
  const invited = await people.newPerson('Newcomer', { verified: false, plan: 'pro' });
  expect((await invite(invited, 'a@example.com')).body.code).toBe('mail.not_verified');
});

test('an invitation is declined, taken back or over after seven days, and then leads nowhere', async () => {
  const robin = await people.newPerson('Robin', { plan: 'business' });
  const guest = await people.newPerson('Guest');
  const own = () => guest.call<OwnInvitation[]>('GET', '/v1/own-invitations');
  const status = async (id: string) =>
    (await page<Invitation>(robin, '/v1/invitations?limit=100')).body.data.find((one) => one.id === id)?.status;

  const first = (await invite(robin, guest.email)).body;
  expect((await own()).body).toMatchObject([
    { id: first.id, workspaceName: 'Robin’s workspace', invitedByName: 'Robin' },
  ]);
  expect((await invite(robin, guest.email)).body.code).toBe('member.exists');
  const oldLink = await linkTo(guest.email);
  expect((await robin.call('POST', `/v1/invitations/${first.id}/resend`)).status).toBe(200);
  const link = await linkTo(guest.email, 2);
  expect((await open(oldLink, guest)).status).toBe(404);
  expect((await open(link, guest)).status).toBe(200);
  expect((await guest.call('POST', `/v1/own-invitations/${first.id}/decline`)).status).toBe(200);
  expect(await status(first.id)).toBe('declined');
  expect((await guest.call('POST', `/v1/own-invitations/${first.id}/accept`)).status).toBe(404);
  expect((await robin.call<Problem>('POST', `/v1/invitations/${first.id}/resend`)).body.code).toBe('invitation.closed');

  const second = (await invite(robin, guest.email)).body;
  expect((await robin.call('DELETE', `/v1/invitations/${second.id}`)).status).toBe(200);
  expect((await own()).body).toEqual([]);

  const third = (await invite(robin, guest.email)).body;
  const days = (Date.parse(third.expiresAt) - Date.parse(third.sentAt)) / 86_400_000;
  expect(days).toBe(7);
  await cloud.database.ownerSql(`update invitation set expires_at = now() where id = $1`, [third.id]);
  expect((await guest.call('POST', `/v1/own-invitations/${third.id}/accept`)).status).toBe(404);
  expect(await status(third.id)).toBe('expired');
  expect((await invite(robin, guest.email)).status).toBe(200);
});

test('seats are held to the plan: an invitation takes one, and no two at once take the last', async () => {
  const robin = await people.newPerson('Robin', { plan: 'starter' });
  const free = await people.newPerson('Free');
  expect((await invite(free, 'x@example.com')).body).toMatchObject({
    code: 'plan.limit_exceeded',
    details: { limit: 1, have: 1 },
  });
  const all = await Promise.all(['a', 'b', 'c', 'd'].map((name) => invite(robin, `seat-${name}@example.com`)));
  expect(all.map(({ status }) => status).sort()).toEqual([200, 200, 402, 402]);
  expect(all.find(({ status }) => status === 402)?.body).toMatchObject({ details: { limit: 3, have: 3 } });
  const one = all.find(({ status }) => status === 200)?.body;
  const guest = await people.newPerson('Guest', { email: one?.email });
  // The plan became smaller meanwhile.
  const plan = (slug: string) =>
    cloud.database.ownerSql('update workspace set plan = $2::plan_slug where id = $1', [robin.workspaceId, slug]);
  await plan('free');
  const accept = () => guest.call<Problem>('POST', `/v1/own-invitations/${one?.id}/accept`);
  expect(await accept()).toMatchObject({ status: 402, body: { code: 'plan.limit_exceeded' } });
  await plan('starter');
  expect(await accept()).toMatchObject({ status: 200, body: { id: robin.workspaceId } });
  // Who was removed comes back by another invitation, as the same member.
  const { data } = (await page<Member>(robin, '/v1/members')).body;
  const member = data.find(({ userId }) => userId === guest.userId);
  expect((await robin.call('DELETE', `/v1/members/${member?.id}`)).status).toBe(200);
  const again = await invite(robin, guest.email, 'viewer');
  expect((await guest.call('POST', `/v1/own-invitations/${again.body.id}/accept`)).body).toMatchObject({
    role: 'viewer',
  });
  const after = (await page<Member>(robin, '/v1/members')).body.data.find(({ userId }) => userId === guest.userId);
  expect(after).toMatchObject({ id: member?.id, role: 'viewer' });
});

test('an invitation that is taken back while it is accepted is one of the two, for both of them', async () => {
  const robin = await people.newPerson('Robin', { plan: 'business' });
  for (let round = 0; round < 8; round++) {
    const guest = await people.newPerson('Guest');
    const { id } = (await invite(robin, guest.email)).body;
    const accept = () => guest.call('POST', `/v1/own-invitations/${id}/accept`);
    const revoke = () => robin.call('DELETE', `/v1/invitations/${id}`);
    // Either may be asked first.
    const asked = round % 2 === 0 ? [accept(), revoke()] : [revoke(), accept()];
    const [joined, revoked] = round % 2 === 0 ? await Promise.all(asked) : (await Promise.all(asked)).reverse();
    expect([joined?.status === 200, revoked?.status === 200].filter(Boolean), `round ${round}`).toHaveLength(1);
    const { rows } = await cloud.database.db.withWorkspaceSql(robin, (sql) =>
      sql.query('select 1 from membership where workspace_id = $1 and user_id = $2 and deleted_at is null', [
        robin.workspaceId,
        guest.userId,
      ]),
    );
    expect(rows.length === 1, `round ${round}`).toBe(joined?.status === 200);
  }
});

test('two owners who step down, leave and delete their account in the same moment leave one of them', async () => {
  for (const together of ['leave', 'step down', 'delete the account']) {
    const [robin, kim] = [await people.newPerson('Robin', { plan: 'business' }), await people.newPerson('Kim')];
    const { workspaceId } = robin;
    await cloud.database.ownerSql('update user_account set password_hash = null where id = any($1)', [
      [robin.userId, kim.userId],
    ]);
    const ids = new Map([[kim.userId, await people.join(workspaceId, kim, 'owner')]]);
    const mine = (await page<Member>(robin, '/v1/members')).body.data.find(({ you }) => you);
    ids.set(robin.userId, mine?.id ?? '');
    const go = (one: QuickPerson, how: string) => {
      if (how === 'leave') return one.call('POST', `/v1/workspaces/${workspaceId}/leave`);
      if (how === 'delete the account') return one.call('POST', '/v1/account/delete', { confirm: one.email });
      return one.call('PATCH', `/v1/members/${ids.get(one.userId)}`, { role: 'editor' }, { workspaceId });
    };
    // Somebody stays, so that neither of the two is alone in it.
    await people.join(workspaceId, await people.newPerson('Eve'), 'editor');
    const both = await Promise.all([go(robin, together), go(kim, 'delete the account')]);
    expect(both.map(({ status }) => status).sort(), together).toEqual([200, 409]);
    const left = await cloud.database.ownerSql(
      `select 1 from membership m join user_account u on u.id = m.user_id and u.deleted_at is null
        where m.workspace_id = $1 and m.role = 'owner' and m.deleted_at is null`,
      [workspaceId],
    );
    expect(left, together).toHaveLength(1);
  }
});

test('who is deleting their account takes no seat, is not listed, and is not given a workspace', async () => {
  const robin = await people.newPerson('Robin', { plan: 'starter' });
  const [kim, eve] = [await people.newPerson('Kim'), await people.newPerson('Eve')];
  await people.join(robin.workspaceId, eve, 'editor');
  const kimId = await people.join(robin.workspaceId, kim, 'editor');
  expect((await invite(robin, 'full@example.com')).status).toBe(402);
  await cloud.database.ownerSql('update user_account set password_hash = null where id = $1', [kim.userId]);
  expect((await kim.call('POST', '/v1/account/delete', { confirm: kim.email })).status).toBe(200);
  const names = (await page<Member>(robin, '/v1/members')).body.data.map(({ name }) => name);
  expect(names).toEqual(['Robin', 'Eve']);
  const transfer = await robin.call<Problem>('POST', '/v1/workspaces/current/transfer', { memberId: kimId });
  expect(transfer).toMatchObject({ status: 404, body: { code: 'member.not_found' } });
  expect((await invite(robin, 'full@example.com')).status).toBe(200);
});

test('the API keys of somebody who is removed are gone for good, also when they come back', async () => {
  const robin = await people.newPerson('Robin', { plan: 'business' });
  const kim = await people.newPerson('Kim');
  const kimId = await people.join(robin.workspaceId, kim, 'admin');
  const at = { workspaceId: robin.workspaceId };
  const make = async (who: QuickPerson) =>
    (await who.call<{ secret: string }>('POST', '/v1/api-keys', { name: 'k', scopes: ['workspace:read'] }, at)).body
      .secret;
  const ask = async (secret: string) =>
    (await fetch(`${cloud.url}/v1/api-key`, { headers: { authorization: `Bearer ${secret}` } })).status;
  const [own, others] = [await make(robin), await make(kim)];
  expect([await ask(own), await ask(others)]).toEqual([200, 200]);
  expect((await robin.call('DELETE', `/v1/members/${kimId}`)).status).toBe(200);
  await expect.poll(() => ask(others), soon).toBe(401);
  const again = await invite(robin, kim.email, 'admin');
  expect((await kim.call('POST', `/v1/own-invitations/${again.body.id}/accept`)).status).toBe(200);
  // Whatever a process remembered of it is forgotten by now.
  await expect.poll(async () => (await kim.call('GET', '/v1/members', undefined, at)).status, soon).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect([await ask(own), await ask(others)]).toEqual([200, 401]);
});
