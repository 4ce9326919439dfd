import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import type { Sketch } from '../../tests/fixtures/engine.ts';
import { createServingBench, type ServingBench } from '../../tests/fixtures/serving.ts';

let bench: ServingBench;
beforeEach(() => {
  bench = createServingBench();
});
afterEach(() => bench.close());

const FIELDS: JsonObject[] = [
  { name: 'name', label: 'Your name', required: true, maxLength: 20 },
  { name: 'mail', label: 'E-mail', type: 'email', required: true, help: 'Only to answer you.' },
  { name: 'amount', type: 'number', min: 1, max: 10, whole: true },
  { name: 'day', type: 'date', min: '2026-01-01' },
  { name: 'kind', type: 'select', options: ['a & b', 'c'] },
  { name: 'text', type: 'textarea' },
  { name: 'agreed', label: 'I agree', type: 'checkbox', required: true },
];
const FILE = { name: 'photo', type: 'file', types: ['image/*'], maxBytes: 1_000 };
const GOOD = {
  name: ' Ann ',
  mail: 'ann@example.com',
  amount: '3',
  day: '2026-02-28',
  kind: 'a & b',
  text: 'x\r\ny',
  agreed: 'yes',
};

const sketch = (config: JsonObject = {}, settings: Sketch['settings'] = {}): Sketch => ({
  steps: {
    form: { uses: 'trigger.form', config: { path: 'contact', title: 'Write to us', fields: FIELDS, ...config } },
    note: { uses: 'items.set', config: { fields: {}, keepOthers: true } },
  },
  edges: ['form -> note'],
  settings,
});

/** What a browser does: keeps the cookie, finds the token of the page, sends fields back. */
async function open(url: string, cookie = '') {
  const reply = await fetch(url, { headers: cookie ? { cookie } : {} });
  const text = await reply.text();
  const kept = reply.headers.get('set-cookie')?.split(';')[0] ?? '';
  const send = (fields: Record<string, string | File>, headers: Record<string, string> = {}) => {
    const all = { sluice_token: tokenIn(text), ...fields };
    const hasFile = Object.values(all).some((one) => typeof one !== 'string');
    const body = hasFile ? new FormData() : new URLSearchParams();
    for (const [name, value] of Object.entries(all)) (body as FormData).append(name, value);
    return fetch(url, { method: 'POST', body, redirect: 'manual', headers: { cookie: kept, ...headers } });
  };
  return { reply, text, cookie: kept, send };
}
const tokenIn = (text: string) => /name="sluice_token" value="([^"]+)"/.exec(text)?.[1] ?? '';
const inputs = () =>
  bench.runs().flatMap(({ events }) => {
    const [first] = events;
    return first?.type === 'run.started' && 'items' in first.input ? first.input.items : [];
  });
async function allEnded() {
  await expect.poll(() => bench.runs().filter(({ status }) => status !== 'succeeded'), { interval: 10 }).toEqual([]);
}

describe('the page', () => {
  test('belongs to nobody else: no script, nothing loaded, in no frame, kept nowhere', async () => {
    const { url, triggers } = await bench.serve(sketch({ description: 'Say <what> you like.' }));
    expect(triggers).toMatchObject([{ kind: 'form', address: `${url}/forms/contact` }]);
    const { reply, text } = await open(`${url}/forms/contact`);
    expect(reply.status).toBe(200);
    const policy = reply.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; img-src data:; form-action 'self';/,
    );
    expect(policy).toContain("frame-ancestors 'none'");
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    expect(reply.headers.get('set-cookie')).toMatch(
      /^sluice-form=[\w-]{22}; Path=\/forms\/contact; HttpOnly; SameSite=Strict$/,
    );
    expect(text).not.toMatch(/<script|https?:\/\/|javascript:| on[a-z]+=/i);
    expect(text).toContain('prefers-color-scheme:dark');
    expect(text).toContain('Say &lt;what&gt; you like.');
  });

  test('each field has a label, its help and what it demands', async () => {
    const { url } = await bench.serve(sketch({ fields: [...FIELDS, FILE] }));
    const { text } = await open(`${url}/forms/contact`);
    for (const { name } of [...FIELDS, FILE]) {
      expect(text).toContain(`<label for="${name}">`);
      expect(text).toMatch(new RegExp(`<(?:input|select|textarea)[^>]* id="${name}"`));
    }
    expect(text).toMatch(
      /<input type="email" autocomplete="email" id="mail" name="mail" required aria-describedby="mail-help"/,
    );
    expect(text).toContain('<option>a &amp; b</option>');
    expect(text).toContain('enctype="multipart/form-data"');
    expect(text).toContain('amount (optional)');
    expect(text).not.toContain('Your name (optional)');
  });

  test('is found at its path alone, by GET, HEAD and POST', async () => {
    const { url } = await bench.serve(sketch());
    const status = async (path: string, method = 'GET') => (await fetch(`${url}${path}`, { method })).status;
    expect(await status('/forms/contact', 'HEAD')).toBe(200);
    expect(await status('/forms/other')).toBe(404);
    expect(await status('/forms/contact/')).toBe(404);
    const put = await fetch(`${url}/forms/contact`, { method: 'PUT' });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  });

  test('two forms of one path are not served', async () => {
    const both = sketch();
    both.steps.again = { uses: 'trigger.form', config: { path: '/contact', title: 'x', fields: [{ name: 'a' }] } };
    await expect(bench.serve(both)).rejects.toMatchObject({ code: 'config.invalid' });
  });
});

