import { afterAll, beforeAll, expect, test } from 'vitest';
import { PERMISSIONS, type Permission, ROLES, type Role } from '#shared/permission.ts';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { controlWithoutContainers } from '../../tests/fixtures/noContainers.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';
import { identityCapabilities } from '../server/capabilities.ts';
import type { Route } from '../server/routes.ts';

/** The table of the roles page, written down once more: what the code says is compared with this, not with itself. */
const VIEWER = 'workspace:read member:read workflow:read run:read usage:read connection:read';
const EDITOR = `${VIEWER} project:write workflow:write sync:write workflow:execute run:cancel run:debug approval:decide
  deployment:write connection:write script:write agent:write plugin:write`;
const ADMIN = `${EDITOR} container:control webhook:write apikey:write member:write workspace:write audit:read data:export
  billing:read`;
const OWNER = `${ADMIN} billing:write workspace:delete ownership:transfer`;
const listed = (text: string) => new Set(text.split(/\s+/) as Permission[]);
const TABLE: Record<Role, ReadonlySet<Permission>> = {
  viewer: listed(VIEWER),
  editor: listed(EDITOR),
  admin: listed(ADMIN),
  owner: listed(OWNER),
};

let cloud: TestCloud;
let routes: readonly Route[];
let people: ReturnType<typeof createPeople>;
let mill: QuickPerson;
const actors: { name: string; person: QuickPerson; may: ReadonlySet<Permission> }[] = [];

beforeAll(async () => {
  cloud = await startTestCloud({}, async (platform) => [
    ...(await identityCapabilities(platform)),
    await controlWithoutContainers(platform),
    // By then every route is there.
    {
      async start() {
        routes = platform.routes.list();
      },
    },
  ]);
  people = createPeople(cloud);
  mill = await people.newPerson('Owner', { plan: 'business' });
  actors.push({ name: 'owner', person: mill, may: TABLE.owner });
  const add = async (name: string, role: Role, may: ReadonlySet<Permission>, changes: object = {}) => {
    const person = await people.newPerson(name);
    await people.join(mill.workspaceId, person, role, changes);
    actors.push({ name, person, may });
  };
  for (const role of ['admin', 'editor', 'viewer'] as const) await add(role, role, TABLE[role]);
  // What is given reaches an admin's permissions and no further, whatever the row says.
  await add('viewer with everything', 'viewer', TABLE.admin, { add: PERMISSIONS });
  const some = new Set<Permission>(['workspace:read', 'run:read']);
  await add('editor with little', 'editor', some, { remove: PERMISSIONS.filter((one) => !some.has(one)) });
});
afterAll(() => cloud.stop());

const ask = (person: QuickPerson, { method, path }: Pick<Route, 'method' | 'path'>, workspaceId = mill.workspaceId) => {
  // A field that no call knows: whoever may ask is told so, and nothing is done.
  const place = path.replace(/:\w+/g, '0199f2c0-0000-7000-8000-000000000009');
  const read = method === 'GET' || method === 'DELETE';
  return person.call<{ code: string }>(method, read ? `${place}?probe=1` : place, read ? undefined : { probe: 1 }, {
    workspaceId,
  });
};

test('every route × role: asked by who may, and refused to everybody else', async () => {
  const asked = routes.filter(({ access }) => (PERMISSIONS as readonly string[]).includes(access));
  expect(asked.length).toBeGreaterThan(35);
  const wrong: string[] = [];
  let allowed = 0;
  for (const route of asked) {
    for (const { name, person, may } of actors) {
      const { status, body } = await ask(person, route);
      const refused = status === 403 && body.code === 'access.denied';
      const expected = !may.has(route.access as Permission);
      if (!refused) allowed++;
      if (refused !== expected || status >= 500) wrong.push(`${route.name} as ${name}: ${status} ${body?.code}`);
    }
  }
  expect(wrong).toEqual([]);
  console.log(`roles: ${asked.length} routes × ${actors.length} members, ${allowed} allowed, the others refused`);
});

test('somebody of another workspace finds none of it, as if there were no such workspace', async () => {
  const stranger = await people.newPerson('Stranger');
  const wrong: string[] = [];
  for (const route of routes.filter(({ access }) => (PERMISSIONS as readonly string[]).includes(access))) {
    const { status, body } = await ask(stranger, route);
    if (status !== 404 || body.code !== 'workspace.not_found') wrong.push(`${route.name}: ${status} ${body.code}`);
  }
  expect(wrong).toEqual([]);
  expect((await stranger.call('GET', '/v1/workspaces/current')).status).toBe(200);
});

test('the roles are the ones of the table, each with all that the one below it may do', () => {
  expect(ROLES).toEqual(['owner', 'admin', 'editor', 'viewer']);
  const all = new Set(Object.values(TABLE).flatMap((permissions) => [...permissions]));
  expect([...all].sort()).toEqual([...PERMISSIONS].sort());
});
