import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import type { Sketch } from '../../tests/fixtures/engine.ts';
import { createServingBench, type ServingBench } from '../../tests/fixtures/serving.ts';

let bench: ServingBench;
beforeEach(() => {
  bench = createServingBench();
});
afterEach(() => bench.close());

/** A run that says where it can be answered, waits, and then notes what came. */
const waiting = (uses: string, config: JsonObject, port = 'main'): Sketch => ({
  steps: {
    route: { uses: 'trigger.route', config: { path: 'begin' } },
    told: { uses: 'flow.respond', config: { body: { url: '=$run.resumeUrl' } } },
    wait: { uses, config },
    noted: { uses: 'items.set', config: { fields: { port }, keepOthers: true } },
  },
  edges: ['route -> told', 'told -> wait', `wait.${port} -> noted`],
});

async function begin(sketch: Sketch) {
  const { url } = await bench.serve(sketch);
  const reply = (await (await fetch(`${url}/api/begin`)).json()) as { url: string };
  await waitFor('waiting');
  return reply.url;
}
/** The run's events once it is in a state. */
async function waitFor(status: string) {
  for (let tries = 0; ; tries++) {
    const [run] = bench.runs();
    if (run?.status === status) return run.events;
    expect(tries, run?.status).toBeLessThan(6_000);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
const resumedOf = (events: Awaited<ReturnType<typeof waitFor>>) =>
  events.flatMap((event) => (event.type === 'run.resumed' ? [{ by: event.by, input: event.input }] : []));
const page = { accept: 'text/html' };
const post = (url: string, fields: Record<string, string>) =>
  fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers: page });

test('the page of an approval shows the question, and only a sent form answers it', async () => {
  const url = await begin(waiting('flow.approval', { message: 'Publish <b>3</b> entries?' }, 'approved'));
  const shown = await fetch(url, { headers: page });
  expect(shown.status).toBe(200);
  expect(shown.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
  expect(shown.headers.get('cache-control')).toBe('no-store');
  const text = await shown.text();
  expect(text).toContain('Publish &lt;b&gt;3&lt;/b&gt; entries?');
  expect(text).not.toContain('<script');
  await fetch(url, { method: 'HEAD' });
  expect(bench.runs()[0]?.status).toBe('waiting');
  const sent = await post(url, { wait: 'wait:0', answer: 'approve', comment: ' good ' });
  expect([sent.status, (await sent.text()).includes('Thank you')]).toEqual([200, true]);
  expect(resumedOf(await waitFor('succeeded'))).toEqual([{ by: 'link', input: { approved: true, comment: 'good' } }]);
  const again = await post(url, { wait: 'wait:0', answer: 'reject' });
  expect([again.status, (await again.text()).includes('Nothing waits here')]).toEqual([409, true]);
});

test('what an approval wants filled in is checked, and what was typed stays', async () => {
  const fields: JsonObject[] = [
    { name: 'reason', title: 'Reason', required: true },
    { name: 'amount', type: 'number' },
    { name: 'loud', type: 'boolean' },
  ];
  const url = await begin(waiting('flow.approval', { message: 'Well?', fields }, 'approved'));
  const bad = await post(url, { wait: 'wait:0', answer: 'approve', 'field.amount': 'many', comment: 'c <' });
  expect(bad.status).toBe(422);
  const text = await bad.text();
  expect(text).toContain('Reason is needed. amount must be a number.');
  expect(text).toContain('value="many"');
  expect(text).toContain('c &lt;');
  expect((await post(url, { wait: 'wait:0', 'field.reason': 'x' })).status).toBe(422);
  await post(url, {
    wait: 'wait:0',
    answer: 'approve',
    'field.reason': 'r',
    'field.amount': '2.5',
    'field.loud': 'yes',
  });
  expect(resumedOf(await waitFor('succeeded'))).toEqual([
    { by: 'link', input: { approved: true, fields: { reason: 'r', amount: 2.5, loud: true } } },
  ]);
});

test('a rejection needs nothing filled in', async () => {
  const fields = [{ name: 'reason', required: true }];
  const url = await begin(waiting('flow.approval', { message: 'Well?', fields }, 'rejected'));
  await post(url, { wait: 'wait:0', answer: 'reject' });
  expect(resumedOf(await waitFor('succeeded'))).toEqual([{ by: 'link', input: { approved: false } }]);
});

test('a program decides by JSON, and a reply becomes what the step gives', async () => {
  const decided = await begin(waiting('flow.approval', { message: 'Well?' }, 'approved'));
  const json = (body: unknown) => ({
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', authorization: 'Bearer of-somebody' },
  });
  const answer = await fetch(decided, json({ approved: true, comment: 'by a program' }));
  expect([answer.status, Object.keys((await answer.json()) as object)]).toEqual([202, ['runId']]);
  const events = await waitFor('succeeded');
  expect(resumedOf(events)).toMatchObject([{ input: { approved: true, comment: 'by a program' } }]);
});

test('the page of a step that waits for a reply asks too, and a program sends what it likes', async () => {
  const url = await begin(waiting('flow.waitFor', { message: 'The parcel?' }));
  expect(await (await fetch(url)).text()).toContain('The parcel?');
  const sent = await fetch(`${url}?a=1`, {
    method: 'POST',
    body: '{"n":1}',
    headers: { 'content-type': 'application/json', authorization: 'Bearer of-somebody' },
  });
  expect(sent.status).toBe(202);
  const events = await waitFor('succeeded');
  expect(resumedOf(events)).toMatchObject([{ by: 'webhook', input: { body: { n: 1 }, query: { a: '1' } } }]);
  expect(JSON.stringify(events)).not.toContain('of-somebody');
});

test('a wrong address is one of a run that is gone, whatever the method', async () => {
  const url = await begin(waiting('flow.approval', { message: 'Well?' }, 'approved'));
  const wrong = [
    `${url}x`,
    url.slice(0, -1),
    `${url}/more`,
    url.replace(/[^/]+$/, ''),
    url.replace(/resume\/[^/]+/, 'resume/x'),
  ];
  for (const address of wrong) {
    for (const method of ['GET', 'POST', 'PUT']) {
      const reply = await fetch(address, { method });
      expect([address, reply.status]).toEqual([address, 404]);
    }
  }
  const put = await fetch(url, { method: 'PUT' });
  expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  expect(bench.runs()[0]?.status).toBe('waiting');
});