describe('what is sent', () => {
  test('starts a run with the values as their kinds say, and thanks', async () => {
    const { url } = await bench.serve(sketch({ thanks: 'We have it & will write.' }));
    const { send } = await open(`${url}/forms/contact`);
    const reply = await send({ ...GOOD, unknown: 'x' });
    expect([reply.status, reply.headers.get('set-cookie')]).toEqual([200, null]);
    expect(await reply.text()).toContain('We have it &amp; will write.');
    await allEnded();
    expect(bench.runs()).toMatchObject([{ trigger: 'form', triggerStepId: 'form' }]);
    expect(inputs()).toEqual([
      {
        json: {
          name: 'Ann',
          mail: 'ann@example.com',
          amount: 3,
          day: '2026-02-28',
          kind: 'a & b',
          text: 'x\ny',
          agreed: true,
          submittedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        },
      },
    ]);
  });

  test('what is left out is null, and a checkbox that is not ticked false', async () => {
    const { url } = await bench.serve(
      sketch({ fields: [{ name: 'a' }, { name: 'n', type: 'number' }, { name: 'c', type: 'checkbox' }] }),
    );
    const { send } = await open(`${url}/forms/contact`);
    expect((await send({ a: '  ' })).status).toBe(200);
    await allEnded();
    expect(inputs()).toMatchObject([{ json: { a: null, n: null, c: false } }]);
  });

  test('faults are said at their fields, and what was typed stays', async () => {
    const { url } = await bench.serve(sketch());
    const { send } = await open(`${url}/forms/contact`);
    const reply = await send({
      ...GOOD,
      name: 'a name of more than "twenty" <signs>',
      mail: 'nobody',
      amount: '2.5',
      day: '2026-02-30',
      kind: 'd',
      agreed: '',
    });
    expect(reply.status).toBe(422);
    const text = await reply.text();
    for (const fault of [
      'Write at most 20 characters',
      'Write an e-mail address',
      'Write a whole number.',
      'Write a date as',
      'Choose one of the list.',
      'Tick this to go on.',
    ])
      expect(text.split(fault).length, fault).toBe(3);
    expect(text).toContain('value="a name of more than &quot;twenty&quot; &lt;signs&gt;"');
    expect(text).toContain('value="nobody"');
    expect(text).toContain('value="2.5"');
    expect(text).toMatch(/<textarea[^>]*>\nx\ny<\/textarea>/);
    expect(text).toMatch(/id="mail"[^>]* aria-describedby="mail-help mail-fault" aria-invalid="true"/);
    expect(text).toContain('role="alert"');
    expect(text).toContain('<title>Not sent yet: Write to us</title>');
    expect(bench.runs()).toEqual([]);
  });

  test.each([
    ['amount', '0', 'Write 1 or more.'],
    ['amount', '11', 'Write 10 or less.'],
    ['amount', '1e1', 'Write a number'],
    ['amount', 'Infinity', 'Write a number'],
    ['day', '2025-12-31', 'Choose 2026-01-01 or later.'],
    ['day', '20260101', 'Write a date'],
    ['mail', 'a@b', 'e-mail address'],
    ['mail', 'a b@example.com', 'e-mail address'],
    ['mail', 'a@example.com\nBcc: x@example.com', 'e-mail address'],
    ['name', '', 'Fill this in.'],
  ])('%s = %j is refused', async (name, value, fault) => {
    const { url } = await bench.serve(sketch());
    const { send } = await open(`${url}/forms/contact`);
    const reply = await send({ ...GOOD, [name]: value });
    expect([reply.status, (await reply.text()).includes(fault)]).toEqual([422, true]);
  });

  test('sent twice is once', async () => {
    const { url } = await bench.serve(sketch());
    const { send } = await open(`${url}/forms/contact`);
    const replies = await Promise.all([send(GOOD), send(GOOD), send(GOOD)]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(bench.runs()).toHaveLength(1);
  });

  test('leads on where the form says, and the page may lead there', async () => {
    const { url } = await bench.serve(sketch({ redirectTo: 'https://example.com/thanks?a=1' }));
    const { send, reply } = await open(`${url}/forms/contact`);
    expect(reply.headers.get('content-security-policy')).toContain("form-action 'self' https://example.com;");
    const sent = await send(GOOD);
    expect([sent.status, sent.headers.get('location')]).toEqual([303, 'https://example.com/thanks?a=1']);
  });

  test.each([
    '//example.com',
    'javascript:alert(1)',
    'https://',
    '/a\nb',
    'data:text/html,x',
    '/\\example.com',
  ])('a form cannot lead on to %j', async (redirectTo) => {
    await expect(bench.serve(sketch({ redirectTo }))).rejects.toMatchObject({ code: 'config.invalid' });
  });

  test('a workflow that takes no more says so on the page, with what was typed', async () => {
    const { url } = await bench.serve(sketch({}, { rate: { count: 1, perMs: 3_600_000 } }));
    expect((await (await open(`${url}/forms/contact`)).send(GOOD)).status).toBe(200);
    const refused = await (await open(`${url}/forms/contact`)).send(GOOD);
    expect(refused.status).toBe(429);
    const text = await refused.text();
    expect(text).toContain('Please send it again later.');
    expect(text).toContain('value="ann@example.com"');
  });
});

describe('files', () => {
  const fields = [...FIELDS, FILE];
  const image = (bytes: number, type = 'image/png') => new File([new Uint8Array(bytes)], 'a.png', { type });

  test('come by reference, with their name among the values', async () => {
    const { url } = await bench.serve(sketch({ fields }));
    const { send } = await open(`${url}/forms/contact`);
    expect((await send({ ...GOOD, photo: image(1_000) })).status).toBe(200);
    await allEnded();
    expect(inputs()).toMatchObject([
      { json: { photo: 'a.png' }, binary: { photo: { bytes: 1_000, mime: 'image/png', name: 'a.png' } } },
    ]);
  });

  test('that do not fit are said at their field, and the rest stays', async () => {
    const { url } = await bench.serve(sketch({ fields: [...FIELDS, { ...FILE, required: true }] }));
    const { send } = await open(`${url}/forms/contact`);
    for (const [photo, fault] of [
      [image(1_001), 'Choose a file of at most 1 KB.'],
      [image(1, 'text/html'), 'Choose a file of the type image/*.'],
      [new File([], ''), 'Choose a file.'],
    ] as const) {
      const reply = await send({ ...GOOD, photo });
      const text = await reply.text();
      expect([reply.status, text.includes(fault), text.includes('value="ann@example.com"')]).toEqual([422, true, true]);
      expect(text).toContain('Files have to be chosen again.');
    }
    expect(bench.runs()).toEqual([]);
  });

  test('more than a form takes is refused without being read', async () => {
    const { url } = await bench.serve(sketch());
    const reply = await fetch(`${url}/forms/contact`, { method: 'POST', body: 'x'.repeat(1_048_577) });
    expect([reply.status, (await reply.text()).includes('What was sent is too large.')]).toEqual([413, true]);
  });
});

describe('what another site sends in somebody’s name is not taken', () => {
  test('without the token, the cookie, or with those of another page', async () => {
    const { url } = await bench.serve(sketch());
    const one = await open(`${url}/forms/contact`);
    const other = await open(`${url}/forms/contact`);
    const refused = async (reply: Promise<Response>) => {
      const { status } = await reply;
      expect(status).toBe(403);
    };
    await refused(one.send({ ...GOOD, sluice_token: '' }));
    await refused(one.send({ ...GOOD, sluice_token: tokenIn(other.text) }));
    await refused(one.send(GOOD, { cookie: '' }));
    await refused(
      one.send({ ...GOOD, sluice_token: tokenIn(one.text).replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) }),
    );
    await refused(one.send(GOOD, { 'sec-fetch-site': 'cross-site' }));
    await refused(one.send(GOOD, { 'sec-fetch-site': 'same-site' }));
    await refused(one.send(GOOD, { origin: 'https://evil.example.com' }));
    expect(bench.runs()).toEqual([]);
    const text = await (await one.send({ ...GOOD, sluice_token: '' })).text();
    expect(text).toContain('Please send it again.');
    expect(text).toContain('value="ann@example.com"');
    expect((await one.send(GOOD, { origin: url })).status).toBe(200);
    // A browser that keeps the address to itself says this of its own page.
    expect((await other.send(GOOD, { origin: 'null' })).status).toBe(200);
  });

  test('two pages open in one browser can both be sent, also after the server began anew', async () => {
    const { url } = await bench.serve(sketch());
    const one = await open(`${url}/forms/contact`);
    const other = await open(`${url}/forms/contact`, one.cookie);
    expect(other.cookie).toBe(one.cookie);
    expect((await one.send(GOOD)).status).toBe(200);
    await bench.stop();
    const anew = await bench.serve(sketch());
    const reply = await fetch(`${anew.url}/forms/contact`, {
      method: 'POST',
      body: new URLSearchParams({ ...GOOD, sluice_token: tokenIn(other.text) }),
      headers: { cookie: other.cookie },
    });
    expect(reply.status).toBe(200);
    expect(bench.runs()).toHaveLength(2);
  });

  test('a token of another form does not hold', async () => {
    const both = sketch();
    both.steps.again = { uses: 'trigger.form', config: { path: 'again', title: 'x', fields: FIELDS } };
    const { url } = await bench.serve(both);
    const one = await open(`${url}/forms/contact`);
    const other = await open(`${url}/forms/again`);
    const crossed = await one.send({ ...GOOD, sluice_token: tokenIn(other.text) }, { cookie: other.cookie });
    expect(crossed.status).toBe(403);
  });
});
