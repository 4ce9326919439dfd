import { request as httpRequest } from 'node:http';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import { type Sketch, sketchTree, sketchWorkflow } from '../../tests/fixtures/engine.ts';
import { createServingBench, type ServingBench } from '../../tests/fixtures/serving.ts';

let bench: ServingBench;
beforeEach(() => {
  bench = createServingBench();
});
afterEach(() => bench.close());

const route = (config: JsonObject, more: object = {}) => ({ uses: 'trigger.route', config, ...more });
const respond = (config: JsonObject) => ({ uses: 'flow.respond', config });
/** A route that answers with what it got. */
const echo = (config: JsonObject, body: JsonObject[string] = '=$request', more: object = {}): Sketch => ({
  steps: { route: route(config, more), answer: respond({ body }) },
  edges: ['route -> answer'],
});
/** One workflow for each. */
const project = (...sketches: Sketch[]) => {
  const [first = { steps: {}, edges: [] }, ...others] = sketches;
  const tree = sketchTree(first);
  for (const [index, sketch] of others.entries())
    tree.workflows[`0199f2c4-6a02-7c11-8b7e-2d9f4c5e6b${String(index).padStart(2, '0')}`] = sketchWorkflow(sketch);
  return tree;
};
const json = (body: unknown, headers: Record<string, string> = {}, method = 'POST') => ({
  method,
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json', ...headers },
});
type Problem = {
  code: string;
  title: string;
  detail?: string;
  details: { fields: { field: string; message: string }[] };
};

describe('addresses', () => {
  test('parameters, query, headers and body come to the run, and the answer of the workflow to the caller', async () => {
    const { url, triggers } = await bench.serve(echo({ method: 'PUT', path: '/items/:id' }));
    expect(triggers).toMatchObject([{ kind: 'route', address: `PUT ${url}/api/items/:id` }]);
    const reply = await fetch(
      `${url}/api/items/a%2Fb?x=1&x=2`,
      json({ n: 1 }, { 'x-mine': 'yes', cookie: 'a=b' }, 'PUT'),
    );
    expect(reply.status).toBe(200);
    const item = (await reply.json()) as JsonObject;
    expect(item).toMatchObject({
      method: 'PUT',
      path: '/api/items/a%2Fb',
      params: { id: 'a/b' },
      query: { x: ['1', '2'] },
      headers: { 'x-mine': 'yes' },
      body: { n: 1 },
    });
    expect(item.headers).not.toHaveProperty('cookie');
    expect(bench.runs()).toMatchObject([{ trigger: 'route', triggerStepId: 'route' }]);
  });

  test('of two routes that match, the one that is written out answers', async () => {
    const { url } = await bench.serve(
      project(
        echo({ path: 'items/:id' }, 'any'),
        echo({ path: 'items/new' }, 'new'),
        echo({ path: ':kind/new/x' }, 'x'),
      ),
    );
    const text = async (path: string) => (await fetch(`${url}/api/${path}`)).text();
    expect(await Promise.all(['items/7', 'items/new', 'items/new/x'].map(text))).toEqual(['any', 'new', 'x']);
  });

  test('an unknown path is 404, an unknown method 405 with those there are, and neither starts a run', async () => {
    const { url } = await bench.serve(
      project(echo({ path: 'items' }), echo({ path: 'items', method: 'POST' }), echo({ path: 'a.b' })),
    );
    const unknown = await fetch(`${url}/api/other`);
    expect([unknown.status, ((await unknown.json()) as Problem).code]).toEqual([404, 'hook.not_found']);
    expect((await fetch(`${url}/api/aXb`)).status).toBe(404);
    expect((await fetch(`${url}/api/items/`)).status).toBe(404);
    const wrong = await fetch(`${url}/api/items`, { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST, OPTIONS']);
    const asked = await fetch(`${url}/api/items`, { method: 'OPTIONS' });
    expect([asked.status, asked.headers.get('allow')]).toEqual([204, 'GET, HEAD, POST, OPTIONS']);
    expect(bench.runs()).toEqual([]);
  });

  test('HEAD gets what GET gets, without the body', async () => {
    const { url } = await bench.serve(echo({ path: 'items' }, 'grüße'));
    const head = await fetch(`${url}/api/items`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '7', '']);
  });

  test('two routes of one method and path are not served, whatever their parameters are called', async () => {
    const both = project(echo({ path: 'items/:id' }), echo({ path: '/items/:key' }));
    await expect(bench.serve(both)).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining('GET /api/items/:key'),
    });
  });

  test.each([
    'items/../x',
    'items//x',
    'items/:',
    'items?x',
    '',
    '/',
    'it ems',
  ])('the path %j is refused', async (path) => {
    await expect(bench.serve(echo({ path }))).rejects.toMatchObject({ code: 'config.invalid' });
  });
});

