import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import { openControl, quietLogger, temporaryDir } from '../../tests/fixtures/agent.ts';
import { PROJECT_ID, type Sketch, sketchTree } from '../../tests/fixtures/engine.ts';
import { type Serving, serveProject } from './serve.ts';

let place: ReturnType<typeof temporaryDir>;
const serving: Serving[] = [];
beforeEach(() => {
  place = temporaryDir();
});
afterEach(async () => {
  await Promise.all(serving.splice(0).map((one) => one.stop()));
  place[Symbol.dispose]();
});

const SECOND = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';

async function serve(sketch: Sketch, { port = 0, second }: { port?: number; second?: Sketch } = {}) {
  const one = await serveProject(
    {
      tree: sketchTree(sketch, second ? { workflows: { [SECOND]: second } } : {}),
      environment: { name: 'local', vars: {} },
      connections: { sender: { connector: 'webhook', secret: { secret: 'it is a secret' }, hosts: [] } },
      dataDir: place.dir,
      runsFile: `${place.dir}/runs.db`,
      blobsDir: `${place.dir}/blobs`,
      host: '127.0.0.1',
      port,
    },
    {
      runtimeHash: 'a'.repeat(64),
      sandbox: { run: () => Promise.reject(new Error('no sandbox here')), close: async () => {} },
      log: quietLogger(),
    },
  );
  serving.push(one);
  return one;
}

const hook = (config: JsonObject) => ({ uses: 'trigger.webhook', config: { path: 'in', ...config } });
const set = (fields: JsonObject) => ({ uses: 'items.set', config: { fields, keepOthers: false } });
const respond = (config: JsonObject) => ({ uses: 'flow.respond', config });
/** A webhook that answers with what it got. */
const echo = (config: JsonObject = {}, body = '=$request'): Sketch => ({
  steps: { hook: hook({ answer: 'respond', ...config }), answer: respond({ body }) },
  edges: ['hook -> answer'],
});
const post = (url: string, body: RequestInit['body'], headers: Record<string, string> = {}) =>
  fetch(`${url}/hooks/in`, { method: 'POST', body, headers });
const problemOf = async (reply: Response) => (await reply.json()) as { code: string; status: number };

async function runsThere() {
  const control = openControl(place.dir);
  const { data } = control.list({ projectId: PROJECT_ID, limit: 1_000 });
  const runs = data.map((run) => ({ ...run, events: control.get(run.id)?.events ?? [] }));
  control.close();
  return runs;
}

describe('answers', () => {
  test('at once: 202 with the run, which then goes its way', async () => {
    const { url } = await serve({ steps: { hook: hook({}), add: set({ n: 1 }) }, edges: ['hook -> add'] });
    const reply = await post(url, '{}', { 'content-type': 'application/json' });
    expect(reply.status).toBe(202);
    const { runId } = (await reply.json()) as { runId: string };
    await expect.poll(async () => (await runsThere()).find(({ id }) => id === runId)?.status).toBe('succeeded');
  });

  test('by the workflow: its status, headers and body, before the run has ended', async () => {
    const { url } = await serve({
      steps: {
        hook: hook({ answer: 'respond' }),
        answer: respond({ status: 201, headers: { 'X-Made': 'here', 'Content-Length': '1' }, body: { n: '=1 + 1' } }),
        slow: { uses: 'flow.wait', config: { forMs: 86_400_000 } },
      },
      edges: ['hook -> answer', 'answer -> slow'],
    });
    const reply = await post(url, '{}');
    expect(reply.status).toBe(201);
    expect(reply.headers.get('x-made')).toBe('here');
    expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await reply.json()).toEqual({ n: 2 });
  });

  test('text stays text, and a body of more than a megabyte comes whole', async () => {
    const { url } = await serve(echo({ maxBytes: 4_000_000 }, '=$request.body'));
    const plain = await post(url, 'hello', { 'content-type': 'text/plain' });
    expect(plain.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await plain.text()).toBe('hello');
    const text = 'é'.repeat(900_000);
    const large = await post(url, JSON.stringify({ text }), { 'content-type': 'application/json' });
    expect(large.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await large.json()).toEqual({ text });
  });

  test('no respond step reached: 200 where the run succeeded, 500 where it failed', async () => {
    const { url } = await serve({
      steps: { hook: hook({ answer: 'respond' }), bad: set({ n: '=$json.body.a.b.c' }) },
      edges: ['hook -> bad'],
    });
    const good = await post(url, '{"a":{"b":{"c":1}}}', { 'content-type': 'application/json' });
    expect([good.status, Object.keys((await good.json()) as object)]).toEqual([200, ['runId']]);
    const bad = await post(url, '{}', { 'content-type': 'application/json' });
    expect([bad.status, Object.keys((await bad.json()) as object)]).toEqual([500, ['runId']]);
  });

  test('many callers at once get each their own', async () => {
    const { url } = await serve(echo({}, '=$request.body.n'));
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_value, n) => {
        const reply = await post(url, JSON.stringify({ n }), { 'content-type': 'application/json' });
        return reply.json();
      }),
    );
    expect(answers).toEqual(Array.from({ length: 100 }, (_value, n) => n));
  });
});

