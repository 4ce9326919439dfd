import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { SLUICE } from '../../tests/fixtures/sluice.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'sluice-cli-data-'));

type Answer = { code: number | null; out: string; err: string };

function start(args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [SLUICE, ...args], {
    env: { PATH: process.env.PATH, SLUICE_DATA: dataDir, ...env },
    stdio: 'pipe',
  });
}

/** Runs the command line as a person would. */
function sluice(args: string[], input = ''): Promise<Answer> {
  const child = start(args);
  const answer: Answer = { code: null, out: '', err: '' };
  child.stdout?.on('data', (data) => {
    answer.out += String(data);
  });
  child.stderr?.on('data', (data) => {
    answer.err += String(data);
  });
  child.stdin?.end(input);
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...answer, code })));
}

async function project(template: string, change: Record<string, (text: string) => string> = {}): Promise<string> {
  const dir = join(mkdtempSync(join(tmpdir(), 'sluice-cli-')), 'project');
  expect(await sluice(['new', dir, '--template', template])).toMatchObject({ code: 0 });
  for (const [path, work] of Object.entries(change))
    writeFileSync(join(dir, path), work(readFileSync(join(dir, path), 'utf8')));
  return dir;
}

test('every command explains itself with an example', async () => {
  const { out, code } = await sluice(['--help']);
  expect(code).toBe(0);
  const commands = [...out.matchAll(/^ {2}([a-z-]+) \[options\]/gm)].map((match) => match[1] ?? '');
  expect(commands).toEqual(
    expect.arrayContaining(['new', 'validate', 'run', 'test', 'serve', 'runs', 'logs', 'cloud']),
  );
  const helps = await Promise.all(commands.map((command) => sluice([command, '--help'])));
  for (const help of helps) expect(help).toMatchObject({ code: 0, out: expect.stringContaining('Example:\n  $ ') });
});

test.each([
  [['nonsense'], /unknown command/],
  [['run'], /missing required argument/],
  [['validate', '.', '--nonsense'], /unknown option/],
  [['serve', '.', '--port', 'http'], /"http" is not a port/],
])('wrong usage is exit code 2: sluice %j', async (args, why) => {
  const answer = await sluice(args);
  expect(answer).toMatchObject({ code: 2, out: '' });
  expect(answer.err).toMatch(why);
});

test('a new project is valid, and a folder with something in it is left alone', async () => {
  const dir = await project('issue-triage');
  expect(await sluice(['validate', dir])).toMatchObject({
    code: 0,
    out: 'Valid: 2 workflows, 18 steps, 0 warnings.\n',
  });
  expect(JSON.parse((await sluice(['validate', dir, '--json'])).out)).toEqual({ ok: true, problems: [] });
  const again = await sluice(['new', dir]);
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('is not empty') });
});

test('broken files are told with file, line, step and what to do', async () => {
  const dir = await project('hello', {
    'workflows/hello.yaml': (text) => text.replace('=$json.name.length', '=$json.name.lenght('),
  });
  const { code, out } = await sluice(['validate', dir, '--json']);
  expect(code).toBe(1);
  const document = JSON.parse(out);
  expect(document).toEqual({
    ok: false,
    problems: [
      {
        file: 'workflows/hello.yaml',
        line: expect.any(Number),
        column: expect.any(Number),
        severity: 'error',
        code: expect.any(String),
        stepId: 'greet_c4r7',
        message: expect.any(String),
        advice: expect.any(String),
      },
    ],
  });
  const line = readFileSync(join(dir, 'workflows/hello.yaml'), 'utf8').split('\n')[document.problems[0].line - 1];
  expect(line).toContain('lenght(');

  writeFileSync(join(dir, 'workflows/hello.yaml'), 'name: Hello\nsteps: [\n');
  const broken = await sluice(['validate', dir]);
  expect(broken).toMatchObject({ code: 1, out: expect.stringMatching(/^workflows\/hello\.yaml:\d+:\d+ {2}error {2}/) });
  const run = await sluice(['run', dir, 'hello', '--json']);
  expect(run.code).toBe(1);
  expect(JSON.parse(run.out)).toMatchObject({ error: { code: 'project.invalid', detail: expect.any(String) } });
  expect(await sluice(['validate', join(dir, 'nowhere')])).toMatchObject({
    code: 1,
    err: expect.stringContaining('no sluice.yaml'),
  });
});

test('a run gives one JSON document, and is listed with its log', async () => {
  const dir = await project('hello');
  const { code, out } = await sluice(['run', dir, 'hello', '--json']);
  expect(code).toBe(0);
  const result = JSON.parse(out);
  expect(Object.keys(result)).toEqual(['runId', 'status', 'output']);
  expect(result).toMatchObject({
    status: 'succeeded',
    output: { greet_c4r7: [{ json: { name: 'Sun', letters: 3 } }, {}, {}, {}] },
  });

  const part = JSON.parse((await sluice(['run', dir, 'Hello', '--step', 'greet_c4r7', '--json'])).out);
  expect(part).toMatchObject({ status: 'succeeded', output: { greet_c4r7: [{ json: { name: 'Sun' } }, {}, {}, {}] } });

  const { data } = JSON.parse((await sluice(['runs', dir, '--json'])).out);
  expect(data.map((run: { id: string }) => run.id)).toEqual([part.runId, result.runId]);
  expect(await sluice(['logs', dir, result.runId])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/run\.ended {2}succeeded/),
  });
  expect(await sluice(['logs', dir, '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55'])).toMatchObject({ code: 1 });
});

