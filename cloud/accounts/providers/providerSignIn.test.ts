import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Person, startTestCloud, type TestCloud } from '../../../tests/fixtures/cloud.ts';
import { type IdentityProvider, startIdentityProvider } from '../../../tests/fixtures/identityProvider.ts';
import { type PageBrowser, pageBrowser } from '../../../tests/fixtures/pageBrowser.ts';
import type { ProviderName } from './provider.ts';

let provider: IdentityProvider;
let cloud: TestCloud;
beforeAll(async () => {
  provider = await startIdentityProvider();
  cloud = await startTestCloud(provider.env);
});
afterAll(async () => {
  await cloud?.stop();
  await provider?.stop();
});
afterEach(() => {
  provider.state.tamper = {};
});

let accounts = 100;
/** Somebody new at the provider, who is signed in there from now on. */
function newAccount(email?: string) {
  accounts++;
  provider.state.account = { id: accounts, name: 'Kim', email: email ?? `kim${accounts}@provider.example` };
  return provider.state.account;
}

/** To the provider and back. @returns what our page answers */
async function goThrough(open: PageBrowser, name: ProviderName, next = '/signed-in') {
  const left = await open('GET', `/sign-in/with/${name}?next=${encodeURIComponent(next)}`);
  const back = await fetch(left.location, { redirect: 'manual' });
  return open('GET', back.headers.get('location') ?? '');
}
async function signedInBrowser({ email, password }: Pick<Person, 'email' | 'password'>): Promise<PageBrowser> {
  const open = pageBrowser(cloud.url);
  await open('POST', '/sign-in', { email, password });
  return open;
}
const whoIs = async (open: PageBrowser) => /signed in as ([^<]+)/.exec((await open('GET', '/signed-in')).text)?.[1];

for (const name of ['github', 'google'] as const) {
  test(`${name}: somebody new gets an account with a confirmed address, and comes back to it`, async () => {
    const { email } = newAccount();
    const open = pageBrowser(cloud.url);
    expect((await goThrough(open, name)).location).toBe('/signed-in');
    expect(await whoIs(open)).toBe(email);
    const asked = provider.asked.at(-1);
    expect(asked?.get('redirect_uri')).toBe(`${cloud.url}/sign-in/with/${name}/answer`);
    expect(asked?.get('code_challenge_method')).toBe('S256');
    expect(asked?.get('code_challenge')).toMatch(/^[\w-]{43}$/);
    const [user] = await cloud.database.ownerSql<{ confirmed: boolean; workspaces: number }>(
      `select email_verified_at is not null and password_hash is null as confirmed,
         (select count(*)::int from membership m where m.user_id = u.id) as workspaces from user_account u where email = $1`,
      [email],
    );
    expect(user).toEqual({ confirmed: true, workspaces: 1 });

    const again = pageBrowser(cloud.url);
    expect((await goThrough(again, name)).location).toBe('/signed-in');
    expect(await whoIs(again)).toBe(email);
  });
}

test('an account with the same address is not opened: its owner signs in, sees who it is, and connects it', async () => {
  const person = await cloud.newPerson();
  newAccount(person.email);
  const open = pageBrowser(cloud.url);
  const back = await goThrough(open, 'google');
  expect(back.location).toBe('/sign-in?next=%2Fconnect');
  expect(await whoIs(open)).toBeUndefined();

  const signedIn = await open('POST', '/sign-in', { email: person.email, password: person.password, next: '/connect' });
  expect(signedIn.location).toBe('/connect');
  const page = await open('GET', '/connect');
  expect(page.text).toContain('Connect Google?');
  expect(page.text).toContain(person.email);
  expect((await open('POST', '/connect', { decision: 'connect' })).location).toBe('/signed-in');
  expect(cloud.letters(person.email).at(-1)?.subject).toBe('Google was connected to your Sluice account');
  const again = pageBrowser(cloud.url);
  expect((await goThrough(again, 'google')).location).toBe('/signed-in');
  expect(await whoIs(again)).toBe(person.email);

  const accountsPage = await again('GET', '/connected-accounts');
  expect(accountsPage.text).toContain(person.email);
  expect((await again('POST', '/connected-accounts/remove', { provider: 'google' })).location).toBe(
    '/connected-accounts',
  );
  expect((await goThrough(pageBrowser(cloud.url), 'google')).location).toBe('/sign-in?next=%2Fconnect');
});

test('an account that is being deleted is not signed in to, and it is said how to keep it', async () => {
  const email = 'leaver@provider.example';
  newAccount(email);
  expect((await goThrough(pageBrowser(cloud.url), 'google')).location).toBe('/signed-in');
  const leaving = (at: string) =>
    cloud.database.ownerSql(`update user_account set deleted_at = ${at} where email = $1`, [email]);
  await leaving('now()');
  const open = pageBrowser(cloud.url);
  expect((await goThrough(open, 'google')).text).toContain('is being deleted');
  expect(await whoIs(open)).toBeUndefined();
  await leaving('null');
  expect((await goThrough(open, 'google')).location).toBe('/signed-in');
});

