import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCloudProcess } from '../fixtures/cloudProcess.ts';
import { until } from './controlPlane.ts';
import {
  ALL_PAYLOADS,
  type Demo,
  type Deployment,
  filedScores,
  outputOf,
  projectId,
  publish,
  setSchedule,
  settled,
  THRESHOLD,
  triageId,
} from './demo.ts';
import { startDesktop } from './desktop.ts';
import { killRuntime } from './killRuntime.ts';
import { openedIssues, timedHeaders } from './payloads.ts';
import { expectThat } from './report.ts';
import { post, postAltered, sendAll, sendOne, stepsOf } from './sending.ts';

/** Under fire: forgery, repetition, a killed container, a roll-back, a server that is down; and the bill. */
export async function stagesUnderFire(demo: Demo): Promise<void> {
  const { report, cli, api, project, secret, receiver, payloads, sent, url } = demo;

  await report.stage('Forged and stale deliveries', async () => {
    const before = (await api.runs()).length;
    const statuses: number[] = [];
    for (const [index, payload] of payloads.slice(0, 10).entries()) {
      const forged = index % 2 === 0;
      const answer = forged
        ? await sendOne(demo.hook, payload, 'not the secret')
        : await postAltered(demo.hook, payload, secret);
      statuses.push(answer.status);
    }
    for (let index = 0; index < 10; index++) {
      const body = JSON.stringify({ level: 'high', text: `stale ${index}` });
      statuses.push(
        (await post(demo.timedHook, { event: '', body }, timedHeaders(body, secret, Date.now() - 3_600_000))).status,
      );
    }
    expectThat(
      statuses.every((status) => status === 401),
      `they were answered ${statuses.join(', ')}`,
    );
    const body = JSON.stringify({ level: 'high', text: 'in time' });
    const fresh = await post(demo.timedHook, { event: '', body }, timedHeaders(body, secret, Date.now()));
    expectThat(fresh.status === 200, `one in time was answered ${fresh.status}`);
    demo.otherRuns += 1;
    demo.otherSteps += 2;
    const after = await settled(demo, before + 1);
    return `10 forged or altered and 10 stale refused with 401, ${after.length - before - 1} runs from them; one in time accepted`;
  });

  await report.stage('Repeated deliveries', async () => {
    const before = (await api.runs()).length;
    for (const original of sent.slice(100, 110)) {
      const again = await sendOne(demo.hook, original.payload, secret, original.delivery);
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
    setSchedule(demo, planned);
    const { versionNumber } = await publish(demo);
    const runs = await until('the schedule has fired', planned.getTime() - Date.now() + 20_000, async () => {
      const found = (await api.runs()).filter((run) => run.trigger === 'schedule');
      return found.length > 0 && found.every((run) => run.status === 'succeeded') && found;
    });
    const late = Date.parse(runs[0]?.queuedAt ?? '') - planned.getTime();
    expectThat(runs.length === 1, `it fired ${runs.length} times`);
    expectThat(late >= 0 && late <= 2_000, `it fired ${late} ms after its time`);
    demo.otherRuns += 1;
    demo.otherSteps += 2;
    const summary = await outputOf(demo, runs[0]?.id ?? '', 'summary_g1a6');
    const urgent = [...filedScores(demo).values()].filter((score) => score > THRESHOLD).length;
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
    const sending = sendAll(demo.hook, issues, secret, 10);
    await until('ten are filed', 30_000, async () => receiver.filed.size >= filedBefore + 10);
    const killed = await killRuntime(demo.cloud, demo.driver, api.workspaceId);
    const answers = await sending;
    receiver.slowDown(0);
    await settled(demo, ALL_PAYLOADS + demo.otherRuns + issues.length);
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
      `/v1/projects/${await projectId(demo)}/deployments`,
    );
    const [newest] = deployments;
    const oldest = deployments.at(-1);
    const issues = openedIssues(60, 20_000);
    const sending = sendAll(demo.hook, issues, secret, 2);
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
    const runs = await settled(demo, sent.length + demo.otherRuns);
    const versions = new Set(runs.slice(0, issues.length).map((run) => run.versionNumber));
    return `60 of 60 webhooks ran, on versions ${[...versions].sort().join(' and ')}`;
  });

  await report.stage('Usage equals what was sent', async () => {
    const { meters } = await api.usage();
    const used = (meter: string, period: string) =>
      meters.find((entry) => entry.meter === meter && entry.period === period)?.used;
    const runs = sent.length + demo.otherRuns;
    const stepsFromRows = (await api.runs()).reduce((sum, run) => sum + run.stepCount, 0);
    const steps = stepsOf(sent.slice(0, ALL_PAYLOADS)) + 8 * (sent.length - ALL_PAYLOADS) + demo.otherSteps;
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
    const id = await projectId(demo);
    const desktop = await startDesktop(demo.desktopEnv);
    try {
      await desktop.call('projects.openFolder', { dir: project });
      await desktop.call('projects.open', { projectId: id });
      await demo.cloud.stop();
      const edit = {
        type: 'renameStep',
        workflowId: triageId(demo),
        stepId: 'filed_j7y1',
        name: 'Filed in the tracker',
      };
      await desktop.call('documents.edit', { projectId: id, edits: [edit] });
      await until('the edit is in the file', 5_000, async () =>
        readFileSync(join(project, 'workflows/triage.yaml'), 'utf8').includes('Filed in the tracker'),
      );
      demo.cloud = await startCloudProcess({ ...demo.cloudEnv, PORT: new URL(url).port });
      const synced = await until('the edit is synced', 60_000, async () => {
        const { body, status } = await api.ask<{
          revision: number;
          tree: { workflows: Record<string, { steps: Record<string, { name: string }> }> };
        }>('GET', `/v1/projects/${id}/head`);
        return (
          status === 200 &&
          body.tree.workflows[triageId(demo)]?.steps.filed_j7y1?.name === 'Filed in the tracker' &&
          body
        );
      });
      return `saved at once, synced as revision ${synced.revision} when the server was back`;
    } finally {
      await desktop.close();
    }
  });
}
