import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Demo, pointAtReceiver, setSchedule } from './demo.ts';
import { openedIssues } from './payloads.ts';
import { connectDevice, signUp } from './person.ts';
import { expectThat } from './report.ts';

/** On one computer: made, checked, run, signed in, synced. */
export async function stagesHere(demo: Demo): Promise<void> {
  const { report, cli, api, work, data, project, person, receiver, url } = demo;

  await report.stage('Create from template', async () => {
    const made = await cli.run('new', project, '--template', 'issue-triage');
    expectThat(made.code === 0 && existsSync(join(project, 'workflows')), `sluice new: ${made.output}`);
    pointAtReceiver(demo);
    // Not in the middle of the counting below.
    setSchedule(demo, new Date(Date.now() + 12 * 3_600_000));
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
}