test('input comes from standard input: one object or a list of them, and nothing else', async () => {
  const dir = await project('hello', {
    'workflows/hello.yaml': (text) =>
      text.replace(
        /code: \|\n.*\n/,
        'code: "return items.map((item) => ({ json: { name: item.json.who, table: 1 } }))"\n',
      ),
  });
  const run = (input: string) => sluice(['run', dir, 'hello', '--input', '-', '--json'], input);
  const names = (answer: Answer) =>
    JSON.parse(answer.out).output.greet_c4r7.map((item: { json: { name: string } }) => item.json.name);
  expect(names(await run('{"who":"Sun"}'))).toEqual(['Sun']);
  expect(names(await run('[{"who":"Sun"},{"who":"Mars"}]'))).toEqual(['Sun', 'Mars']);
  for (const wrong of ['{"who"', '7', '[1]']) expect((await run(wrong)).code).toBe(2);
});

test('a run that fails is exit code 1 and says at which step', async () => {
  const dir = await project('hello', {
    'workflows/hello.yaml': (text) => text.replace(/code: \|\n.*\n/, "code: throw new Error('No guests today')\n"),
  });
  const { code, out, err } = await sluice(['run', dir, 'hello']);
  expect(code).toBe(1);
  expect(out).toBe('');
  expect(err).toContain('guests_w8p3');
  expect(err).toContain('No guests today');
});

test('what cannot be started says what there is', async () => {
  const dir = await project('issue-triage');
  const unknown = await sluice(['run', dir, 'triagge']);
  expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('alerts, triage') });
  const unclear = await sluice(['run', dir, 'triage']);
  expect(unclear).toMatchObject({ code: 2, err: expect.stringContaining('hook_k3f9, weekdays_7q2m') });
});

test('saved cases run with their own answers; one that does not hold is exit code 1', async () => {
  const dir = await project('issue-triage');
  expect(await sluice(['test', dir])).toMatchObject({ code: 0, out: expect.stringMatching(/4 passed, 0 failed\n$/) });
  const file = join(dir, 'tests/opened.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('score: 4', 'score: 5'));
  const { code, out } = await sluice(['test', dir, '--case', 'opened', '--json']);
  expect(code).toBe(1);
  const document = JSON.parse(out);
  expect(Object.keys(document)).toEqual(['passed', 'failed', 'cases']);
  expect(document).toMatchObject({ passed: 0, failed: 1, cases: [{ id: 'opened', passed: false }] });
  expect(JSON.stringify(document.cases[0].differences)).toContain('5');
});

/** Starts `sluice serve` and waits until it listens. */
async function serve(args: string[]) {
  const child = start(['serve', ...args]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const lines: string[] = [];
  let err = '';
  child.stderr?.on('data', (data) => {
    err += String(data);
  });
  const url = await new Promise<string>((resolve) => {
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      const found = /^Listening {2}(\S+)/.exec(line)?.[1];
      if (found) resolve(found);
    });
    void ended.then(() => resolve(''));
  });
  return { child, url, ended, lines, error: () => err };
}

test('serve answers signed webhooks, refuses forged ones, tells a second one, and drains when it is stopped', async () => {
  const dir = await project('issue-triage');
  const connections = join(mkdtempSync(join(tmpdir(), 'sluice-cli-')), 'connections.json');
  writeFileSync(
    connections,
    JSON.stringify({
      'github-hook': { connector: 'webhook', secret: { secret: 'a long shared secret' }, hosts: [] },
    }),
  );
  const { child, url, ended, lines, error } = await serve([dir, '--port', '0', '--connections', connections]);
  expect(error()).toBe('');
  await expect.poll(() => lines.join('\n')).toContain('/hooks/github');

  const body = JSON.stringify({
    action: 'closed',
    sender: { type: 'User' },
    repository: { full_name: 'a/b' },
    issue: { number: 1, title: 'x', body: null },
  });
  const post = (secret: string) =>
    fetch(`${url}/hooks/github`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-github-event': 'issues',
        'x-github-delivery': '1',
        'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      },
      body,
    });
  const answer = await post('a long shared secret');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ result: 'ignored', handled: 1 });
  expect((await post('something else')).status).toBe(401);
  expect((await post('a long shared secret')).headers.get('sluice-repeated')).toBe('true');

  const second = await sluice(['serve', dir, '--port', '0']);
  expect(second).toMatchObject({ code: 1, err: expect.stringContaining('sluice serve (process') });
  const { data } = JSON.parse((await sluice(['runs', dir, '--json'])).out);
  expect(data).toMatchObject([{ trigger: 'webhook', status: 'succeeded' }]);

  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});

test('a served project ends with the command that serves it, also when that is killed', async () => {
  const { child, url } = await serve([await project('hello'), '--port', '0']);
  const answers = () =>
    fetch(`${url}/livez`).then(
      () => 'yes',
      () => 'no',
    );
  expect(await answers()).toBe('yes');
  child.kill('SIGKILL');
  await expect.poll(answers, { timeout: 60_000 }).toBe('no');
});

test('a port that is taken is named with its holder and another is offered', async () => {
  const dir = await project('hello');
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  onTestFinished(() => void holder.close());
  const { port } = holder.address() as AddressInfo;
  const answer = await sluice(['serve', dir, '--port', String(port)]);
  expect(answer.code).toBe(1);
  expect(answer.err).toContain(`Port ${port} is taken by`);
  expect(answer.err).toContain(`--port ${port + 1}`);
  if (process.platform === 'linux') expect(answer.err).toContain(`(process ${process.pid})`);
});
