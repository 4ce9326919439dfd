import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY_SCOPES } from '#shared/contract/cloud/apiKeys.ts';
import { PERMISSIONS, type Permission } from '#shared/permission.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { allCapabilities } from '../server/capabilities.ts';
import type { Route } from '../server/routes.ts';
import { newKey } from './keyText.ts';

let cloud: TestCloud;
let owner: Person;
let routes: readonly Route[] = [];
beforeAll(async () => {
  cloud = await startTestCloud({}, async (platform) => {
    const capabilities = await allCapabilities(platform);
    // Those for containers ask for no permission of a person.
    routes = platform.routes.list();
    return capabilities;
  });
  owner = await cloud.newPerson();
  await cloud.database.ownerSql("update workspace set plan = 'enterprise' where id = $1", [owner.workspaceId]);
}, 300_000);
afterAll(() => cloud.stop());

/** A key with exactly these scopes; more of them than a plan has room for. */
async function keyWith(scopes: readonly string[]): Promise<string> {
  const { secret, prefix, keyHash } = newKey(owner.workspaceId);
  await cloud.database.ownerSql(
    `insert into api_key (workspace_id, id, name, prefix, key_hash, scopes, created_by_id, expires_at)
     values ($1, $2, 'Matrix', $3, $4, $5, $6, now() + interval '1 day')`,
    [owner.workspaceId, uuidv7(), prefix, keyHash, scopes, owner.userId],
  );
  return secret;
}

/** Asks for something that is refused for what it says, if it is not for who says it: so nothing is done. */
async function ask(secret: string, { method, path }: Route) {
  const reads = method === 'GET' || method === 'DELETE';
  const address = path.replace(/[:*](\w+)/g, () => uuidv7());
  const answer = await send<{ code?: string; title?: string }>(
    cloud.url,
    method,
    reads ? `${address}?surely_unknown=1` : address,
    reads ? undefined : { surely_unknown: 1 },
    { authorization: `Bearer ${secret}` },
  );
  return { status: answer.status, code: answer.body?.code, title: answer.body?.title ?? '' };
}

const isPermission = (access: string): access is Permission => (PERMISSIONS as readonly string[]).includes(access);

test('every route takes a key that has its scope, and refuses one that has all scopes but this', async () => {
  const guarded = routes.filter(({ access }) => isPermission(access));
  expect(guarded.length).toBeGreaterThan(25);
  const keys = new Map<string, { alone: string; rest: string }>();
  for (const { access } of guarded) {
    if (keys.has(access)) continue;
    keys.set(access, {
      alone: await keyWith([access]),
      rest: await keyWith(PERMISSIONS.filter((permission) => permission !== access)),
    });
  }
  const taken: string[] = [];
  for (const route of guarded) {
    const { alone = '', rest = '' } = keys.get(route.access) ?? {};
    const refused = await ask(rest, route);
    expect(refused, route.name).toMatchObject({ status: 403, code: 'access.denied' });
    expect(refused.title, route.name).toContain(route.access);
    const given = await ask(alone, route);
    if ((KEY_SCOPES as readonly string[]).includes(route.access)) {
      expect([401, 403], `${route.name}: ${given.title}`).not.toContain(given.status);
      taken.push(route.name);
    } else expect(given, route.name).toMatchObject({ status: 403, code: 'access.denied' });
  }
  console.log(`API keys: ${guarded.length} routes with and without their scope, ${taken.length} taken with it`);
});

test('what takes a person who is signed in takes no key, whatever its scopes', async () => {
  const all = await keyWith(PERMISSIONS);
  const personal = routes.filter(({ access }) => access === 'session');
  expect(personal.length).toBeGreaterThan(8);
  for (const route of personal) {
    expect(await ask(all, route), route.name).toMatchObject({ status: 403, code: 'access.denied' });
  }
  expect((await owner.call('GET', '/v1/sessions')).status).toBe(200);
  console.log(`API keys: ${personal.length} routes of signed-in people take none`);
});