describe('validation', () => {
  const checked: JsonObject = {
    method: 'POST',
    path: 'items/:id',
    params: { properties: { id: { type: 'integer', minimum: 1 } } },
    query: {
      properties: {
        limit: { type: 'integer', maximum: 100, default: 20 },
        tags: { type: 'array', items: { type: 'string' } },
        deep: { type: 'boolean' },
      },
      additionalProperties: false,
    },
    headers: { required: ['x-version'], properties: { 'x-version': { enum: ['1', '2'] } } },
    body: {
      type: 'object',
      required: ['name', 'lines'],
      properties: {
        name: { type: 'string', minLength: 1 },
        mail: { type: 'string', format: 'email' },
        lines: { type: 'array', items: { type: 'object', properties: { price: { type: 'number' } } } },
      },
      additionalProperties: false,
    },
  };

  test('what fits comes with numbers, lists and defaults as the schemas say', async () => {
    const { url } = await bench.serve(echo(checked));
    const reply = await fetch(
      `${url}/api/items/7?tags=a&deep=true`,
      json({ name: 'x', lines: [{ price: 1.5 }] }, { 'x-version': '2' }),
    );
    expect(await reply.json()).toMatchObject({
      params: { id: 7 },
      query: { limit: 20, tags: ['a'], deep: true },
      body: { name: 'x', lines: [{ price: 1.5 }] },
    });
  });

  test('what does not fit is refused with the name of each field, and nothing is run', async () => {
    const { url } = await bench.serve(echo(checked));
    const reply = await fetch(
      `${url}/api/items/zero?limit=101&other=1`,
      json({ mail: 'nobody', lines: [{ price: '1' }], extra: 1 }),
    );
    expect([reply.status, reply.headers.get('content-type')]).toEqual([400, 'application/problem+json']);
    const problem = (await reply.json()) as Problem;
    expect(problem.code).toBe('route.input_invalid');
    const fields = problem.details.fields.map(({ field }) => field);
    for (const name of [
      'params.id',
      'query.limit',
      'query.other',
      'headers.x-version',
      'body.name',
      'body.mail',
      'body.lines.0.price',
      'body.extra',
    ])
      expect(fields).toContain(name);
    expect(problem.details.fields.find(({ field }) => field === 'body.name')?.message).toBe('is missing');
    expect(bench.runs()).toEqual([]);
  });

  test('no body where one is described is a fault of the body', async () => {
    const { url } = await bench.serve(echo({ method: 'POST', path: 'a', body: { type: 'object' } }));
    const reply = await fetch(`${url}/api/a`, { method: 'POST' });
    expect([reply.status, ((await reply.json()) as Problem).details.fields]).toEqual([
      400,
      [{ field: 'body', rule: 'required', message: 'is missing' }],
    ]);
  });

  test('a number that is written otherwise is no number', async () => {
    const { url } = await bench.serve(
      echo({ path: ':n', params: { properties: { n: { type: 'number' } } } }, '=$request.params.n'),
    );
    const status = async (n: string) => (await fetch(`${url}/api/${n}`)).status;
    expect(
      await Promise.all(['-1.50', '0', '1e3', '0x10', '%201', '01', 'Infinity', '12345678901234567890'].map(status)),
    ).toEqual([200, 200, 400, 400, 400, 400, 400, 400]);
  });

  test('a schema that cannot be used is said at once, with the route', async () => {
    await expect(bench.serve(echo({ path: 'a', query: { $ref: 'https://example.com/x' } }))).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining('GET a, its schema of query'),
    });
  });

  test('names that mean something to an object are data like others', async () => {
    const { url } = await bench.serve(
      echo({ method: 'POST', path: 'a', query: { properties: {} } }, '=$request.body.n'),
    );
    const reply = await fetch(`${url}/api/a?__proto__=1&constructor=2`, {
      ...json({}),
      body: '{"__proto__":{"polluted":1},"n":1}',
    });
    expect(await reply.json()).toBe(1);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('bodies', () => {
  test('a form and a multipart body are fields, read as their schema says', async () => {
    const body = { required: ['n'], properties: { n: { type: 'integer' }, tags: { type: 'array' } } };
    const { url } = await bench.serve(
      echo({ method: 'POST', path: 'a', accepts: ['form', 'multipart'], body }, '=$request.body'),
    );
    const entries: [string, string][] = [
      ['n', '3'],
      ['tags', 'x y'],
    ];
    const form = await fetch(`${url}/api/a`, { method: 'POST', body: new URLSearchParams(entries) });
    expect(await form.json()).toEqual({ n: 3, tags: ['x y'] });
    const data = new FormData();
    for (const [name, value] of entries) data.append(name, value);
    const multipart = await fetch(`${url}/api/a`, { method: 'POST', body: data });
    expect(await multipart.json()).toEqual({ n: 3, tags: ['x y'] });
  });

  test('a body of a type that is not taken is 415', async () => {
    const { url } = await bench.serve(echo({ method: 'POST', path: 'a' }));
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/octet-stream']) {
      const reply = await fetch(`${url}/api/a`, { method: 'POST', body: 'a=1', headers: { 'content-type': type } });
      expect([reply.status, ((await reply.json()) as Problem).code]).toEqual([415, 'route.media_unsupported']);
    }
    expect(bench.runs()).toEqual([]);
  });

  test('files come by reference, and go back as they came, to be saved and not shown', async () => {
    const { url } = await bench.serve({
      steps: {
        route: route({
          method: 'POST',
          path: 'photos',
          accepts: ['multipart'],
          files: [{ name: 'photo', required: true, types: ['image/*'], maxBytes: 3_000_000 }],
        }),
        answer: respond({ status: 201, headers: { 'X-Size': '={{ $binary.photo.bytes }} bytes' }, file: 'photo' }),
      },
      edges: ['route -> answer'],
    });
    const bytes = new Uint8Array(2_500_000).map((_one, index) => index % 251);
    const data = new FormData();
    data.append('photo', new File([bytes], 'an "image" ü.png', { type: 'image/png' }));
    const reply = await fetch(`${url}/api/photos`, { method: 'POST', body: data });
    expect(reply.status).toBe(201);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'x-size': '2500000 bytes',
      'content-type': 'image/png',
      'content-length': '2500000',
      'x-content-type-options': 'nosniff',
    });
    expect(reply.headers.get('content-disposition')).toMatch(/^attachment; filename\*=UTF-8''an%20.*%C3%BC\.png$/);
    expect(Buffer.from(await reply.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true);
  });

  test('files that are missing, of another type, too large, twice or unknown are refused by name', async () => {
    const { url } = await bench.serve(
      echo({
        method: 'POST',
        path: 'photos',
        accepts: ['multipart'],
        files: [{ name: 'photo', required: true, types: ['image/png'], maxBytes: 1_000 }, { name: 'other' }],
      }),
    );
    const file = (bytes: number, type = 'image/png') => new File([new Uint8Array(bytes)], 'x', { type });
    const send = async (...files: [string, File | string][]) => {
      const data = new FormData();
      for (const [name, value] of files) data.append(name, value);
      const reply = await fetch(`${url}/api/photos`, { method: 'POST', body: data });
      const { code, title } = (await reply.json()) as Problem;
      return `${reply.status} ${code} ${title}`;
    };
    expect(await send(['other', file(1)])).toMatch(/^400 route.input_invalid .*files\.photo: is missing/);
    expect(await send(['photo', file(1, 'text/html')])).toMatch(
      /^400 route.input_invalid .*text\/html, not image\/png/,
    );
    expect(await send(['photo', file(1_001)])).toMatch(/^413 hook.body_too_large .*photo/);
    expect(await send(['photo', file(1)], ['photo', file(1)])).toMatch(/^400 hook.body_invalid .*photo/);
    expect(await send(['photo', file(1)], ['secret', file(1)])).toMatch(/^400 hook.body_invalid .*secret/);
    expect(await send(['photo', file(1)], ['text', 'x'.repeat(1_048_577)])).toMatch(/^413 hook.body_too_large .*text/);
    expect(bench.runs()).toEqual([]);
    expect(await send(['photo', file(1_000)])).toMatch(/^200/);
  });

  test.each([
    ['no boundary', 'multipart/form-data', '--x'],
    [
      'no end',
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data; name="a"; filename="b"\r\n\r\nhalf',
    ],
    ['nothing in it', 'multipart/form-data; boundary=x', 'rubbish'],
  ])('a multipart body with %s is refused and does not hang', async (_what, type, body) => {
    const { url } = await bench.serve(
      echo({ method: 'POST', path: 'a', accepts: ['multipart'], files: [{ name: 'a', required: true }] }),
    );
    const reply = await fetch(`${url}/api/a`, { method: 'POST', body, headers: { 'content-type': type } });
    expect(reply.status).toBe(400);
    expect(bench.runs()).toEqual([]);
  });

  test('a body that is too large is 413, announced or not', async () => {
    const { url } = await bench.serve(echo({ method: 'POST', path: 'a', maxBytes: 100 }));
    expect((await fetch(`${url}/api/a`, json('x'.repeat(98)))).status).toBe(200);
    expect((await fetch(`${url}/api/a`, json('x'.repeat(99)))).status).toBe(413);
    const { port } = new URL(url);
    const status = await new Promise((resolve) => {
      const request = httpRequest({ host: '127.0.0.1', port, path: '/api/a', method: 'POST' }, (reply) => {
        resolve(reply.statusCode);
        reply.resume();
        request.destroy();
      });
      request.on('error', () => undefined);
      for (let n = 0; n < 50; n++) request.write('x'.repeat(100));
    });
    expect(status).toBe(413);
  });
});

