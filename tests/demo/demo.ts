import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCloudProcess } from '../fixtures/cloudProcess.ts';
import { createApi, type RunRow, until } from './controlPlane.ts';
import { createCommandLine } from './desktop.ts';
import { examplePayloads } from './payloads.ts';
import { startReceiver } from './receiver.ts';
import { createReport, expectThat } from './report.ts';
import type { Sent } from './sending.ts';

export const FREE_RUNS_A_DAY = 50;
export const ALL_PAYLOADS = 300;
/** From which score on an issue counts as urgent here. */
export const THRESHOLD = 0;

type Hook = { workflowId: string; stepId: string; url: string };
export type Deployment = {
  id: string;
  status: string;
  versionNumber: number;
  versionId: string;
  hooks: Hook[];
  error?: string;
};

/** What the stages share: the processes of one demo, and what has been sent so far. */
export type Demo = Awaited<ReturnType<typeof startDemo>>;

/** Starts the control plane and the tracker, on folders of their own. */
export async function startDemo() {
  const work = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
  // As root, Postgres runs as a user of its own, who must be able to pass.
  chmodSync(work, 0o755);
  const data = join(work, 'data');
  const receiver = await startReceiver(reachableHost());
  const cloudEnv = {
    SLUICE_DATA: data,
    PORT: '0',
    EGRESS_ALLOW_PRIVATE: receiver.hostPort,
    // One person asks here as often as a team would.
    REQUESTS_PER_MINUTE: '1000',
  };
  const cloud = await startCloudProcess(cloudEnv);
  const { url } = cloud;
  const desktopEnv = { SLUICE_DATA: join(work, 'desktop'), SLUICE_URL: url, SLUICE_VAULT: 'file' };
  const demo = {
    work,
    data,
    /** The project's folder. */
    project: join(work, 'issue-triage'),
    /** Of both webhooks. */
    secret: randomBytes(24).toString('hex'),
    person: { email: 'demo@example.com', password: `demo ${randomBytes(9).toString('hex')}`, name: 'Demo' },
    report: createReport(),
    receiver,
    cloudEnv,
    cloud,
    url,
    desktopEnv,
    cli: createCommandLine(desktopEnv),
    api: createApi(url),
    payloads: examplePayloads().slice(0, ALL_PAYLOADS),
    driver: 'process' as 'docker' | 'process',
    hook: '',
    timedHook: '',
    /** Accepted GitHub payloads, in order. */
    sent: [] as Sent[],
    /** Runs and steps that came from elsewhere: the second webhook, the schedule. */
    otherRuns: 0,
    otherSteps: 0,
  };
  return demo;
}

export async function stopDemo(demo: Demo): Promise<void> {
  await demo.cloud.stop();
  await demo.receiver.close();
  rmSync(demo.work, { recursive: true, force: true });
}

/** What the tracker has: scores by key. */
export function filedScores({ receiver }: Demo): Map<string, number> {
  return new Map([...receiver.filed.values()].map(({ key, score }) => [key, score]));
}

/** What a step of a run gave, by its journal. */
export async function outputOf({ api }: Demo, runId: string, stepId: string): Promise<Record<string, unknown>> {
  type Event = {
    type: string;
    stepId?: string;
    outputs?: Record<string, { items: { json: Record<string, unknown> }[] }>;
  };
  const { events } = await api.get<{ events: Event[] }>(`/v1/runs/${runId}/events`);
  const succeeded = events.find((event) => event.type === 'step.succeeded' && event.stepId === stepId);
  return succeeded?.outputs?.main?.items[0]?.json ?? {};
}

export async function projectId({ api }: Demo): Promise<string> {
  const { data: rows } = await api.get<{ data: { id: string }[] }>('/v1/projects');
  return rows[0]?.id ?? '';
}

export async function publish(demo: Demo): Promise<Deployment> {
  const published = await demo.cli.run('publish', demo.project, '--env', 'production', '--json');
  expectThat(published.code === 0, `sluice publish: ${published.output}`);
  const { data: deployments } = await demo.api.get<{ data: Deployment[] }>(
    `/v1/projects/${await projectId(demo)}/deployments`,
  );
  const [newest] = deployments;
  expectThat(newest?.status === 'active', `the deployment is ${newest?.status}: ${newest?.error ?? ''}`);
  return newest;
}

/** Waits until every run has ended; all of a number must have succeeded. */
export async function settled({ api }: Demo, count: number): Promise<RunRow[]> {
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

export function hookOf(deployment: Deployment, workflowId: string): string {
  const found = deployment.hooks.find((entry) => entry.workflowId === workflowId);
  expectThat(found !== undefined, 'the deployment has no address for the webhook');
  return found.url;
}

/** The workflow's id in this project: a template gives each project ids of its own. */
export function triageId({ project }: Demo): string {
  return /^id: (\S+)/.exec(readFileSync(join(project, 'workflows/triage.yaml'), 'utf8'))?.[1] ?? '';
}

/** The environments' tracker is the demo's own, and both webhooks share one secret. */
export function pointAtReceiver({ project, receiver }: Demo): void {
  for (const name of ['local', 'production']) {
    const file = join(project, 'environments', `${name}.yaml`);
    const text = readFileSync(file, 'utf8')
      .replace('https://tracker.example', receiver.url)
      .replace('threshold: 3', `threshold: ${THRESHOLD}`);
    writeFileSync(file, `${text}bindings: { alerts-hook: github-hook }\n`);
  }
}

export function setSchedule({ project }: Demo, at: Date): void {
  const file = join(project, 'workflows/triage.yaml');
  const cron = `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
  const text = readFileSync(file, 'utf8')
    .replace('timezone: Europe/Berlin', 'timezone: UTC')
    .replace(/cron: "[^"]+"/, `cron: "${cron}"`);
  writeFileSync(file, text);
}

/** An address of this machine that a container reaches too; loopback where there is none. */
function reachableHost(): string {
  const bridge = networkInterfaces().docker0?.find((entry) => entry.family === 'IPv4');
  return bridge?.address ?? '127.0.0.1';
}