describe('what comes in', () => {
  test('path parameters, query, headers and a JSON body', async () => {
    const { url } = await serve(echo({ path: 'of/:team/:id', methods: ['POST', 'PUT'] }));
    const reply = await fetch(`${url}/hooks/of/the%20team/7?a=1&a=2&b=%20`, {
      method: 'PUT',
      body: '{"n":[1,{"m":2}]}',
      headers: { 'content-type': 'application/json', 'x-mine': 'yes' },
    });
    expect(await reply.json()).toMatchObject({
      method: 'PUT',
      params: { team: 'the team', id: '7' },
      query: { a: ['1', '2'], b: ' ' },
      headers: { 'x-mine': 'yes' },
      body: { n: [1, { m: 2 }] },
    });
  });

  test('a form, a text, nothing at all', async () => {
    const { url } = await serve(echo({}, '={ body: $request.body }'));
    const bodies = await Promise.all([
      post(
        url,
        new URLSearchParams([
          ['a', '1'],
          ['a', '2'],
          ['b', 'x y'],
        ]),
      ).then((reply) => reply.json()),
      post(url, 'just text', { 'content-type': 'text/plain' }).then((reply) => reply.json()),
      post(url, undefined).then((reply) => reply.json()),
    ]);
    expect(bodies).toEqual([{ body: { a: ['1', '2'], b: 'x y' } }, { body: 'just text' }, { body: null }]);
  });

  test('bytes become a file of the item', async () => {
    const { url } = await serve(echo({}, '=$binary.body'));
    const bytes = new Uint8Array([0, 255, 1, 254]);
    const reply = await post(url, bytes, { 'content-type': 'application/octet-stream' });
    expect(await reply.json()).toMatchObject({ bytes: 4, mime: 'application/octet-stream' });
  });

  test('names that mean something to an object are data like others', async () => {
    const { url } = await serve(echo({}, '=$request.body.n'));
    const body = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"n":1}';
    expect(await (await post(url, body, { 'content-type': 'application/json' })).json()).toBe(1);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('what is refused', () => {
  test('before anything is run: unknown paths, methods, bodies, senders', async () => {
    const { url } = await serve({
      steps: {
        hook: hook({ maxBytes: 100 }),
        signed: { ...hook({ path: 'signed', verify: 'github' }), connection: 'sender' },
        unbound: { ...hook({ path: 'unbound', verify: 'github' }), connection: 'nobody' },
      },
      edges: [],
    });
    const json = { 'content-type': 'application/json' };
    const refused = async (path: string, init: RequestInit = {}) => {
      const reply = await fetch(`${url}${path}`, { method: 'POST', ...init });
      expect(reply.headers.get('content-type')).toBe('application/problem+json');
      const { status, code } = await problemOf(reply);
      expect(reply.status).toBe(status);
      return `${status} ${code}`;
    };
    expect(await refused('/hooks/other')).toBe('404 hook.not_found');
    expect(await refused('/elsewhere')).toBe('404 hook.not_found');
    expect(await refused('/hooks/in', { method: 'PUT' })).toBe('405 hook.method_not_allowed');
    expect(await refused('/hooks/in', { body: '{"n":', headers: json })).toBe('400 hook.body_invalid');
    expect(await refused('/hooks/in', { body: '['.repeat(99) + ']'.repeat(1), headers: json })).toBe(
      '400 hook.body_invalid',
    );
    expect(await refused('/hooks/in', { body: 'x'.repeat(101) })).toBe('413 hook.body_too_large');
    expect(await refused('/hooks/signed', { body: '{}', headers: json })).toBe('401 hook.signature_invalid');
    const forged = { ...json, 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` };
    expect(await refused('/hooks/signed', { body: '{}', headers: forged })).toBe('401 hook.signature_invalid');
    expect(await refused('/hooks/unbound', { body: '{}', headers: json })).toBe('503 hook.unavailable');
    expect(await runsThere()).toEqual([]);
    const right = createHmac('sha256', 'it is a secret').update('{}').digest('hex');
    const signed = await fetch(`${url}/hooks/signed`, {
      method: 'POST',
      body: '{}',
      headers: { ...json, 'x-hub-signature-256': `sha256=${right}` },
    });
    expect(signed.status).toBe(202);
  });

  test('a body without an end that is announced is cut off where it is too long', async () => {
    const { url } = await serve({ steps: { hook: hook({ maxBytes: 1_000 }) }, edges: [] });
    const { port } = new URL(url);
    const request = httpRequest({ host: '127.0.0.1', port, path: '/hooks/in', method: 'POST' });
    request.on('error', () => undefined);
    for (let n = 0; n < 50; n++) request.write('x'.repeat(100));
    const [reply] = (await once(request, 'response')) as [{ statusCode: number; resume(): void }];
    expect(reply.statusCode).toBe(413);
    reply.resume();
    request.destroy();
  });

  test('a caller who leaves in the middle harms nobody', async () => {
    const { url } = await serve(echo({}, '=$request.body'));
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write('POST /hooks/in HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf');
    socket.destroy();
    expect(await (await post(url, 'still here', { 'content-type': 'text/plain' })).text()).toBe('still here');
  });
});

test('several webhooks may share a path, one for each method', async () => {
  const { url } = await serve(
    { ...echo({ methods: ['GET'] }, 'read') },
    { second: { ...echo({ methods: ['POST', 'PUT'] }, 'written') } },
  );
  expect(await (await fetch(`${url}/hooks/in`)).text()).toBe('read');
  expect(await (await post(url, '')).text()).toBe('written');
  const other = await fetch(`${url}/hooks/in`, { method: 'DELETE' });
  expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, POST, PUT']);
});

test('a webhook that is switched off does not listen', async () => {
  const { url, triggers } = await serve({ steps: { hook: { ...hook({}), disabled: true } }, edges: [] });
  expect((await post(url, '')).status).toBe(404);
  expect(triggers).toEqual([]);
});

describe('a delivery that comes again', () => {
  test('gets the first answer again and starts nothing, also while the first is still at work', async () => {
    const { url } = await serve({
      steps: {
        hook: hook({ answer: 'respond', idHeader: 'X-Delivery' }),
        pause: { uses: 'flow.wait', config: { forMs: 300 } },
        answer: respond({ status: 201, body: { id: '=uuidv4()' } }),
      },
      edges: ['hook -> pause', 'pause -> answer'],
    });
    const send = () => post(url, '{}', { 'x-delivery': 'one' });
    const [first, second] = await Promise.all([send(), send()]);
    const third = await send();
    const repeated = [first, second, third].map((reply) => reply.headers.get('sluice-repeated'));
    expect(repeated.filter((value) => value === 'true')).toHaveLength(2);
    expect(repeated[2]).toBe('true');
    const bodies = await Promise.all([first, second, third].map((reply) => reply.json()));
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
    expect([first.status, second.status, third.status]).toEqual([201, 201, 201]);
    expect(await runsThere()).toHaveLength(1);
    expect((await post(url, '{}', { 'x-delivery': 'two' })).headers.get('sluice-repeated')).toBeNull();
  });

  test('is known after a restart', async () => {
    const sketch: Sketch = { steps: { hook: hook({ idHeader: 'X-Delivery' }) }, edges: [] };
    const first = await serve(sketch);
    const { runId } = (await (await post(first.url, '{}', { 'x-delivery': 'one' })).json()) as { runId: string };
    await serving.pop()?.stop();
    const second = await serve(sketch);
    const again = await post(second.url, '{}', { 'x-delivery': 'one' });
    expect(again.headers.get('sluice-repeated')).toBe('true');
    expect(await again.json()).toEqual({ runId });
  });
});

describe('a workflow that takes no more', () => {
  test('says so with 429 and when to try again, and starts nothing', async () => {
    const { url } = await serve({ ...echo(), settings: { rate: { count: 2, perMs: 3_600_000 } } });
    const replies = [await post(url, '{}'), await post(url, '{}'), await post(url, '{}')];
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(Number(replies[2]?.headers.get('retry-after'))).toBeGreaterThan(3_500);
    expect(await problemOf(replies[2] as Response)).toMatchObject({ code: 'run.rate_exceeded' });
    expect(await runsThere()).toHaveLength(2);
  });

  test('answers a key that came before with the first run’s answer', async () => {
    const { url } = await serve({
      steps: { hook: hook({ answer: 'respond' }), answer: respond({ body: { id: '=uuidv4()' } }) },
      edges: ['hook -> answer'],
      settings: { idempotency: { key: '=$json.body.order', windowMs: 3_600_000 } },
    });
    const json = { 'content-type': 'application/json' };
    const send = async (order: number) => (await post(url, JSON.stringify({ order }), json)).json();
    const first = await send(1);
    expect(await send(1)).toEqual(first);
    expect(await send(2)).not.toEqual(first);
  });
});

describe('events', () => {
  const heard: Sketch = {
    steps: { on: { uses: 'trigger.event', config: { name: 'order.paid' } }, add: set({ got: '=$json.data.n' }) },
    edges: ['on -> add'],
  };
  const send = (url: string, body: unknown) =>
    fetch(`${url}/events`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });

  test('start every workflow that waits for their name, once for each id', async () => {
    const { url } = await serve(heard, { second: heard });
    const event = { name: 'order.paid', id: 'e1', data: { n: 7 } };
    const reply = await send(url, event);
    expect(reply.status).toBe(202);
    expect(await reply.json()).toMatchObject({ runIds: [expect.any(String), expect.any(String)], repeated: false });
    expect(await (await send(url, event)).json()).toMatchObject({ repeated: true });
    expect(await (await send(url, { ...event, name: 'other' })).json()).toEqual({ runIds: [], repeated: false });
    expect(await runsThere()).toHaveLength(2);
  });

  test('that are none are refused', async () => {
    const { url } = await serve(heard);
    const deep = `{"name":"order.paid","id":"e","data":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    for (const body of ['', '{', '[]', { name: 'order.paid' }, { name: '', id: 'e', data: 1 }, deep]) {
      const reply = await send(url, body);
      expect([reply.status, (await problemOf(reply)).code]).toEqual([400, 'hook.body_invalid']);
    }
    const wrong = await fetch(`${url}/events`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await runsThere()).toEqual([]);
  });
});

test('a port that is taken is said to be', async () => {
  const { url } = await serve(echo());
  const port = Number(new URL(url).port);
  await expect(serve(echo(), { port })).rejects.toMatchObject({ code: 'port.in_use', details: { port } });
});

test('it lists what it listens to', async () => {
  const { url, triggers } = await serve({
    steps: {
      hook: hook({ path: 'a/:b', methods: ['GET', 'POST'] }),
      on: { uses: 'trigger.event', config: { name: 'order.paid' } },
      daily: { uses: 'trigger.schedule', config: { cron: '0 7 * * *' } },
    },
    edges: [],
    settings: { timezone: 'Europe/Berlin' },
  });
  expect(triggers.map(({ kind, address }) => `${kind}: ${address}`)).toEqual([
    `webhook: GET, POST ${url}/hooks/a/:b`,
    `event: POST ${url}/events order.paid`,
    'schedule: 0 7 * * * Europe/Berlin',
  ]);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});

test('a stop answers whoever is still waiting, and leaves what waits to the next start', async () => {
  const sketch: Sketch = {
    steps: {
      hook: hook({ answer: 'respond' }),
      pause: { uses: 'flow.wait', config: { forMs: 1_000 } },
      answer: respond({ body: 'done' }),
    },
    edges: ['hook -> pause', 'pause -> answer'],
  };
  const { url } = await serve(sketch);
  const asked = post(url, '{}');
  await expect.poll(async () => (await runsThere()).length).toBe(1);
  await serving.pop()?.stop();
  expect(await (await asked).text()).toBe('done');
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
});

describe('schedules', () => {
  test('start one run for each planned time, with two servers on one store', async () => {
    const sketch: Sketch = {
      steps: {
        tick: { uses: 'trigger.schedule', config: { cron: '* * * * * *', overlap: 'allow' } },
        add: set({ at: '=$json.plannedAt' }),
      },
      edges: ['tick -> add'],
    };
    await Promise.all([serve(sketch), serve(sketch)]);
    const plannedTimes = async () =>
      (await runsThere()).flatMap(({ events }) =>
        events.flatMap((event) =>
          event.type === 'run.started' && 'items' in event.input ? [String(event.input.items[0]?.json.plannedAt)] : [],
        ),
      );
    await expect.poll(async () => (await plannedTimes()).length).toBeGreaterThanOrEqual(3);
    await Promise.all(serving.splice(0).map((one) => one.stop()));
    const planned = await plannedTimes();
    expect(new Set(planned).size).toBe(planned.length);
  });

  test('a time is skipped while the run before is still going, also one of another server', async () => {
    const sketch: Sketch = {
      steps: {
        tick: { uses: 'trigger.schedule', config: { cron: '* * * * * *' } },
        long: { uses: 'flow.wait', config: { forMs: 86_400_000 } },
      },
      edges: ['tick -> long'],
    };
    await Promise.all([serve(sketch), serve(sketch)]);
    await expect.poll(runsThere).toHaveLength(1);
    // Two more times pass.
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    expect(await runsThere()).toHaveLength(1);
  });

  test('with cancel the newer run ends the older', async () => {
    const sketch: Sketch = {
      steps: {
        tick: { uses: 'trigger.schedule', config: { cron: '* * * * * *', overlap: 'cancel' } },
        long: { uses: 'flow.wait', config: { forMs: 86_400_000 } },
      },
      edges: ['tick -> long'],
    };
    await serve(sketch);
    // Each second there is a newer one; in between, the older one is cancelled and the newer one is not.
    const counts = async () => {
      const statuses = (await runsThere()).map(({ status }) => status);
      const cancelled = statuses.filter((status) => status === 'cancelled').length;
      return [cancelled > 0, statuses.length - cancelled];
    };
    await expect.poll(counts).toEqual([true, 1]);
  });
});