test('nothing is connected without a press on our own page, for another address, twice, or by somebody else', async () => {
  const [person, other] = [await cloud.newPerson(), await cloud.newPerson()];
  newAccount(person.email);
  const open = pageBrowser(cloud.url);
  await goThrough(open, 'github');
  const linked = async () =>
    (
      await cloud.database.ownerSql('select id from linked_account where user_id in ($1, $2)', [
        person.userId,
        other.userId,
      ])
    ).length;

  // Not signed in; from a foreign page; as somebody with another address; by a browser that did not go to the provider.
  expect((await open('POST', '/connect', { decision: 'connect' })).location).toBe('/sign-in?next=%2Fconnect');
  const asOther = await signedInBrowser(other);
  asOther.cookies.set('sluice-provider', open.cookies.get('sluice-provider') ?? '');
  const refused = await asOther('POST', '/connect', { decision: 'connect' });
  expect(refused.text).toContain(`does not say that ${other.email} is yours`);
  const mine = await signedInBrowser(person);
  expect((await mine('POST', '/connect', { decision: 'connect' })).location).toBe('/connected-accounts');
  const foreign = pageBrowser(cloud.url, 'https://evil.example');
  for (const [name, value] of [...mine.cookies, ...open.cookies]) foreign.cookies.set(name, value);
  expect((await foreign('POST', '/connect', { decision: 'connect' })).status).toBe(403);
  expect(await linked()).toBe(0);

  const attempt = open.cookies.get('sluice-provider') ?? '';
  mine.cookies.set('sluice-provider', attempt);
  expect((await mine('POST', '/connect', { decision: 'connect' })).location).toBe('/signed-in');
  expect(await linked()).toBe(1);
  mine.cookies.set('sluice-provider', attempt);
  expect((await mine('POST', '/connect', { decision: 'connect' })).location).toBe('/connected-accounts');
  // Somebody else cannot have it too.
  expect((await goThrough(asOther, 'github')).text).toContain('belongs to another Sluice account');
});

test('an address that somebody else signed up with first, and never confirmed, opens nothing for either', async () => {
  const email = 'taken-first@provider.example';
  const squatter = pageBrowser(cloud.url);
  await squatter('POST', '/sign-up', { name: 'Squatter', email, password: 'four random words' });
  await squatter('POST', '/sign-in', { email, password: 'four random words' });
  newAccount(email);
  const owner = pageBrowser(cloud.url);
  expect((await goThrough(owner, 'google')).location).toBe('/sign-in?next=%2Fconnect');
  squatter.cookies.set('sluice-provider', owner.cookies.get('sluice-provider') ?? '');
  expect((await squatter('POST', '/connect', { decision: 'connect' })).status).toBe(403);
  expect(await whoIs(owner)).toBeUndefined();
});

test('the second factor of an account is asked for here too', async () => {
  const person = await cloud.newPerson();
  const { TOTP, Secret } = await import('otpauth');
  const enrolled = await person.call<{ secret: string }>('POST', '/v1/second-factor/enrol', {
    password: person.password,
  });
  const totp = new TOTP({ secret: Secret.fromBase32(enrolled.body.secret) });
  await person.call('POST', '/v1/second-factor/confirm', { code: totp.generate() });
  const { id } = newAccount();
  await cloud.database.ownerSql(
    "insert into linked_account (id, user_id, provider, provider_account_id, email) values (gen_random_uuid(), $1, 'google', $2, 'x')",
    [person.userId, String(id)],
  );
  const open = pageBrowser(cloud.url);
  const page = await goThrough(open, 'google');
  expect(page.text).toContain('Enter your code');
  expect(open.cookies.has('sluice')).toBe(false);
});

test('what signs somebody in alone cannot be taken away; with a password it can', async () => {
  const { email } = newAccount();
  const open = pageBrowser(cloud.url);
  await goThrough(open, 'github');
  const kept = await open('POST', '/connected-accounts/remove', { provider: 'github' });
  expect([kept.status, kept.text.includes('only thing that signs you in')]).toEqual([403, true]);
  await open('POST', '/forgot', { email });
  await expect.poll(() => cloud.letters(email).length).toBeGreaterThan(0);
  const token = /reset\?token=(\S+)/.exec(cloud.letters(email).at(-1)?.text ?? '')?.[1] ?? '';
  await pageBrowser(cloud.url)('POST', '/reset', { token, password: 'four other words' });
  const back = await signedInBrowser({ email, password: 'four other words' });
  expect((await back('POST', '/connected-accounts/remove', { provider: 'github' })).location).toBe(
    '/connected-accounts',
  );
});

test('only what is set up is offered, and a desktop that is connected is shown first', async () => {
  const open = pageBrowser(cloud.url);
  const page = await open('GET', '/sign-in');
  expect(page.text).toContain('Continue with GitHub');
  expect(page.text).toContain('Continue with Google');
  newAccount();
  const challenge = 'a'.repeat(43);
  const authorize = `/authorize?response_type=code&redirect_uri=${encodeURIComponent('http://127.0.0.1:49152/')}&state=state-12345&code_challenge=${challenge}&code_challenge_method=S256&device=Laptop`;
  const back = await goThrough(open, 'google', authorize);
  expect(back.location).toMatch(/^\/authorize\?/);
  expect((await open('GET', back.location)).text).toContain('Connect this device');

  const bare = await startTestCloud();
  try {
    const plain = pageBrowser(bare.url);
    expect((await plain('GET', '/sign-in')).text).not.toContain('Continue with');
    expect((await plain('GET', '/sign-in/with/google')).status).toBe(404);
  } finally {
    await bare.stop();
  }
});
