import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAll } from '../../build/build.ts';
import { type CloudProcess, startCloudProcess } from '../fixtures/cloudProcess.ts';
import { createApi, type RunRow, until } from './controlPlane.ts';
import { createCommandLine, startDesktop } from './desktop.ts';
import { killRuntime } from './killRuntime.ts';
import { examplePayloads, expectedOf, openedIssues, type Payload, timedHeaders } from './payloads.ts';
import { connectDevice, signUp } from './person.ts';
import { startReceiver } from './receiver.ts';
import { createReport, expectThat } from './report.ts';
import { post, type Sent, sendAll, sendOne, stepsOf, wrongAnswers } from './sending.ts';

/**
 * The main job from end to end, on GitHub's published webhook examples, past every screen: the command line, the desktop's
 * host and the control plane run as their own processes, as users run them. Exit 0 only if every stage holds.
 */
const FREE_RUNS_A_DAY = 50;
const ALL_PAYLOADS = 300;
/** From which score on an issue counts as urgent here. */
const THRESHOLD = 0;

type Hook = { workflowId: string; stepId: string; url: string };
type Deployment = {
  id: string;
  status: string;
  versionNumber: number;
  versionId: string;
  hooks: Hook[];
  error?: string;
};

await buildAll();
const work = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
// As root, Postgres runs as a user of its own, who must be able to pass.
chmodSync(work, 0o755);
const data = join(work, 'data');
const project = join(work, 'issue-triage');
const secret = randomBytes(24).toString('hex');
const person = { email: 'demo@example.com', password: `demo ${randomBytes(9).toString('hex')}`, name: 'Demo' };
const report = createReport();
const receiver = await startReceiver(reachableHost());
const payloads = examplePayloads().slice(0, ALL_PAYLOADS);
const sent: Sent[] = [];
let otherRuns = 0;
let otherSteps = 0;
let cloud: CloudProcess | undefined;
let driver: 'docker' | 'process' = 'process';

// One person asks here as often as a team would.
const cloudEnv = { SLUICE_DATA: data, PORT: '0', EGRESS_ALLOW_PRIVATE: receiver.hostPort, REQUESTS_PER_MINUTE: '1000' };
const filedScores = () => new Map([...receiver.filed.values()].map(({ key, score }) => [key, score]));

process.stdout.write('Sluice: the main job from end to end\n\n');
await passMidnight();
try {
  await runStages();
} finally {
  await cloud?.stop();
  await receiver.close();
  rmSync(work, { recursive: true, force: true });
}
process.exitCode = report.finish() ? 0 : 1;

