import { until } from './controlPlane.ts';
import { ALL_PAYLOADS, type Demo, FREE_RUNS_A_DAY, filedScores, hookOf, publish, settled, triageId } from './demo.ts';
import { expectedOf, type Payload } from './payloads.ts';
import { expectThat } from './report.ts';
import { sendAll, sendOne, wrongAnswers } from './sending.ts';

/** Hosted: published, held to the plan, paid for, right in what it gives. */
export async function stagesHosted(demo: Demo): Promise<void> {
  const { report, api, secret, receiver, payloads, sent } = demo;

  await report.stage('Publish', async () => {
    const set = await api.ask('PUT', '/v1/connections/github-hook', {
      connector: 'webhook',
      secret: { secret },
      hosts: [],
    });
    expectThat(set.status === 200, `the connection answered ${set.status}: ${JSON.stringify(set.body)}`);
    const deployment = await publish(demo);
    demo.hook = hookOf(deployment, triageId(demo));
    demo.timedHook = deployment.hooks.find(({ url: address }) => address !== demo.hook)?.url ?? '';
    return `version ${deployment.versionNumber} is active in production`;
  });

  await report.stage('Container up', async () => {
    const container = await until('the container runs', 60_000, async () => {
      const found = await api.get<{ status: string; driver: 'docker' | 'process'; runtimeHash?: string }>(
        '/v1/container',
      );
      return found.status === 'running' && found;
    });
    demo.driver = container.driver;
    const words =
      demo.driver === 'docker'
        ? 'Docker: a container of its own'
        : 'the process driver: a process of its own, which is no isolation';
    return `${words}, runtime ${container.runtimeHash?.slice(0, 12)}`;
  });

  await report.stage(`The first ${FREE_RUNS_A_DAY} signed payloads on the Free plan`, async () => {
    const first = await sendAll(demo.hook, payloads.slice(0, FREE_RUNS_A_DAY), secret);
    sent.push(...first);
    const problems = wrongAnswers(first, filedScores(demo));
    expectThat(problems.length === 0, problems.slice(0, 5).join('; '));
    const runs = await settled(demo, FREE_RUNS_A_DAY);
    return `${runs.length} runs succeeded, ${receiver.filed.size} filed`;
  });

  await report.stage(`Payload ${FREE_RUNS_A_DAY + 1} meets the daily cap`, async () => {
    const over = await sendOne(demo.hook, payloads[FREE_RUNS_A_DAY] as Payload, secret);
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
    const accepted = await sendOne(demo.hook, payloads[FREE_RUNS_A_DAY] as Payload, secret);
    sent.push(accepted);
    expectThat(accepted.status === 200, `the payload that was refused is now answered ${accepted.status}`);
    return 'accepted again';
  });

  await report.stage(`${ALL_PAYLOADS} distinct payloads in all`, async () => {
    sent.push(...(await sendAll(demo.hook, payloads.slice(FREE_RUNS_A_DAY + 1), secret, 5)));
    const problems = wrongAnswers(sent, filedScores(demo));
    expectThat(problems.length === 0, problems.slice(0, 5).join('; '));
    await settled(demo, ALL_PAYLOADS);
    const keys = new Set(sent.map(({ payload }) => expectedOf(payload).key).filter(Boolean));
    expectThat(
      receiver.filed.size === keys.size,
      `the tracker has ${receiver.filed.size} entries, expected ${keys.size}`,
    );
    return `${ALL_PAYLOADS} runs succeeded with the outputs worked out beforehand, ${keys.size} filed`;
  });
}
