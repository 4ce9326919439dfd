import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { join } from 'node:path';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBlobs } from '../../cloud/platform/blobs.ts';
import { createLogger } from '../../cloud/platform/logger.ts';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import { isForContainers } from '../../cloud/server/openApi.ts';
import type { Routes } from '../../cloud/server/routes.ts';
import { send, startTestCloud, type TestCloud } from '../fixtures/cloud.ts';
import { createDice } from '../fuzz/dice.ts';
import { addressOf, exampleOf } from './examples.ts';
import { rawRequest } from './rawRequest.ts';
import { makeWorld, type World } from './world.ts';

const seed = process.env.SLUICE_SEED ?? String(Date.now());
/** A secret that stands nowhere else, with how it came in. */
const canaries = new Map<string, string>();
const canary = (what: string) => {
  const value = `canary${randomBytes(12).toString('hex')}`;
  canaries.set(value, what);
  return value;
};

const settings = {
  STRIPE_SECRET_KEY: `sk_test_${canary('a setting')}`,
  STRIPE_WEBHOOK_SECRET: `whsec_${canary('a setting')}`,
  GITHUB_CLIENT_ID: 'sluice',
  GITHUB_CLIENT_SECRET: canary('a setting'),
  RESETS_PER_HOUR: '1000',
  PUBLIC_URL: 'https://sluice.example.com',
  CORS_ORIGINS: 'https://tools.example.com',
};
let cloud: TestCloud;
/** Where it listens; its own address is the public one. */
let base: string;
let routes: Routes;
let ours: World;
let theirs: World;

beforeAll(async () => {
  let listening = '';
  cloud = await startTestCloud({ ...settings, PUBLIC_URL: '' }, async (platform) => {
    listening = platform.publicUrl;
    routes = platform.routes;
    return allCapabilities({ ...platform, publicUrl: settings.PUBLIC_URL });
  });
  base = listening;
  [ours, theirs] = [await makeWorld(cloud, 'amber'), await makeWorld(cloud, 'cobalt')];
}, 300_000);
afterAll(() => cloud?.stop());

type Table = { name: string };
const tenantTables = () =>
  cloud.database.ownerSql<Table>(
    `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'
      where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and not a.attisdropped order by 1`,
  );

async function asApp<T>(fn: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(cloud.database.as('sluice_app'));
  await client.connect();
  try {
    return await fn(client);
  } finally {
    await client.end();
  }
}

test('a query that forgot its workspace reads, changes and deletes rows of its own workspace alone', async () => {
  const tables = await tenantTables();
  let filled = 0;
  await asApp(async (client) => {
    for (const { name } of tables) {
      const all = await cloud.database.ownerSql<{ id: string; n: number }>(
        `select workspace_id as id, count(*)::int as n from "${name}" where workspace_id = any($1) group by 1`,
        [[ours.workspaceId, theirs.workspaceId]],
      );
      const mine = all.find(({ id }) => id === ours.workspaceId)?.n ?? 0;
      if (all.length === 2) filled++;
      await client.query('begin');
      await client.query("select set_config('app.workspace_id', $1, true)", [ours.workspaceId]);
      const read = await client.query(`select workspace_id from "${name}"`);
      expect([name, read.rowCount, new Set(read.rows.map((row) => row.workspace_id)).size]).toEqual([
        name,
        mine,
        mine > 0 ? 1 : 0,
      ]);
      for (const text of [`update "${name}" set workspace_id = workspace_id`, `delete from "${name}"`]) {
        await client.query('savepoint attempt');
        // Refused by a grant, a trigger or a foreign key, or done for one's own.
        const done = await client.query(text).then(
          ({ rowCount }) => rowCount,
          (error: { code: string }) =>
            ['42501', '23503', '23001', '23514'].includes(error.code) ? undefined : Promise.reject(error),
        );
        await client.query('rollback to attempt');
        if (done !== undefined) expect([text, done]).toEqual([text, mine]);
      }
      await client.query('rollback');
    }
  });
  // The control: there was something of others to see.
  expect(filled).toBeGreaterThanOrEqual(12);
  console.log(`${tables.length} tables without a predicate; ${filled} held rows of both workspaces.`);
});