async function runStages(): Promise<void> {
  cloud = await startCloudProcess(cloudEnv);
  const url = cloud.url;
  const cli = createCommandLine({ SLUICE_DATA: join(work, 'desktop'), SLUICE_URL: url, SLUICE_VAULT: 'file' });
  const api = createApi(url);
  let hook = '';
  let timedHook = '';

  await report.stage('Create from template', async () => {
    const made = await cli.run('new', project, '--template', 'issue-triage');
    expectThat(made.code === 0 && existsSync(join(project, 'workflows')), `sluice new: ${made.output}`);
    pointAtReceiver();
    // Not in the middle of the counting below.
    setSchedule(new Date(Date.now() + 12 * 3_600_000));
    return 'issue-triage, two workflows';
  });

  await report.stage('Validate', async () => {
    const { code, json, output } = await cli.run('validate', project, '--json');
    expectThat(code === 0 && json.ok === true, `sluice validate: ${output}`);
    return 'no problems';
  });

  await report.stage('Run locally', async () => {
    const input = join(work, 'input.json');
    const [opened] = openedIssues(1, 1);
    const headers = { 'x-github-event': 'issues' };
    writeFileSync(input, JSON.stringify({ headers, body: JSON.parse(opened?.body ?? '{}') }));
    const { code, json, output } = await cli.run(
      'run',
      project,
      'triage',
      '--trigger',
      'hook_k3f9',
      '--input',
      input,
      '--json',
    );
    expectThat(code === 0 && json.status === 'succeeded', `sluice run: ${output}`);
    expectThat(receiver.filed.size === 1, `the tracker has ${receiver.filed.size} entries, expected 1`);
    const cases = await cli.run('test', project, '--json');
    expectThat(cases.code === 0 && cases.json.failed === 0, `sluice test: ${cases.output}`);
    receiver.forget();
    return `1 run, filed once; ${cases.json.passed} saved cases pass`;
  });

  await report.stage('Sign up, verify the address, sign in', async () => {
    const browser = await signUp(url, join(data, 'mail'), person);
    const login = cli.spawn(['login', '--no-open']);
    const authorize = await new Promise<string>((resolve, reject) => {
      let seen = '';
      for (const stream of [login.stdout, login.stderr]) {
        stream?.on('data', (chunk: Buffer) => {
          seen += String(chunk);
          const found = /https?:\/\/\S+\/authorize\?\S+/.exec(seen)?.[0];
          if (found) resolve(found);
        });
      }
      login.on('exit', () => reject(new Error(`sluice login ended: ${seen}`)));
    });
    const exited = new Promise<number | null>((resolve) => login.on('exit', resolve));
    await connectDevice(browser, authorize, person);
    expectThat((await exited) === 0, 'sluice login did not end well');
    const who = await cli.run('whoami', '--json');
    expectThat(who.code === 0 && who.output.includes(person.email), `sluice whoami: ${who.output}`);
    await api.signIn(person.email, person.password);
    return 'by the letter in the mail folder and the loopback sign-in';
  });

  await report.stage('Sync', async () => {
    const { code, output } = await cli.run('sync', project, '--json');
    expectThat(code === 0, `sluice sync: ${output}`);
    const { data: rows } = await api.get<{ data: { revision: number }[] }>('/v1/projects');
    expectThat(rows.length === 1, `the workspace has ${rows.length} projects, expected 1`);
    return `revision ${rows[0]?.revision}`;
  });

  await report.stage('Publish', async () => {
    const set = await api.ask('PUT', '/v1/connections/github-hook', {
      connector: 'webhook',
      secret: { secret },
      hosts: [],
    });
    expectThat(set.status === 200, `the connection answered ${set.status}: ${JSON.stringify(set.body)}`);
    const deployment = await publish();
    hook = hookOf(deployment, triageId());
    timedHook = deployment.hooks.find(({ url: address }) => address !== hook)?.url ?? '';
    return `version ${deployment.versionNumber} is active in production`;
  });

  await report.stage('Container up', async () => {
    const container = await until('the container runs', 60_000, async () => {
      const found = await api.get<{ status: string; driver: 'docker' | 'process'; runtimeHash?: string }>(
        '/v1/container',
      );
      return found.status === 'running' && found;
    });
    driver = container.driver;
    const words =
      driver === 'docker'
        ? 'Docker: a container of its own'
        : 'the process driver: a process of its own, which is no isolation';
    return `${words}, runtime ${container.runtimeHash?.slice(0, 12)}`;
  });

  await report.stage(`The first ${FREE_RUNS_A_DAY} signed payloads on the Free plan`, async () => {
    const first = await sendAll(hook, payloads.slice(0, FREE_RUNS_A_DAY), secret);
    sent.push(...first);
    const problems = wrongAnswers(first, filedScores());
    expectThat(problems.length === 0, problems.slice(0, 5).join('; '));
    const runs = await settled(FREE_RUNS_A_DAY);
    return `${runs.length} runs succeeded, ${receiver.filed.size} filed`;
  });

  await report.stage(`Payload ${FREE_RUNS_A_DAY + 1} meets the daily cap`, async () => {
    const over = await sendOne(hook, payloads[FREE_RUNS_A_DAY] as Payload, secret);
    expectThat(
      over.status === 429 && over.body.code === 'allowance_exceeded',
      `it was answered ${over.status} ${JSON.stringify(over.body)}`,
    );
    expectThat(
      typeof over.body.detail === 'string' && over.body.detail.length > 20,
      'the answer does not say what to do',
    );
    expectThat((await api.runs()).length === FREE_RUNS_A_DAY, 'a run was started all the same');
    return `429, "${over.body.title} ${over.body.detail}"`;
  });

  await report.stage('Upgrade to Pro through Checkout', async () => {
    const checkout = await api.ask<{ url: string }>('POST', '/v1/billing/checkout', { plan: 'pro', cycle: 'month' });
    expectThat(checkout.status === 200, `Checkout answered ${checkout.status}: ${JSON.stringify(checkout.body)}`);
    const page = await fetch(checkout.body.url);
    const action = /<form[^>]*action="([^"]+)"/.exec(await page.text())?.[1] ?? '';
    const paid = await fetch(new URL(action, checkout.body.url), {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(checkout.body.url).origin },
      body: new URLSearchParams({ card: '4242424242424242', decision: 'pay' }).toString(),
    });
    expectThat(paid.status < 400, `paying answered ${paid.status}`);
    await until('the plan is Pro', 15_000, async () => (await api.usage()).plan === 'pro');
    const accepted = await sendOne(hook, payloads[FREE_RUNS_A_DAY] as Payload, secret);
    sent.push(accepted);
    expectThat(accepted.status === 200, `the payload that was refused is now answered ${accepted.status}`);
    return 'accepted again';
  });

  await report.stage(`${ALL_PAYLOADS} distinct payloads in all`, async () => {
    sent.push(...(await sendAll(hook, payloads.slice(FREE_RUNS_A_DAY + 1), secret, 5)));
    const problems = wrongAnswers(sent, filedScores());
    expectThat(problems.length === 0, problems.slice(0, 5).join('; '));
    await settled(ALL_PAYLOADS);
    const keys = new Set(sent.map(({ payload }) => expectedOf(payload).key).filter(Boolean));
    expectThat(
      receiver.filed.size === keys.size,
      `the tracker has ${receiver.filed.size} entries, expected ${keys.size}`,
    );
    return `${ALL_PAYLOADS} runs succeeded with the outputs worked out beforehand, ${keys.size} filed`;
  });

  await report.stage('Forged and stale deliveries', async () => {
    const before = (await api.runs()).length;
    const statuses: number[] = [];
    for (const [index, payload] of payloads.slice(0, 10).entries()) {
      const forged = index % 2 === 0;
      const answer = forged ? await sendOne(hook, payload, 'not the secret') : await postAltered(hook, payload);
      statuses.push(answer.status);
    }
    for (let index = 0; index < 10; index++) {
      const body = JSON.stringify({ level: 'high', text: `stale ${index}` });
      statuses.push(
        (await post(timedHook, { event: '', body }, timedHeaders(body, secret, Date.now() - 3_600_000))).status,
      );
    }
    expectThat(
      statuses.every((status) => status === 401),
      `they were answered ${statuses.join(', ')}`,
    );
    const body = JSON.stringify({ level: 'high', text: 'in time' });
    const fresh = await post(timedHook, { event: '', body }, timedHeaders(body, secret, Date.now()));
    expectThat(fresh.status === 200, `one in time was answered ${fresh.status}`);
    otherRuns += 1;
    otherSteps += 2;
    const after = await settled(before + 1);
    return `10 forged or altered and 10 stale refused with 401, ${after.length - before - 1} runs from them; one in time accepted`;
  });

  await report.stage('Repeated deliveries', async () => {
    const before = (await api.runs()).length;
    for (const original of sent.slice(100, 110)) {
      const again = await sendOne(hook, original.payload, secret, original.delivery);
      expectThat(
        again.status === original.status && JSON.stringify(again.body) === JSON.stringify(original.body),
        `a repeated delivery was answered ${again.status} ${JSON.stringify(again.body)}`,
      );
      expectThat(again.headers.get('sluice-repeated') === 'true', 'the answer does not say that it is repeated');
    }
    expectThat((await api.runs()).length === before, 'a repeated delivery started a run');
    return '10 answered as the first time, no second run';
  });

  await report.stage('Roll out version 2 with a schedule', async () => {
    const planned = new Date(Math.ceil((Date.now() + 12_000) / 60_000) * 60_000);
    setSchedule(planned);
    const { versionNumber } = await publish();
    const runs = await until('the schedule has fired', planned.getTime() - Date.now() + 20_000, async () => {
      const found = (await api.runs()).filter((run) => run.trigger === 'schedule');
      return found.length > 0 && found.every((run) => run.status === 'succeeded') && found;
    });
    const late = Date.parse(runs[0]?.queuedAt ?? '') - planned.getTime();
    expectThat(runs.length === 1, `it fired ${runs.length} times`);
    expectThat(late >= 0 && late <= 2_000, `it fired ${late} ms after its time`);
    otherRuns += 1;
    otherSteps += 2;
    const summary = await outputOf(runs[0]?.id ?? '', 'summary_g1a6');
    const urgent = [...filedScores().values()].filter((score) => score > THRESHOLD).length;
    expectThat(
      urgent > 0 && summary.urgent === urgent,
      `it summed up ${JSON.stringify(summary)}, expected ${urgent} urgent`,
    );
    return `version ${versionNumber}; fired once, ${late} ms after its time, and summed up ${urgent} urgent ones`;
  });

  await report.stage('Container killed in the middle of 50 runs', async () => {
    const issues = openedIssues(50, 10_000);
    const requestsBefore = receiver.requests.length;
    const filedBefore = receiver.filed.size;
    receiver.slowDown(40);
    const sending = sendAll(hook, issues, secret, 10);
    await until('ten are filed', 30_000, async () => receiver.filed.size >= filedBefore + 10);
    const killed = await killRuntime(cloud as CloudProcess, driver, api.workspaceId);
    const answers = await sending;
    receiver.slowDown(0);
    await settled(ALL_PAYLOADS + otherRuns + issues.length);
    sent.push(...answers);
    const keys = [...receiver.filed.values()].map(({ key }) => key);
    const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
    expectThat(twice.length === 0, `filed twice: ${twice.join(', ')}`);
    expectThat(
      receiver.filed.size === filedBefore + issues.length,
      `the tracker has ${receiver.filed.size - filedBefore} of ${issues.length}`,
    );
    const repeats = receiver.requests.length - requestsBefore - issues.length;
    return `${killed} killed; 50 of 50 finished, each filed once by the tracker's own count (${repeats} requests came again under their key)`;
  });

  await report.stage('Roll back to version 1 and forward again while webhooks come', async () => {
    const { data: deployments } = await api.get<{ data: Deployment[] }>(
      `/v1/projects/${await projectId()}/deployments`,
    );
    const [newest] = deployments;
    const oldest = deployments.at(-1);
    const issues = openedIssues(60, 20_000);
    const sending = sendAll(hook, issues, secret, 2);
    const back = await cli.run(
      'rollback',
      project,
      '--env',
      'production',
      '--to',
      String(oldest?.versionNumber),
      '--json',
    );
    expectThat(back.code === 0, `sluice rollback: ${back.output}`);
    const forward = await cli.run(
      'rollback',
      project,
      '--env',
      'production',
      '--to',
      String(newest?.versionNumber),
      '--json',
    );
    expectThat(forward.code === 0, `sluice rollback: ${forward.output}`);
    const answers = await sending;
    sent.push(...answers);
    expectThat(
      answers.every(({ status }) => status === 200 || status === 202),
      `some were answered ${[...new Set(answers.map(({ status }) => status))].join(', ')}`,
    );
    const runs = await settled(sent.length + otherRuns);
    const versions = new Set(runs.slice(0, issues.length).map((run) => run.versionNumber));
    return `60 of 60 webhooks ran, on versions ${[...versions].sort().join(' and ')}`;
  });

  await report.stage('Usage equals what was sent', async () => {
    const { meters } = await api.usage();
    const used = (meter: string, period: string) =>
      meters.find((entry) => entry.meter === meter && entry.period === period)?.used;
    const runs = sent.length + otherRuns;
    const stepsFromRows = (await api.runs()).reduce((sum, run) => sum + run.stepCount, 0);
    const steps = stepsOf(sent.slice(0, ALL_PAYLOADS)) + 8 * (sent.length - ALL_PAYLOADS) + otherSteps;
    expectThat(
      used('workflow.runs', 'month') === runs,
      `${used('workflow.runs', 'month')} runs are metered, ${runs} were sent`,
    );
    expectThat(
      used('workflow.runs', 'day') === runs,
      `${used('workflow.runs', 'day')} runs are metered today, ${runs} were sent`,
    );
    expectThat(
      used('workflow.steps', 'month') === steps,
      `${used('workflow.steps', 'month')} steps are metered, ${steps} were worked out (${stepsFromRows} by the runs' own count)`,
    );
    return `${runs} runs and ${steps} steps, to the unit`;
  });

  await report.stage('An edit while the server is down', async () => {
    const id = await projectId();
    const desktop = await startDesktop({ SLUICE_DATA: join(work, 'desktop'), SLUICE_URL: url, SLUICE_VAULT: 'file' });
    try {
      await desktop.call('projects.openFolder', { dir: project });
      await desktop.call('projects.open', { projectId: id });
      await cloud?.stop();
      const edit = { type: 'renameStep', workflowId: triageId(), stepId: 'filed_j7y1', name: 'Filed in the tracker' };
      await desktop.call('documents.edit', { projectId: id, edits: [edit] });
      await until('the edit is in the file', 5_000, async () =>
        readFileSync(join(project, 'workflows/triage.yaml'), 'utf8').includes('Filed in the tracker'),
      );
      cloud = await startCloudProcess({ ...cloudEnv, PORT: new URL(url).port });
      const synced = await until('the edit is synced', 60_000, async () => {
        const { body, status } = await api.ask<{
          revision: number;
          tree: { workflows: Record<string, { steps: Record<string, { name: string }> }> };
        }>('GET', `/v1/projects/${id}/head`);
        return (
          status === 200 && body.tree.workflows[triageId()]?.steps.filed_j7y1?.name === 'Filed in the tracker' && body
        );
      });
      return `saved at once, synced as revision ${synced.revision} when the server was back`;
    } finally {
      await desktop.close();
    }
  });

  /** What a step of a run gave, by its journal. */
  async function outputOf(runId: string, stepId: string): Promise<Record<string, unknown>> {
    type Event = {
      type: string;
      stepId?: string;
      outputs?: Record<string, { items: { json: Record<string, unknown> }[] }>;
    };
    const { events } = await api.get<{ events: Event[] }>(`/v1/runs/${runId}/events`);
    const succeeded = events.find((event) => event.type === 'step.succeeded' && event.stepId === stepId);
    return succeeded?.outputs?.main?.items[0]?.json ?? {};
  }

  async function projectId(): Promise<string> {
    const { data: rows } = await api.get<{ data: { id: string }[] }>('/v1/projects');
    return rows[0]?.id ?? '';
  }

  async function publish(): Promise<Deployment> {
    const published = await cli.run('publish', project, '--env', 'production', '--json');
    expectThat(published.code === 0, `sluice publish: ${published.output}`);
    const { data: deployments } = await api.get<{ data: Deployment[] }>(
      `/v1/projects/${await projectId()}/deployments`,
    );
    const [newest] = deployments;
    expectThat(newest?.status === 'active', `the deployment is ${newest?.status}: ${newest?.error ?? ''}`);
    return newest;
  }

  /** Waits until every run has ended; all of a number must have succeeded. */
  async function settled(count: number): Promise<RunRow[]> {
    const runs = await until('every run has ended', 120_000, async () => {
      const found = await api.runs();
      const open = found.filter((run) => ['queued', 'running', 'waiting'].includes(run.status));
      return open.length === 0 && found.length >= count && found;
    });
    const succeeded = runs.filter((run) => run.status === 'succeeded').length;
    expectThat(
      runs.length === count && succeeded === count,
      `${succeeded} of ${runs.length} runs succeeded, expected ${count} of ${count}`,
    );
    return runs;
  }
}

