import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { PERMISSIONS } from '#shared/permission.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { callOf, isForContainers } from '../../cloud/server/openApi.ts';
import type { Route, Routes } from '../../cloud/server/routes.ts';
import { startTestCloud, type TestCloud } from '../fixtures/cloud.ts';
import { createDice } from '../fuzz/dice.ts';
import { addressOf, type Example, exampleOf, type Position, withValue } from './examples.ts';
import { type Asker, makeWorld, must, newMember, rowsOf, type World } from './world.ts';

const seed = process.env.SLUICE_SEED ?? String(Date.now());
let cloud: TestCloud;
let routes: Routes;
let ours: World;
let theirs: World;
/** Who asks, whose ids stand in the rest of the request, and whose are foreign to them. */
/** Under which classes requests were counted. */
const counted: string[] = [];
let askers: (Asker & { own: World; foreign: World })[];

beforeAll(async () => {
  cloud = await startTestCloud({ RESETS_PER_HOUR: '1000' }, (platform) => {
    routes = platform.routes;
    const { limits } = platform;
    const take: typeof limits.take = (rate, who) => {
      counted.push(rate);
      return limits.take(rate, who);
    };
    return allCapabilities({ ...platform, limits: { ...limits, take } });
  });
  [ours, theirs] = [await makeWorld(cloud, 'amber'), await makeWorld(cloud, 'cobalt')];
  const headers = (token: string, workspaceId: string) => ({
    authorization: `Bearer ${token}`,
    'sluice-workspace': workspaceId,
  });
  const members = await Promise.all(
    (['admin', 'editor', 'viewer'] as const).map(async (role) => {
      const { accessToken } = await newMember(cloud, ours, role);
      return { name: role, headers: headers(accessToken, ours.workspaceId), own: ours, foreign: theirs };
    }),
  );
  const removed = await newMember(cloud, ours, 'editor', { removed: true });
  askers = [
    { name: 'owner', headers: headers(ours.owner.accessToken, ours.workspaceId), own: ours, foreign: theirs },
    ...members,
    {
      name: 'member of another workspace',
      headers: headers(theirs.owner.accessToken, theirs.workspaceId),
      own: theirs,
      foreign: ours,
    },
    { name: 'signed out', headers: { 'sluice-workspace': ours.workspaceId }, own: ours, foreign: ours },
    { name: 'removed member', headers: headers(removed.accessToken, removed.workspaceId), own: ours, foreign: ours },
    {
      name: 'API key of another workspace',
      headers: { authorization: `Bearer ${theirs.keySecret}` },
      own: theirs,
      foreign: ours,
    },
  ];
}, 300_000);
afterAll(() => cloud?.stop());

/** Names are free in each workspace, so a cell that makes something gets a name that no other cell uses. */
const nameFor = ({ route, asker }: Pick<Cell, 'route' | 'asker'>, base: string) =>
  `${base}-${askers.indexOf(asker)}-${route.name.toLowerCase().replace('.', '-')}`;

/** What a foreign workspace calls something, for each cell that asks for it by name. */
async function makeNames(all: Cell[]): Promise<void> {
  await inTurns(all, async (cell) => {
    const { position, asker } = cell;
    if (position === 'workspace' || !position.id.endsWith('.name')) return;
    const { owner, ids } = asker.foreign;
    const name = nameFor(cell, ids[position.id] ?? '');
    const connection = { connector: 'http', secret: { kind: 'bearer', token: 'x' }, hosts: ['example.com'] };
    await must(
      position.id === 'connections.name'
        ? owner.call('PUT', `/v1/connections/${name}`, connection)
        : owner.call('PUT', `/v1/projects/${ids.projectId}/environments/${name}`, {}),
    );
  });
}

const NEEDS_WORKSPACE: ReadonlySet<string> = new Set(PERMISSIONS);
const UUIDS = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
/** Headers that say when, which request it was, or how much is left of a limit. */
const OF_THE_MOMENT = new Set(['date', 'sluice-request', 'content-length', 'ratelimit', 'retry-after', 'keep-alive']);

type Seen = { status: number; headers: string; body: string; text: string };