test('what is allowed to whom in the database is what is written down here', async () => {
  const definers = await cloud.database.ownerSql<{ name: string }>(
    `select proname as name from pg_proc where prosecdef and pronamespace = 'public'::regnamespace order by 1`,
  );
  // Each of these checks the workspace itself, in its first lines.
  const known = ['clear_audit_person', 'erase_account_events', 'prune_commits', 'purge_workspace', 'trim_audit'];
  expect(definers.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([]);
  const open = await cloud.database.ownerSql(
    `select c.relname, a.privilege_type from pg_class c, aclexplode(c.relacl) a
      where a.grantee = 0 and c.relnamespace = 'public'::regnamespace`,
  );
  expect(open).toEqual([]);
  const views = await cloud.database.ownerSql(
    `select relname from pg_class where relkind = 'v' and relnamespace = 'public'::regnamespace
       and not coalesce(reloptions::text like '%security_invoker=true%', false)`,
  );
  expect(views).toEqual([]);
  const loose = await cloud.database.ownerSql<{ name: string; policy: string }>(
    `select c.relname as name, p.polname as policy from pg_policy p join pg_class c on c.oid = p.polrelid
       join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'
      where 'sluice_app'::regrole = any (p.polroles) or 0 = any (p.polroles)
        and coalesce(pg_get_expr(p.polqual, p.polrelid), '') !~ 'current_workspace\\(\\)'`,
  );
  // A person reads their own memberships and invitations before a workspace is chosen; those policies name it too.
  expect(loose).toEqual([]);
});

/** Ways in which a transaction ends badly: given up, refused, timed out while it waits, and with its connection cut. */
const FAILURES = [
  'thrown',
  'select 1 / 0',
  'select no_such_column from project',
  "set local statement_timeout = '5ms'; select pg_sleep(5)",
  'select pg_terminate_backend(pg_backend_pid())',
] as const;

test('transactions that fail, hang over and overlap never leave their workspace to the next one', async () => {
  const dice = createDice(`pool ${seed}`);
  const { db } = cloud.database;
  const failure = new Error('Given up on purpose.');
  let failed = 0;
  const turn = async () => {
    const world = dice.chance(0.5) ? ours : theirs;
    const how = dice.chance(0.6) ? undefined : dice.oneOf(FAILURES);
    const seen = await db
      .withWorkspaceSql(world, async (sql) => {
        const { rows } = await sql.query<{ workspace_id: string }>('select workspace_id from project');
        if (how === 'thrown') throw failure;
        if (how !== undefined) await sql.query(how);
        return rows.map((row) => row.workspace_id);
      })
      .catch((error: unknown) => (how === undefined ? Promise.reject(error) : undefined));
    failed += how === undefined ? 0 : 1;
    if (seen) expect(new Set(seen)).toEqual(new Set([world.workspaceId]));
    const nobody = await db.withoutTenant((tx) => tx.project.count());
    expect(nobody).toBe(0);
  };
  // More at once than the pool has connections, and so few that none waits too long for its turn on a slow machine.
  const inTurns = async () => {
    for (let n = 0; n < 10; n++) await turn();
  };
  await Promise.all(Array.from({ length: 30 }, inTurns));
  expect(failed).toBeGreaterThan(60);
  // What is set for longer than a transaction is what this would find.
  await asApp(async (client) => {
    await client.query("select set_config('app.workspace_id', $1, false)", [ours.workspaceId]);
    expect((await client.query('select 1 from project')).rowCount).toBeGreaterThan(0);
  });
  console.log(`Pool: 300 transactions that overlapped, ${failed} of them failed, 0 left their workspace behind.`);
});

test('a blob of one workspace is not there for another, whatever its name', async () => {
  const blobs = createBlobs(join(cloud.dataDir, 'blobs-of-the-test'));
  const dice = createDice(`blobs ${seed}`);
  const kept = new Map<string, Set<string>>();
  const workspaces = Array.from({ length: 5 }, () => uuidv7());
  let crossings = 0;
  let reads = 0;
  for (let n = 0; n < 400; n++) {
    const workspaceId = dice.oneOf(workspaces);
    const bytes = Buffer.from(`content ${dice.pick(40)}`);
    const hash = createHash('sha256').update(bytes).digest('hex');
    const own = kept.get(workspaceId) ?? new Set();
    kept.set(workspaceId, own);
    if (dice.chance(0.4)) {
      await blobs.put(workspaceId, bytes, hash);
      own.add(hash);
    } else {
      const there = await blobs.has(workspaceId, hash);
      reads++;
      if (there !== own.has(hash)) crossings++;
    }
  }
  expect(crossings).toBe(0);
  expect(reads).toBeGreaterThan(100);
});

/** A request with a Host header of one's own, which `fetch` would not send. */
function withHost(
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; text: string; head: string }> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers, setHost: false }, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += String(part);
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, head: JSON.stringify(response.headers) }),
      );
    })
      .on('error', reject)
      .end();
  });
}

