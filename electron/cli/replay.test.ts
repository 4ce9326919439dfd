import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { SLUICE } from '../../tests/fixtures/sluice.ts';

const home = mkdtempSync(join(tmpdir(), 'sluice-replay-'));
const tape = join(home, 'run.sluicetape');
const canUnshare = process.platform === 'linux' && spawnSync('unshare', ['-n', 'true']).status === 0;

const environment = () => ({ PATH: process.env.PATH, SLUICE_DATA: join(home, 'data') });

function sluice(args: string[], { input = '', wrap = [] as string[] } = {}) {
  const [program = '', ...rest] = [...wrap, process.execPath, SLUICE, ...args];
  const child = spawn(program, rest, { env: environment(), stdio: 'pipe' });
  const answer = { code: null as number | null, out: '', err: '' };
  child.stdout.on('data', (data) => {
    answer.out += String(data);
  });
  child.stderr.on('data', (data) => {
    answer.err += String(data);
  });
  child.stdin.end(input);
  return new Promise<typeof answer>((resolve) => child.on('close', (code) => resolve({ ...answer, code })));
}

const WORKFLOW = (port: number) => `name: Call
steps:
  start: { uses: trigger.manual }
  call:
    uses: http.request
    config: { url: "http://127.0.0.1:${port}/{{ $json.n }}" }
    connection: local
    retry: { count: 0, delayMs: 0, backoff: fixed }
  code:
    uses: code.typescript
    config: { script: scripts/double.ts }
  stamp:
    uses: items.set
    config: { fields: { id: =uuidv4(), at: =$now.toISO() } }
edges: [start -> call, call -> code, code -> stamp]
`;

let calls = 0;

beforeAll(async () => {
  const server = createServer((request, response) => {
    calls++;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ n: Number(request.url?.slice(1)) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const dir = join(home, 'project');
  await sluice(['new', dir, '--template', 'hello']);
  writeFileSync(join(dir, 'workflows', 'call.yaml'), WORKFLOW(port));
  writeFileSync(join(dir, 'connections.yaml'), 'local: { connector: http }\n');
  execFileSync('mkdir', ['-p', join(dir, 'scripts')]);
  writeFileSync(
    join(dir, 'scripts', 'double.ts'),
    'export default (item, ctx) => ({ doubled: item.json.body.n * 2, random: ctx.random() });\n',
  );
  const connections = join(home, 'connections.json');
  writeFileSync(
    connections,
    JSON.stringify({ local: { connector: 'http', secret: {}, hosts: [`127.0.0.1:${port}`] } }),
  );
  const input = JSON.stringify([{ n: 1 }, { n: 2 }]);
  const args = ['run', dir, 'call', '--input', '-', '--connections', connections, '--tape', tape];
  const run = await sluice(args, { input });
  expect(run).toMatchObject({ code: 0, err: expect.stringContaining('Tape') });
  expect(calls).toBe(2);
  // What would answer is gone.
  server.close();
  server.closeAllConnections();
}, 300_000);

test('a run that was kept as a tape replays equal, its code, ids and times among it, and calls nobody', async () => {
  const { code, out } = await sluice(['replay', tape]);
  expect({ code, out }).toMatchObject({
    code: 0,
    out: expect.stringContaining('The replay is equal to the tape: 3 step runs. The run succeeded.'),
  });
  expect(calls).toBe(2);
  const document = JSON.parse((await sluice(['replay', tape, '--json'])).out);
  expect(document).toMatchObject({
    result: 'equal',
    status: 'succeeded',
    otherRuntime: false,
    steps: [
      { stepId: 'call' },
      { stepId: 'code', outputs: { main: [{ json: { doubled: 2 } }, { json: { doubled: 4 } }] } },
      {},
    ],
  });
});

test.skipIf(!canUnshare)('a replay needs no network at all (needs root)', async () => {
  const cutOff = { wrap: ['unshare', '-n', '--'] };
  expect(await sluice(['replay', tape], cutOff)).toMatchObject({ code: 0, out: expect.stringContaining('equal') });
  // The same network is what a run cannot do without.
  const dir = join(home, 'project');
  const connections = join(home, 'connections.json');
  const run = await sluice(['run', dir, 'call', '--input', '-', '--connections', connections], {
    input: '{"n":1}',
    ...cutOff,
  });
  expect(run.code).toBe(1);
});

test('a replay goes to a step, and walks forward and back', async () => {
  const stopped = await sluice(['replay', tape, '--to', 'code']);
  expect(stopped.out).toContain('Equal to the tape as far as you asked: 2 step runs.');
  expect(stopped.out).toContain('"doubled":4');
  const walked = await sluice(['replay', tape, '--walk'], { input: 'n\nn\np\ncall\nq\n' });
  const places = [...walked.out.matchAll(/^ {3}\d {2}(\w+) /gm)].map(([, id]) => id);
  expect(places).toEqual(['call', 'code', 'stamp', 'code', 'call']);
  expect(await sluice(['replay', tape, '--to', 'nothing'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('no step nothing ended'),
  });
  expect(await sluice(['replay', tape, '--to', 'No Step'])).toMatchObject({ code: 2 });
});

test('what is no tape, and one that was altered, is refused with what to do', async () => {
  const bad = join(home, 'bad.sluicetape');
  expect(await sluice(['replay', join(home, 'none')])).toMatchObject({
    code: 1,
    err: expect.stringContaining('no such file'),
  });
  writeFileSync(bad, 'hello');
  expect(await sluice(['replay', bad])).toMatchObject({ code: 1, err: expect.stringContaining('not a tape') });
  const lines = gunzipSync(readFileSync(tape)).toString('utf8');
  writeFileSync(bad, gzipSync(lines.replace('"doubled":4', '"doubled":5')));
  expect(await sluice(['replay', bad])).toMatchObject({ code: 1, err: expect.stringContaining('altered or damaged') });
  const positive = join(home, 'same.sluicetape');
  writeFileSync(positive, gzipSync(lines));
  expect(await sluice(['replay', positive])).toMatchObject({ code: 0 });
});

test('a tape becomes a saved case, with its answers, ids and variables', async () => {
  const dir = join(home, 'project');
  const made = await sluice(['replay', tape, '--case', 'two-calls', '--project', dir]);
  expect(made).toMatchObject({ code: 0, out: expect.stringContaining('tests/two-calls.yaml') });
  const text = readFileSync(join(dir, 'tests', 'two-calls.yaml'), 'utf8');
  expect(text).toContain('status: succeeded');
  expect(text).toMatch(/effects:\n {2}call:\n {4}- status: 200/);
  expect(await sluice(['test', dir, '--case', 'two-calls'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('1 passed, 0 failed'),
  });
  const again = await sluice(['replay', tape, '--case', 'two-calls', '--project', dir]);
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('there is such a case already') });
  expect(await sluice(['replay', tape, '--case', '../x', '--project', dir])).toMatchObject({ code: 2 });
  // What it expects can fail: the script is broken, and the case says so.
  writeFileSync(join(dir, 'scripts', 'double.ts'), 'export default () => { throw new Error("broken"); };\n');
  expect(await sluice(['test', dir, '--case', 'two-calls'])).toMatchObject({ code: 1 });
});