function hookOf(deployment: Deployment, workflowId: string): string {
  const found = deployment.hooks.find((entry) => entry.workflowId === workflowId);
  expectThat(found !== undefined, 'the deployment has no address for the webhook');
  return found.url;
}

/** The daily cap begins anew at midnight, UTC; a demo across it would count two days. */
async function passMidnight(): Promise<void> {
  const left = 86_400_000 - (Date.now() % 86_400_000);
  if (left > 180_000) return;
  process.stdout.write(
    `Waiting ${Math.ceil(left / 1000)} s for the day to end, since the daily cap is part of this.\n`,
  );
  await new Promise((resolve) => setTimeout(resolve, left + 1_000));
}

/** The workflow's id in this project: a template gives each project ids of its own. */
function triageId(): string {
  return /^id: (\S+)/.exec(readFileSync(join(project, 'workflows/triage.yaml'), 'utf8'))?.[1] ?? '';
}

/** The environments' tracker is the demo's own, and both webhooks share one secret. */
function pointAtReceiver(): void {
  for (const name of ['local', 'production']) {
    const file = join(project, 'environments', `${name}.yaml`);
    const text = readFileSync(file, 'utf8')
      .replace('https://tracker.example', receiver.url)
      .replace('threshold: 3', `threshold: ${THRESHOLD}`);
    writeFileSync(file, `${text}bindings: { alerts-hook: github-hook }\n`);
  }
}

function setSchedule(at: Date): void {
  const file = join(project, 'workflows/triage.yaml');
  const cron = `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
  const text = readFileSync(file, 'utf8')
    .replace('timezone: Europe/Berlin', 'timezone: UTC')
    .replace(/cron: "[^"]+"/, `cron: "${cron}"`);
  writeFileSync(file, text);
}

/** A body that was changed after it was signed. */
async function postAltered(url: string, payload: Payload): Promise<Sent> {
  const { githubHeaders } = await import('./payloads.ts');
  return post(url, { ...payload, body: payload.body.replace('{', '{"altered":true,') }, githubHeaders(payload, secret));
}

/** An address of this machine that a container reaches too; loopback where there is none. */
function reachableHost(): string {
  const bridge = networkInterfaces().docker0?.find((entry) => entry.family === 'IPv4');
  return bridge?.address ?? '127.0.0.1';
}