test('nobody’s Host header stands in a link, a redirect or a letter', async () => {
  const evil = 'evil.example.net';
  const hosts: Record<string, string>[] = [
    { host: evil },
    { host: `${evil}:443` },
    { host: `sluice.example.com@${evil}` },
    ...['x-forwarded-host', 'x-host', 'x-original-host', 'x-forwarded-server', 'x-http-host-override'].map((name) => ({
      host: 'sluice.example.com',
      [name]: evil,
    })),
    { host: 'sluice.example.com', forwarded: `host=${evil};proto=http` },
    { host: 'sluice.example.com', 'x-original-url': '/v1/auth/whoami', 'x-rewrite-url': `http://${evil}/` },
  ];
  const who = { authorization: `Bearer ${ours.owner.accessToken}`, 'sluice-workspace': ours.workspaceId };
  const { projectId, deploymentId, environmentId } = ours.ids;
  const paths = [
    '/sign-in',
    '/authorize?redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2F&state=12345678&code_challenge=' +
      'a'.repeat(43) +
      '&code_challenge_method=S256',
    '/v1/docs',
    `/v1/openapi/${ours.workspaceId}/${environmentId}`,
    `/v1/projects/${projectId}/deployments/${deploymentId}`,
    '/v1/projects',
    '/v1/nothing',
    '//evil.example.net/%2f..',
    '/signed-in',
    '/forgot',
  ];
  let cases = 0;
  for (const headers of hosts) {
    for (const path of paths) {
      const { text, head } = await withHost(path, { ...headers, ...who });
      cases++;
      expect([path, headers, `${head}${text}`.includes(evil) && !path.includes(evil)]).toEqual([path, headers, false]);
      expect(head).not.toMatch(/"location":"(https?:)?\/\/(?!sluice\.example\.com|127\.0\.0\.1)/);
    }
    await send(
      base,
      'POST',
      '/v1/auth/forgot-password',
      { email: ours.owner.email },
      headers.host === evil ? {} : headers,
    );
  }
  await expect.poll(() => cloud.letters(ours.owner.email).length, { timeout: 60_000 }).toBeGreaterThan(3);
  for (const { text } of cloud.letters(ours.owner.email)) {
    expect(text).not.toContain(evil);
    for (const link of text.match(/https?:\/\/\S+/g) ?? []) expect(link).toMatch(/^https:\/\/sluice\.example\.com\//);
  }
  expect(cases).toBe(hosts.length * paths.length);
});

test('no cache may keep what is somebody’s, whatever the address looks like', async () => {
  const who = { authorization: `Bearer ${ours.owner.accessToken}`, 'sluice-workspace': ours.workspaceId };
  const tails = [
    '',
    '.css',
    '.js',
    '/x.css',
    '/..%2fx.css',
    ';x.css',
    '%00.css',
    '%0a.css',
    '?x=.css',
    '/%2e%2e/x.png',
    '%3f.css',
    '%23.css',
    '//',
    '/.',
  ];
  const paths = [
    '/v1/auth/whoami',
    '/v1/projects',
    '/v1/connections',
    `/v1/runs/${ours.ids.runId}`,
    '/v1/sessions',
    '/v1/usage',
    '/v1/members',
  ];
  let cases = 0;
  for (const path of paths) {
    for (const tail of tails) {
      const { status, text, head } = await withHost(`${path}${tail}`, { host: 'sluice.example.com', ...who });
      cases++;
      const holdsOurs = text.includes(ours.owner.email) || text.includes(ours.mark);
      if (holdsOurs || status === 200)
        expect([path + tail, head]).toEqual([path + tail, expect.stringContaining('"cache-control":"no-store"')]);
    }
  }
  // The control: without a tail they do hold what is ours.
  const { text } = await withHost('/v1/auth/whoami', { host: 'x', ...who });
  expect(text).toContain(ours.owner.email);
  expect(cases).toBe(paths.length * tails.length);
});

test('nothing that two of a header, another form of the address or another’s mark say leads into another workspace', {
  timeout: 300_000,
}, async () => {
  const evil = 'evil.example.net';
  const host = 'Host: sluice.example.com';
  const [own, other] = [ours, theirs];
  const token = (world: World) => `Authorization: Bearer ${world.owner.accessToken}`;
  const at = ({ workspaceId }: World) => `Sluice-Workspace: ${workspaceId}`;
  const paths = ['/v1/projects', '/v1/connections', `/v1/projects/${other.ids.projectId}/head`, '/v1/members'];
  const crossed: string[] = [];
  let cases = 0;
  const look = async (lines: string[], body?: string) => {
    const answer = await rawRequest(base, lines, body);
    cases++;
    const text = `${answer.head}\n${answer.body}`;
    if (answer.status >= 500 || answer.status === 0) crossed.push(`${lines.join(' | ')}: ${answer.status}`);
    if (text.includes(evil)) crossed.push(`${lines.join(' | ')}: leads to ${evil}`);
    return { ...answer, text };
  };
  /** As somebody of one workspace. What is seen of the other is told. */
  const asOwn = async (lines: string[], body?: string) => {
    const answer = await look(lines, body);
    if ([other.mark, other.ids.projectId ?? ''].some((word) => answer.text.includes(word)))
      crossed.push(`${lines.join(' | ')}: shows ${other.mark}`);
    return answer;
  };
  for (const path of paths) {
    const get = `GET ${path} HTTP/1.1`;
    // Two workspaces, in either order, in one line or two; a workspace in other letters; one after a break.
    for (const pair of [
      [at(own), at(other)],
      [at(other), at(own)],
      [`${at(own)}, ${other.workspaceId}`],
      [`${at(own)};${other.workspaceId}`],
      [`${at(own)}\t${other.workspaceId}`],
      [at(own), `sluice_workspace: ${other.workspaceId}`],
      [at(own), `X-Sluice-Workspace: ${other.workspaceId}`],
      [at(other).toUpperCase()],
    ]) {
      await asOwn([get, host, token(own), ...pair]);
    }
    // Somebody else's token beside one's own, where it is not known.
    await asOwn([get, host, token(own), 'Authorization: Bearer sla_guessed', at(own)]);
    await asOwn([get, host, token(own), `X-Authorization: ${other.owner.userId}`, at(own)]);
    for (const name of ['X-User-Id', 'X-Workspace-Id', 'X-Tenant', 'X-Forwarded-User', 'Remote-User', 'X-Real-IP']) {
      await asOwn([get, host, token(own), at(own), `${name}: ${other.workspaceId}`]);
    }
    // The whole address in the first line, as proxies are asked.
    for (const origin of [`http://${evil}`, `https://${evil}:443`, `http://sluice.example.com@${evil}`]) {
      await asOwn([`GET ${origin}${path} HTTP/1.1`, host, token(own), at(own)]);
    }
    // Two hosts, one with a break, none.
    await asOwn([get, host, `Host: ${evil}`, token(own), at(own)]);
    await asOwn([get, `Host: sluice.example.com, ${evil}`, token(own), at(own)]);
    await asOwn([get, `Host:  ${evil}`, token(own), at(own)]);
    await asOwn([get, token(own), at(own)]);
    // Where one request ends and another begins.
    const smuggled = `GET ${path} HTTP/1.1\r\n${host}\r\n${at(other)}\r\n\r\n`;
    await asOwn(
      [`POST ${path} HTTP/1.1`, host, token(own), at(own), 'Content-Length: 4', 'Transfer-Encoding: chunked'],
      `0\r\n\r\n${smuggled}`,
    );
    await asOwn(
      [`POST ${path} HTTP/1.1`, host, token(own), at(own), 'Content-Length: 0', 'Content-Length: 99'],
      smuggled,
    );
    // What another was given as the mark of its answer.
    for (const etag of ['"1"', '"0"', '*']) {
      await asOwn([get, host, token(own), at(own), `If-None-Match: ${etag}`]);
      await asOwn([
        get,
        host,
        token(own),
        at(own),
        `If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT`,
        `If-None-Match: ${etag}`,
      ]);
    }
  }
  // Pages: a form is taken from our own origin alone, whatever host it says it was sent to; a redirect stays here.
  const form = 'email=a%40example.com&password=four+random+words';
  for (const [origin, sentTo] of [
    [`https://${evil}`, evil],
    [`http://${evil}`, evil],
    ['https://sluice.example.com.evil.example.net', 'sluice.example.com.evil.example.net'],
    [base, new URL(base).host],
    ['null', 'sluice.example.com'],
  ] as const) {
    for (const path of ['/sign-in', '/sign-up', '/forgot', '/sessions', '/device']) {
      const { status, head } = await rawRequest(
        base,
        [
          `POST ${path} HTTP/1.1`,
          `Host: ${sentTo}`,
          `Origin: ${origin}`,
          'Content-Type: application/x-www-form-urlencoded',
          `Content-Length: ${form.length}`,
        ],
        form,
      );
      cases++;
      if (status !== 403 || /set-cookie/i.test(head)) crossed.push(`a form of ${origin} to ${path}: ${status}`);
    }
  }
  for (const path of ['/sessions', '/api-keys', '/second-factor', '/connected-accounts']) {
    for (const target of [path, `http://${evil}${path}`, `//${evil}${path}`, `/\\${evil}${path}`]) {
      const { head } = await rawRequest(base, [`GET ${target} HTTP/1.1`, host]);
      cases++;
      const to = /^location: (.*)$/im.exec(head)?.[1] ?? '/';
      if (!/^\/(?![/\\])/.test(to) || /next=(?!\/[^/\\])/.test(decodeURIComponent(to)))
        crossed.push(`${target} leads to ${to}`);
    }
  }
  expect(crossed).toEqual([]);
  expect(cases).toBeGreaterThanOrEqual(160);
  console.log(`Hosts and headers: ${cases} cases, 0 crossings.`);

  // The control: the same requests without what is odd about them are answered, to each with its own.
  for (const world of [own, other]) {
    const { status, body } = await rawRequest(base, ['GET /v1/connections HTTP/1.1', host, token(world), at(world)]);
    expect([status, body.includes(world.mark)]).toEqual([200, true]);
  }
});

test('of all that a person may read, no answer may be kept by a cache, and no cookie is for other hosts', {
  timeout: 300_000,
}, async () => {
  const who = { authorization: `Bearer ${ours.owner.accessToken}`, 'sluice-workspace': ours.workspaceId };
  let cases = 0;
  const loose: string[] = [];
  for (const route of routes.list()) {
    const isTheirs = route.method === 'GET' && route.access !== 'public' && route.access !== 'token';
    if (!isTheirs || isForContainers(route)) continue;
    const { status, text, head } = await withHost(addressOf(exampleOf(route, ours.ids)), { host: 'x', ...who });
    cases++;
    const kept = !/"cache-control":"[^"]*(no-store|private)/.test(head);
    if (kept && (status === 200 || text.includes(ours.mark))) loose.push(`${route.name}: ${status} ${head}`);
  }
  expect(loose).toEqual([]);
  expect(cases).toBeGreaterThan(25);
  const page = await fetch(`${base}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: settings.PUBLIC_URL },
    body: new URLSearchParams({ email: ours.owner.email, password: ours.owner.password }),
  });
  const cookies = page.headers.getSetCookie();
  expect(cookies.length).toBeGreaterThan(0);
  for (const cookie of cookies) {
    expect(cookie).toMatch(/^__Host-[^;]+;.*Path=\/;.*HttpOnly;.*Secure/);
    expect(cookie).not.toMatch(/domain=/i);
  }
  const name = cookies[0]?.split(';')[0] ?? '';
  const sessions = await withHost('/sessions', { host: 'x', cookie: name });
  expect([sessions.status, /"cache-control":"[^"]*no-store/.test(sessions.head)]).toEqual([200, true]);
  console.log(`Caches: ${cases + 1} answers of signed-in people, 0 may be kept.`);
});

/** How a secret could stand in a log: as it is, or as somebody encoded it on the way. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // Where base64 begins within three bytes decides how it looks; the middle of each is compared.
  const shifted = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift, 120), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  const backwards = [...secret].reverse().join('');
  return [secret, encodeURIComponent(secret), bytes.toString('hex'), backwards, secret.toUpperCase(), ...shifted];
}

const leaksOf = (lines: readonly string[]) => {
  const text = lines.join('\n');
  return [...canaries]
    .filter(([secret]) => formsOf(secret).some((form) => text.includes(form)))
    .map(([, what]) => what);
};

test('no secret that passes through stands in the log, in any form', { timeout: 300_000 }, async () => {
  const { owner, workspaceId, ids } = ours;
  const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    send<Record<string, unknown>>(base, method, path, body, headers).catch(() => undefined);
  const who = { authorization: `Bearer ${owner.accessToken}`, 'sluice-workspace': workspaceId };
  const hook = `/v1/hooks/${workspaceId}/${ids.workflowId}`;
  for (let n = 0; n < 6; n++) {
    const password = canary('a password');
    const email = `canary${n}@example.com`;
    await ask('POST', '/v1/auth/register', { email, password, name: 'Canary' });
    await ask('POST', '/v1/auth/sign-in', { email, password: canary('a wrong password') });
    await ask('POST', '/v1/auth/sign-in', { email, password, unknown: canary('an unknown field') });
    await ask('POST', '/v1/auth/verify-email', { token: canary('a token of a letter') });
    await ask('POST', '/v1/auth/token', { grantType: 'refresh_token', refreshToken: canary('a refresh token') });
    await ask('GET', `/verify?token=${canary('a token in a query')}`);
    await ask('GET', '/v1/projects', undefined, { authorization: `Bearer ${canary('an access token')}` });
    await ask('GET', '/v1/projects', undefined, { authorization: `Bearer slk_live_${canary('an API key')}` });
    await ask('GET', '/v1/projects', undefined, { authorization: `Basic ${canary('other credentials')}` });
    await ask('GET', '/signed-in', undefined, { cookie: `__Host-sluice=${canary('a cookie')}` });
    await ask(
      'POST',
      `${hook}/${canary('a key of a webhook')}`,
      { a: 1 },
      { 'x-api-key': canary('a header of a webhook') },
    );
    await ask('GET', `/v1/resume/${workspaceId}/${ids.runId}/${canary('a token of a resume link')}`);
    const secret = { kind: 'bearer', token: canary('a secret of a connection') };
    await ask('PUT', `/v1/connections/canary-${n}`, { connector: 'http', secret, hosts: ['example.com'] }, who);
    const refused = { kind: canary('a secret in a wrong field'), [canary('a secret as a name')]: 1 };
    await ask('PUT', `/v1/connections/canary-${n}`, { connector: 'http', secret: refused, hosts: [] }, who);
    await ask('POST', '/v1/projects', `{"broken": "${canary('a body that is broken')}`, who);
  }
  // What the server gives out counts as well.
  const given = [
    owner.accessToken,
    owner.refreshToken,
    owner.password,
    ours.keySecret,
    theirs.keySecret,
    cloud.database.masterKey,
  ];
  for (const secret of given) canaries.set(secret, 'something that was given out');
  for (const { text } of cloud.letters('canary0@example.com')) {
    for (const [, token = ''] of text.matchAll(/token=(\S+)/g)) canaries.set(token, 'a token in a letter');
  }
  expect(canaries.size).toBeGreaterThanOrEqual(60);
  expect(cloud.log.length).toBeGreaterThan(90);
  expect(leaksOf(cloud.log)).toEqual([]);
  console.log(`${canaries.size} secrets, 0 in ${cloud.log.length} lines of log.`);

  // The control: a secret that is logged is found, in each form.
  const [secret = '', what] = [...canaries][0] ?? [];
  for (const form of formsOf(secret)) {
    const lines: string[] = [];
    createLogger('debug', { write: (line: string) => void lines.push(line) }).info('x', { form: `x${form}x` });
    expect(leaksOf(lines)).toContain(what);
  }
});