/** What somebody sees of an answer, without what differs between any two requests, and without the id they asked for. */
async function ask(headers: Record<string, string>, example: Example, asked: string): Promise<Seen> {
  const { body, route } = example;
  const response = await fetch(`${cloud.url}${addressOf(example)}`, {
    method: route.method,
    redirect: 'manual',
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined || body === null ? undefined : JSON.stringify(body),
  });
  const text = (await response.text()).replaceAll(asked, '<asked>');
  const kept = [...response.headers].filter(([name]) => !OF_THE_MOMENT.has(name)).map((pair) => pair.join(': '));
  return {
    status: response.status,
    headers: kept.join('\n').replaceAll(asked, '<asked>').replace(UUIDS, '<id>'),
    body: text
      .replace(UUIDS, '<id>')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replace(/"(secret|prefix)":"[^"]+"/g, '"$1":"<new>"'),
    text,
  };
}

const public_ = (route: Route) => !isForContainers(route);
const missing = (value: string) => (/^[0-9a-f-]{36}$/.test(value) ? uuidv7() : `missing-${uuidv7().slice(-12)}`);

/** Several at once: the server has more than one connection to the database. */
async function inTurns<T>(work: T[], each: (one: T) => Promise<void>): Promise<void> {
  const left = [...work];
  const worker = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await each(one);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

test('every route has an example for each id that it takes', () => {
  const problems = routes
    .list()
    .filter(public_)
    .flatMap((route) => {
      try {
        exampleOf(route, ours.ids);
        return [];
      } catch (thrown) {
        return [thrown instanceof Error ? thrown.message : String(thrown)];
      }
    });
  expect(problems).toEqual([]);
});

type Cell = { route: Route; asker: (typeof askers)[number]; position: Position | 'workspace'; example: Example };

function cells(): Cell[] {
  const nobody = Object.fromEntries(Object.entries(ours.ids).map(([name, id]) => [name, missing(id)]));
  return routes
    .list()
    .filter(public_)
    .flatMap((route) =>
      askers.flatMap((asker): Cell[] => {
        // What is published for everybody is no secret: who asks for it comes with ids that lead nowhere but in one place.
        const isOpen = route.access === 'token' || route.access === 'public';
        const example = exampleOf(route, isOpen ? nobody : asker.own.ids);
        const positions: Cell['position'][] = [...example.positions];
        if (NEEDS_WORKSPACE.has(route.access)) positions.push('workspace');
        return positions.map((position) => ({ route, asker, position, example }));
      }),
    );
}

/** Somebody asks for what is another workspace's, and for what is nowhere. @returns what is told apart */
async function compare({ route, asker, position, example }: Cell): Promise<string | undefined> {
  const { foreign } = asker;
  const pair = async () => {
    if (position === 'workspace') {
      const [there, nowhere] = [foreign.workspaceId, uuidv7()];
      return Promise.all([there, nowhere].map((id) => ask({ ...asker.headers, 'sluice-workspace': id }, example, id)));
    }
    const base = foreign.ids[position.id] ?? '';
    const value = position.id.endsWith('.name') ? nameFor({ route, asker }, base) : base;
    return Promise.all([value, missing(value)].map((id) => ask(asker.headers, withValue(example, position, id), id)));
  };
  const [there, nowhere] = await pair();
  if (!there || !nowhere) throw new Error('There is nothing to compare.');
  const where = position === 'workspace' ? 'Sluice-Workspace' : `${position.in} ${position.at.join('.')}`;
  const at = `${asker.name}: ${route.name}, ${where}`;
  if (there.status === 429 || nowhere.status === 429) return `${at}: it was not answered, ${there.text}`;
  if (there.status >= 500 || nowhere.status >= 500) return `${at}: ${there.status}, ${nowhere.status} ${there.text}`;
  const differs = (['status', 'headers', 'body'] as const).find((part) => there[part] !== nowhere[part]);
  if (differs) return `${at}: ${differs} differs: ${there[differs]} and ${nowhere[differs]}`;
  const own = asker.own === foreign ? [] : [foreign.mark];
  const leaked = own.find((word) => there.text.includes(word));
  return leaked ? `${at}: it holds ${leaked}` : undefined;
}

test('an id of another workspace answers exactly as one that is missing, and changes nothing there', {
  timeout: 300_000,
}, async () => {
  const all = cells();
  await makeNames(all);
  const found: string[] = [];
  // First those who are no members, whose requests may change nothing of ours; then our members, and nothing of theirs.
  for (const [whose, isAsker] of [
    [ours, (asker: Cell['asker']) => asker.foreign === ours],
    [theirs, (asker: Cell['asker']) => asker.foreign === theirs],
  ] as const) {
    const before = await rowsOf(cloud, whose.workspaceId);
    await inTurns(
      all.filter(({ asker }) => isAsker(asker)),
      async (cell) => {
        const told = await compare(cell);
        if (told !== undefined) found.push(told);
      },
    );
    expect(await rowsOf(cloud, whose.workspaceId)).toEqual(before);
  }
  expect(found).toEqual([]);
  const covered = new Set(all.map(({ route }) => route.name));
  const open = routes.list().filter((route) => public_(route) && !covered.has(route.name));
  console.log(
    `Isolation: ${all.length} cells of ${covered.size} routes with ids and ${askers.length} askers; ` +
      `${open.length} routes take no id. 0 told apart.`,
  );
  // A route that asks for a permission takes at least the id of a workspace.
  expect(open.filter(({ access }) => NEEDS_WORKSPACE.has(access)).map(({ name }) => name)).toEqual([]);
  expect(covered.size + new Set(open.map(({ name }) => name)).size).toBe(
    new Set(
      routes
        .list()
        .filter(public_)
        .map(({ name }) => name),
    ).size,
  );
});

test('every route counts who asks under its own class, before anything is read of what they say', async () => {
  const [owner] = askers;
  const uncounted: string[] = [];
  // Those of the server itself, which no capability makes, count in the same way; `manners.test` looks at them.
  const made = routes.list().filter((route) => public_(route) && !/^(health|docs|openapi)/i.test(route.name));
  for (const { name, method, path, rate } of made) {
    counted.splice(0);
    const address = path.replace(/[:*](\w+)/g, () => uuidv7());
    const reads = method === 'GET' || method === 'DELETE';
    const response = await fetch(`${cloud.url}${address}${reads ? '?surely_unknown=1' : ''}`, {
      method,
      redirect: 'manual',
      headers: { ...owner?.headers, ...(reads ? {} : { 'content-type': 'application/json' }) },
      body: reads ? undefined : '{"surely_unknown":1}',
    });
    await response.body?.cancel();
    if (!counted.includes(rate)) uncounted.push(`${name} (${rate}): ${response.status} ${counted.join()}`);
  }
  expect(uncounted).toEqual([]);
  console.log(`Limits: ${made.length} routes, each counted under its own class.`);
});

/** What somebody would like to say beside what they are asked, with a value that would fit. */
const MORE: Record<string, Json> = {
  role: 'owner',
  permissions: ['workspace:delete'],
  workspaceId: '0199f2c4-5d1e-7a3b-9c40-00000000beef',
  createdById: '0199f2c4-5d1e-7a3b-9c40-00000000beef',
  plan: 'enterprise',
  isAdmin: true,
};

test('no call takes more than it asks for, at any depth, and none does a thing for it', {
  timeout: 300_000,
}, async () => {
  const [owner] = askers;
  const before = await rowsOf(cloud, ours.workspaceId);
  const told: string[] = [];
  let refused = 0;
  const dice = createDice(`more ${seed}`);
  const requests = routes
    .list()
    .filter(public_)
    .flatMap((route) => {
      const call = callOf(route);
      if (!call) return [];
      const example = exampleOf(route, ours.ids);
      const known = JSON.stringify(z.toJSONSchema(call.input, { io: 'input' }));
      const more = Object.entries(MORE).filter(([name]) => !known.includes(`"${name}"`) && dice.chance(0.4));
      const flat = more.map(([name, value]) => ({ name, example: withMore(example, [], name, value) }));
      const places = isJsonObject(example.body) ? Object.entries(example.body) : [];
      const deep = places
        // What a tree, a header or a secret holds is whatever somebody likes.
        .filter(([at, value]) => isJsonObject(value) && !FREE.has(at))
        .map(([at]) => ({ name: 'isAdmin', example: withMore(example, [at], 'isAdmin', true) }));
      return [...flat, ...deep];
    });
  await inTurns(requests, async ({ name, example }) => {
    const seen = await ask(owner?.headers ?? {}, example, '<nothing>');
    if (seen.status === 422 && seen.text.includes(name)) refused++;
    else told.push(`${example.route.name} with ${name}: ${seen.status} ${seen.text.slice(0, 200)}`);
  });
  expect(told).toEqual([]);
  expect(await rowsOf(cloud, ours.workspaceId)).toEqual(before);
  console.log(
    `More than asked for, seed ${seed}: ${refused} requests to ${new Set(requests.map((one) => one.example.route.name)).size} calls, 0 taken.`,
  );
});

const FREE = new Set(['data', 'vars', 'bindings', 'input', 'json', 'output']);

function withMore(example: Example, at: string[], name: string, value: Json): Example {
  const { route, query } = example;
  if (route.method === 'GET' || route.method === 'DELETE') {
    return { ...example, query: { ...query, [name]: String(value) } };
  }
  const body = structuredClone(isJsonObject(example.body) ? example.body : {});
  let place = body;
  for (const key of at) place = place[key] as JsonObject;
  place[name] = value;
  return { ...example, body };
}

test('a taken id that the caller makes up answers as a missing one too', async () => {
  const body = { id: ours.ids.projectId, name: 'Mine now' };
  const taken = await theirs.owner.call<{ code: string }>('POST', '/v1/projects', body);
  expect([taken.status, taken.body.code]).toEqual([404, 'project.not_found']);
  const free = await theirs.owner.call('POST', '/v1/projects', { ...body, id: uuidv7() });
  expect(free.status).toBe(200);
});

/** What ends a thing comes after what looks at it. */
function order({ method, name }: Route): number {
  if (name.startsWith('sessions.') || name.startsWith('privacy.')) return 4;
  // Whoever has handed a workspace on may leave it, and is told nothing of it afterwards.
  if (name === 'workspaces.transfer') return 2.5;
  if (/^workspaces\.(leave|delete)/.test(name)) return 3.5;
  if (method === 'DELETE' || /revoke|remove|delete|leave|transfer|archive|stop|cancel/i.test(name)) return 3;
  return method === 'GET' ? 1 : 2;
}

test('control: the same requests with one’s own ids are told apart from missing ones', {
  timeout: 300_000,
}, async () => {
  const owner = askers[0];
  if (!owner) throw new Error('There is no owner.');
  const told: string[] = [];
  const contracted = routes
    .list()
    .filter((route) => public_(route) && route.access !== 'token' && route.access !== 'public')
    .sort((a, b) => order(a) - order(b));
  let controls = 0;
  for (const route of contracted) {
    const example = exampleOf(route, ours.ids);
    if (example.positions.length === 0 && !NEEDS_WORKSPACE.has(route.access)) continue;
    // First what is missing: the good request may end the thing it asks for.
    const nowhere: [string, Seen][] = [];
    for (const position of example.positions) {
      // A name that is free may be given to something new.
      if (route.method === 'PUT' && position.id.endsWith('.name')) continue;
      const id = missing(ours.ids[position.id] ?? '');
      nowhere.push([position.at.join('.'), await ask(owner.headers, withValue(example, position, id), id)]);
    }
    if (NEEDS_WORKSPACE.has(route.access)) {
      const id = uuidv7();
      nowhere.push(['Sluice-Workspace', await ask({ ...owner.headers, 'sluice-workspace': id }, example, id)]);
    }
    const own = await ask(owner.headers, example, '<nothing>');
    for (const [where, seen] of nowhere) {
      controls++;
      if (own.status === seen.status && own.body === seen.body) told.push(`${route.name}, ${where}: ${own.body}`);
    }
    if (own.status >= 500 || own.status === 429) told.push(`${route.name}: ${own.status} ${own.text}`);
  }
  expect(told).toEqual([]);
  console.log(`Isolation: ${controls} controls of ${contracted.length} routes were told apart from missing ids.`);
});