describe('callers', () => {
  const KEYS = 'shop: 0123456789abcdef\n\nfedcba9876543210';
  const keys = (secret: JsonObject) => ({ callers: { connector: 'route', secret, hosts: [] } });
  const guarded = (auth: string) => echo({ path: 'a', auth }, '=$json.caller', { connection: 'callers' });

  test('an API key lets in, says who calls, and stands in no journal', async () => {
    const { url } = await bench.serve(guarded('api_key'), keys({ keys: KEYS }));
    const call = (key: string) => fetch(`${url}/api/a`, { headers: { 'X-API-Key': key } });
    expect(await (await call('0123456789abcdef')).json()).toEqual({ name: 'shop' });
    expect(await (await call('fedcba9876543210')).json()).toEqual({ name: null });
    expect(JSON.stringify(bench.runs())).not.toMatch(/0123456789abcdef|fedcba9876543210/);
  });

  test('without a key that holds it is 401, before anything is read or run', async () => {
    const { url } = await bench.serve(guarded('api_key'), keys({ keys: KEYS, header: 'X-Key' }));
    for (const headers of [{}, { 'x-key': '' }, { 'x-key': '0123456789abcdeF' }, { 'x-api-key': '0123456789abcdef' }]) {
      const reply = await fetch(`${url}/api/a`, { headers: headers as Record<string, string> });
      expect([reply.status, reply.headers.get('www-authenticate')]).toEqual([401, 'ApiKey']);
      expect(((await reply.json()) as Problem).code).toBe('route.unauthenticated');
    }
    expect(bench.runs()).toEqual([]);
  });

  test.each([
    ['no connection', {}],
    ['no keys', keys({})],
    ['keys that are guessed', keys({ keys: 'a: short' })],
  ])('with %s nobody is let in', async (_what, connections) => {
    const { url } = await bench.serve(guarded('api_key'), connections);
    expect((await fetch(`${url}/api/a`, { headers: { 'X-API-Key': 'short' } })).status).toBe(503);
    expect((await fetch(`${url}/api/a`, { headers: { 'X-API-Key': '' } })).status).toBe(503);
  });

  const SECRET = 'a shared secret of more than 32 characters';
  const signed = (claims: JsonObject, alg: string, key: Parameters<SignJWT['sign']>[0], kid?: string) =>
    new SignJWT({ iss: 'us', aud: 'items', exp: Math.floor(Date.now() / 1_000) + 60, ...claims })
      .setProtectedHeader({ alg, ...(kid ? { kid } : {}) })
      .sign(key);
  const text = (secret: string) => new TextEncoder().encode(secret);
  const asker = (url: string) => async (token: string) => {
    const reply = await fetch(`${url}/api/a`, { headers: { authorization: `Bearer ${token}` } });
    return reply.status === 200 ? ((await reply.json()) as JsonObject) : reply.status;
  };

  test('a token lets in while its signature, algorithm, time, issuer and audience hold', async () => {
    const { url } = await bench.serve(guarded('jwt'), keys({ tokenKey: SECRET, issuer: 'us', audience: 'items' }));
    const ask = asker(url);
    const key = text(SECRET);
    expect(await ask(await signed({ sub: 'u1', scope: 'read' }, 'HS256', key))).toMatchObject({
      sub: 'u1',
      scope: 'read',
    });
    expect(await ask(await signed({}, 'HS384', key))).toBe(401);
    expect(await ask(await signed({}, 'HS256', text(`${SECRET}!`)))).toBe(401);
    expect(await ask(await signed({ exp: Math.floor(Date.now() / 1_000) - 3_600 }, 'HS256', key))).toBe(401);
    expect(await ask(await signed({ nbf: Math.floor(Date.now() / 1_000) + 3_600 }, 'HS256', key))).toBe(401);
    expect(await ask(await signed({ iss: 'them' }, 'HS256', key))).toBe(401);
    expect(await ask(await signed({ aud: 'others' }, 'HS256', key))).toBe(401);
    const endless = await new SignJWT({ iss: 'us', aud: 'items' }).setProtectedHeader({ alg: 'HS256' }).sign(key);
    expect(await ask(endless)).toBe(401);
    const [, body] = (await signed({}, 'HS256', key)).split('.');
    expect(await ask(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`)).toBe(401);
    expect(await ask('rubbish')).toBe(401);
    const none = await fetch(`${url}/api/a`);
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(bench.runs()).toHaveLength(1);
  });

  test('a public key in PEM and a JWKS are taken, and a public key is never a shared secret', async () => {
    const one = await generateKeyPair('ES256');
    const other = await generateKeyPair('ES256');
    const jwks = JSON.stringify({
      keys: [
        { ...(await exportJWK(other.publicKey)), kid: 'old', alg: 'ES256' },
        { ...(await exportJWK(one.publicKey)), kid: 'new', alg: 'ES256' },
      ],
    });
    const pem = await exportSPKI(one.publicKey);
    const inPem = asker((await bench.serve(guarded('jwt'), keys({ tokenKey: pem, algorithm: 'ES256' }))).url);
    expect(await inPem(await signed({ sub: 'u1' }, 'ES256', one.privateKey))).toMatchObject({ sub: 'u1' });
    expect(await inPem(await signed({}, 'ES256', other.privateKey))).toBe(401);
    expect(await inPem(await signed({}, 'HS256', text(pem)))).toBe(401);
    const inSet = asker((await bench.serve(guarded('jwt'), keys({ tokenKey: jwks, algorithm: 'ES256' }))).url);
    expect(await inSet(await signed({ sub: 'u2' }, 'ES256', one.privateKey, 'new'))).toMatchObject({ sub: 'u2' });
    expect(await inSet(await signed({}, 'ES256', one.privateKey, 'old'))).toBe(401);
    expect(await inSet(await signed({}, 'ES256', one.privateKey, 'none'))).toBe(401);
    const mistaken = asker((await bench.serve(guarded('jwt'), keys({ tokenKey: pem, algorithm: 'HS256' }))).url);
    expect(await mistaken(await signed({}, 'HS256', text(pem)))).toBe(503);
  });
});

describe('pages of other origins', () => {
  const PAGE = 'https://app.example.com';
  const cors = { origins: [PAGE], credentials: true, expose: ['X-Total'] };
  const preflight = (url: string, origin: string, method = 'POST') =>
    fetch(url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': method } });

  test('a listed origin is answered before it calls, without a run; another is named nowhere', async () => {
    const { url } = await bench.serve(echo({ method: 'POST', path: 'a', cors }));
    const asked = await preflight(`${url}/api/a`, PAGE);
    expect(asked.status).toBe(204);
    expect(Object.fromEntries(asked.headers)).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'Content-Type, Authorization, X-API-Key',
      'access-control-max-age': '600',
      vary: 'Origin',
    });
    for (const origin of [
      'https://evil.example.com',
      'null',
      `${PAGE}.evil.example.com`,
      PAGE.replace('https', 'http'),
    ]) {
      const other = await preflight(`${url}/api/a`, origin);
      expect([other.status, other.headers.get('access-control-allow-origin')]).toEqual([204, null]);
    }
    expect(bench.runs()).toEqual([]);
  });

  test('answers and refusals can be read by the page', async () => {
    const { url } = await bench.serve(echo({ method: 'POST', path: 'a', cors, body: { type: 'object' } }));
    const good = await fetch(`${url}/api/a`, json({}, { origin: PAGE }));
    expect([good.status, good.headers.get('access-control-allow-origin')]).toEqual([200, PAGE]);
    expect(good.headers.get('access-control-expose-headers')).toBe('X-Total');
    const bad = await fetch(`${url}/api/a`, json([], { origin: PAGE }));
    expect([bad.status, bad.headers.get('access-control-allow-origin')]).toEqual([400, PAGE]);
  });

  test('what a workflow says of origins does not widen what its route says', async () => {
    const { url } = await bench.serve({
      steps: {
        route: route({ path: 'a', cors }),
        answer: respond({ headers: { 'Access-Control-Allow-Origin': '*', Vary: 'Accept' } }),
      },
      edges: ['route -> answer'],
    });
    const reply = await fetch(`${url}/api/a`, { headers: { origin: 'https://evil.example.com' } });
    expect(reply.headers.get('access-control-allow-origin')).toBeNull();
    expect(reply.headers.get('vary')).toBe('Accept, Origin');
  });

  test('every origin, but never with credentials', async () => {
    const { url } = await bench.serve(echo({ path: 'a', cors: { origins: ['*'] } }));
    const reply = await fetch(`${url}/api/a`, { headers: { origin: PAGE } });
    expect(reply.headers.get('access-control-allow-origin')).toBe('*');
    expect(reply.headers.get('access-control-allow-credentials')).toBeNull();
    await expect(bench.serve(echo({ path: 'a', cors: { origins: ['*'], credentials: true } }))).rejects.toMatchObject({
      code: 'config.invalid',
    });
  });

  test('a route that says nothing of other origins answers nothing to them', async () => {
    const { url } = await bench.serve(echo({ method: 'POST', path: 'a' }));
    const asked = await preflight(`${url}/api/a`, PAGE);
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, null]);
  });
});

test('at once: 202 with the run', async () => {
  const { url } = await bench.serve(echo({ method: 'POST', path: 'a', answer: 'at_once' }));
  const reply = await fetch(`${url}/api/a`, json({}));
  expect([reply.status, Object.keys((await reply.json()) as object)]).toEqual([202, ['runId']]);
});
