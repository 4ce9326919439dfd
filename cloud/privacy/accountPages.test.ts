import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { type PageBrowser, pageBrowser } from '../../tests/fixtures/pageBrowser.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';

let cloud: TestCloud;
let people: ReturnType<typeof createPeople>;
beforeAll(async () => {
  cloud = await startTestCloud();
  people = createPeople(cloud);
});
afterAll(() => cloud.stop());

/** A browser in which the person is signed in. */
function browserOf({ cookie }: Pick<QuickPerson, 'cookie'>, origin?: string): PageBrowser {
  const open = pageBrowser(cloud.url, origin);
  const [name = '', value = ''] = cookie.split('=');
  open.cookies.set(name, value);
  return open;
}
const passwordless = ({ userId }: QuickPerson) =>
  cloud.database.ownerSql('update user_account set password_hash = null where id = $1', [userId]);
const deletions = async (userId: string) =>
  cloud.database.ownerSql('select 1 from account_erasure where user_id = $1', [userId]);

test('what is kept about a person is a file, for that person alone and from a page of ours only', async () => {
  const robin = await people.newPerson('Robin');
  const other = await people.newPerson('Somebody Else');
  const open = browserOf(robin);
  expect((await open('GET', '/signed-in')).text).toContain('href="/account"');
  expect((await open('GET', '/account')).text).toContain('Download your data');

  const file = await open('POST', '/account/export');
  expect(file.status).toBe(200);
  expect(file.headers.get('content-disposition')).toBe('attachment; filename="account.ndjson"');
  const lines = file.text.trim().split('\n');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ kind: 'person', id: robin.userId });
  expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ end: true, rows: lines.length - 2 });
  expect(file.text).not.toContain(other.email);

  const forged = await browserOf(robin, 'https://example.com')('POST', '/account/export');
  expect([forged.status, forged.text.includes(robin.userId)]).toEqual([403, false]);
  const stranger = pageBrowser(cloud.url);
  for (const [method, path] of [
    ['GET', '/account'],
    ['GET', '/account/delete'],
    ['POST', '/account/export'],
    ['POST', '/account/delete'],
  ] as const) {
    const { status, location } = await stranger(method, path);
    expect([path, status, location.startsWith('/sign-in?next=')]).toEqual([path, 303, true]);
  }
});

test('a person deletes their account by repeating its address, is signed out, and is told how to take it back', async () => {
  const robin = await people.newPerson('Robin');
  await passwordless(robin);
  const open = browserOf(robin);
  const form = await open('GET', '/account/delete');
  // There is no password that could be asked for.
  expect(form.text).not.toContain('type="password"');
  const slip = await open('POST', '/account/delete', { confirm: 'somebody@example.com' });
  expect(slip.status).toBe(422);
  expect(slip.text).toContain('What you wrote is not the address of your account.');
  expect(await deletions(robin.userId)).toEqual([]);

  const left = await open('POST', '/account/delete', { confirm: robin.email });
  expect(left.status).toBe(200);
  expect(left.text).toMatch(/takes it all back until \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
  expect(open.cookies.size).toBe(0);
  expect(await deletions(robin.userId)).toHaveLength(1);
  expect((await browserOf(robin)('GET', '/account')).location).toContain('/sign-in');
});

test('an account with a password asks for it, and whoever is the last owner of what others use is told what to do first', async () => {
  const person = await cloud.newPerson('Withpassword');
  const open = pageBrowser(cloud.url);
  const form = await open('GET', '/account/delete');
  const next = decodeURIComponent(form.location.split('next=')[1] ?? '');
  const back = await open('POST', '/sign-in', { email: person.email, password: person.password, next });
  expect(back.location).toBe('/account/delete');
  expect((await open('GET', '/account/delete')).text).toContain('type="password"');
  const wrong = await open('POST', '/account/delete', { confirm: person.email, password: 'another one entirely' });
  expect([wrong.status, wrong.text.includes('This is not your password.')]).toEqual([403, true]);

  const kim = await people.newPerson('Kim');
  const kimId = await people.join(person.workspaceId, kim, 'editor');
  const right = { confirm: person.email, password: person.password };
  const last = await open('POST', '/account/delete', right);
  expect(last.status).toBe(409);
  expect(last.text).toContain('Transfer it to one of them, or delete it first.');
  expect((await person.call('DELETE', `/v1/members/${kimId}`)).status).toBe(200);
  expect((await open('POST', '/account/delete', right)).text).toContain('Your account is being deleted');
});
