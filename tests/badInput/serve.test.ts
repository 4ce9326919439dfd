import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { call, folder, terminal } from './sluice.ts';

const SECRET = 'a long shared secret';
const HOOKS = `steps:
  signed_k3f9:
    name: Signed
    uses: trigger.webhook
    config: { path: signed, verify: github, answer: respond, maxBytes: 1000 }
    connection: hook
  open_k4f9: { name: Open, uses: trigger.webhook, config: { path: open, verify: none, answer: respond } }
  what_c2x7:
    name: What?
    uses: flow.switch
    config:
      cases:
        - { port: loop, when: =$json.body.do === 'loop' }
        - { port: memory, when: =$json.body.do === 'memory' }
  loop_a1b2: { name: Loop, uses: code.javascript, config: { code: "for (;;) {}" } }
  memory_a1b2:
    name: Memory
    uses: code.javascript
    config: { code: "const all = []; for (;;) all.push(new ArrayBuffer(8e6));" }
  answer_r8j5: { name: Answer, uses: flow.respond, config: { status: 200, body: { fine: =true } } }
edges:
  - signed_k3f9 -> answer_r8j5
  - open_k4f9 -> what_c2x7
  - what_c2x7.loop -> loop_a1b2
  - what_c2x7.memory -> memory_a1b2
  - what_c2x7.else -> answer_r8j5
  - loop_a1b2 -> answer_r8j5
  - memory_a1b2 -> answer_r8j5
`;

async function served() {
  const { sluice, project, serve } = terminal();
  const { dir } = await project(HOOKS);
  writeFileSync(join(dir, 'connections.yaml'), 'hook: { connector: webhook }\n');
  const connections = join(folder(), 'connections.json');
  writeFileSync(connections, JSON.stringify({ hook: { connector: 'webhook', secret: { secret: SECRET }, hosts: [] } }));
  const serving = await serve(dir, ['--connections', connections]);
  const runs = async () => JSON.parse((await sluice(['runs', dir, '--json'])).out).data as { status: string }[];
  return { ...serving, dir, sluice, runs, connections };
}

const signed = (body: string, secret = SECRET) => ({
  method: 'POST',
  headers: { 'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` },
  body,
});

test('a served webhook refuses what is not signed, too big or not there, says why, and takes the rest', async () => {
  const { url, runs, stop } = await served();
  expect(await call(`${url}/hooks/signed`, signed('{"a":1}'))).toEqual({ status: 200, body: { fine: true } });

  expect(await call(`${url}/hooks/signed`, signed('{"a":1}', 'another secret'))).toMatchObject({
    status: 401,
    body: { code: 'hook.signature_invalid', detail: expect.stringContaining('Compare the secret') },
  });
  expect(await call(`${url}/hooks/signed`, { method: 'POST', body: '{}' })).toMatchObject({
    status: 401,
    body: { title: expect.stringContaining('x-hub-signature-256 is missing') },
  });
  expect(await call(`${url}/hooks/signed`, signed('x'.repeat(1001)))).toMatchObject({
    status: 413,
    body: { code: 'hook.body_too_large', title: expect.stringContaining('1000 bytes'), detail: expect.any(String) },
  });
  expect(await call(`${url}/hooks/sigend`, signed('{}'))).toMatchObject({
    status: 404,
    body: {
      code: 'hook.not_found',
      title: 'No webhook listens at /hooks/sigend.',
      detail: 'There are: /hooks/signed, /hooks/open.',
    },
  });
  expect(await call(`${url}/hooks/signed`)).toMatchObject({ status: 405, body: { code: 'hook.method_not_allowed' } });

  expect(await call(`${url}/hooks/signed`, signed('{"a":2}'))).toMatchObject({ status: 200 });
  expect(await runs()).toMatchObject([{ status: 'succeeded' }, { status: 'succeeded' }]);
  expect(await stop()).toBe(0);
});

test('code that loops for ever or eats memory fails its step at its limit, and the service answers on', async () => {
  const { url, runs, dir, sluice } = await served();
  const open = (what: string) =>
    call(`${url}/hooks/open`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ do: what }),
    });
  const [loop, memory, meanwhile] = await Promise.all([open('loop'), open('memory'), open('nothing')]);
  expect([loop.status, memory.status, meanwhile.status]).toEqual([500, 500, 200]);
  expect(await open('nothing')).toEqual({ status: 200, body: { fine: true } });
  expect((await runs()).map(({ status }) => status).sort()).toEqual(['failed', 'failed', 'succeeded', 'succeeded']);
  const why = async ({ body }: { body: Record<string, unknown> }) =>
    (await sluice(['logs', dir, String(body.runId)])).out;
  expect(await why(loop)).toMatch(
    /step\.failed {2}loop_a1b2 {2}The code took longer than \d+ ms of CPU time and was stopped\./,
  );
  // Buffers are refused at the limit; lists would use up their CPU time first where a processor is slow.
  expect(await why(memory)).toMatch(/step\.failed {2}memory_a1b2 {2}RangeError: Array buffer allocation failed/);
});

test('a port that is taken is named with its holder and another is offered, which works', async () => {
  const { sluice, project, serve } = terminal();
  const { dir } = await project(HOOKS.replace('    connection: hook\n', '').replace('verify: github', 'verify: none'));
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  onTestFinished(() => void holder.close());
  const { port } = holder.address() as AddressInfo;
  const answer = await sluice(['serve', dir, '--port', String(port)]);
  expect(answer).toMatchObject({ code: 1, out: '' });
  const [what, advice] = answer.err.split('\n');
  expect(what).toMatch(
    process.platform === 'linux'
      ? `Port ${port} is taken by node (process ${process.pid}).`
      : new RegExp(`^Port ${port} is taken by .+\\.$`),
  );
  expect(advice).toBe(`Stop it, or choose another: --port ${port + 1}; --port 0 takes any free one.`);
  const { url } = await serve(dir);
  expect(await call(`${url}/hooks/signed`, { method: 'POST', body: '{}' })).toMatchObject({ status: 200 });
});

test('a second `sluice serve` on one project is told who has it, and the first goes on', async () => {
  const { url, pid, dir, sluice, stop, connections } = await served();
  const second = await sluice(['serve', dir, '--port', '0', '--connections', connections]);
  expect(second).toMatchObject({ code: 1, out: '' });
  expect(second.err).toMatch(new RegExp(`^sluice serve \\(process ${pid} on .+\\) has had this project open since `));
  expect(second.err).toContain('Go on there, or close it there');
  expect(await call(`${url}/hooks/signed`, signed('{}'))).toMatchObject({ status: 200 });
  // A run by hand is no second instance.
  const yaml = readFileSync(join(dir, 'workflows/main.yaml'), 'utf8');
  expect(await sluice(['validate', dir])).toMatchObject({ code: 0 });
  expect(readFileSync(join(dir, 'workflows/main.yaml'), 'utf8')).toBe(yaml);
  expect(await stop()).toBe(0);
});
