import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createClient } from '#shared/contract/contract.ts';
import { hostApi } from '#shared/contract/hostApi.ts';
import { SLUICE } from '../../tests/fixtures/sluice.ts';
import { memorySecrets } from '../host/localSecrets.ts';
import { signedOut } from '../host/signedOut.fixture.ts';
import { startHost } from '../host/startHost.ts';
import { install, makeProject, scoreProject } from './project.fixture.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'sluice-packages-data-'));

/** Runs the command line as a person would. */
function sluice(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: process.env.PATH, SLUICE_DATA: dataDir };
  return new Promise((resolve) =>
    execFile(process.execPath, [SLUICE, ...args], { env }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    ),
  );
}

test('the command line tests and runs a project with its packages, and says what to do where they are missing', {
  timeout: 300_000,
}, async () => {
  const { dir, packages } = scoreProject();
  const missing = await sluice('test', dir);
  expect(missing).toMatchObject({ code: 1, out: '' });
  expect(missing.err).toMatch(/^scripts\/score\.ts imports tiny, and the project has no scripts\/package\.json/);
  expect(missing.err).toContain('npm install --ignore-scripts tiny');

  install(dir, packages);
  expect(await sluice('test', dir)).toMatchObject({ code: 0, out: expect.stringContaining('1 passed, 0 failed') });
  const { code, out, err } = await sluice('run', dir, 'score', '--json');
  expect(code, err).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ status: 'succeeded' });
  expect(out).toContain('"tiny says 4"');
});

test('the editor packs before a run, into the project itself; from then on nothing needs to be installed', {
  timeout: 300_000,
}, async () => {
  const { dir, packages } = scoreProject();
  install(dir, packages);
  const host = startHost({
    places: {
      dataDir: mkdtempSync(join(tmpdir(), 'sluice-packages-host-')),
      projectsDir: dataDir,
      checkout: undefined,
    },
    cloud: signedOut('http://127.0.0.1:4400'),
    secrets: memorySecrets(),
    shell: { kind: 'browser', keychain: false },
    program: 'The test',
    version: '0.1.0',
  });
  onTestFinished(() => host.close());
  const client = createClient(hostApi, host.call);
  const { id: projectId } = await client.projects.openFolder({ dir });
  await client.projects.trust({ projectId });
  const { tree } = await client.projects.open({ projectId });
  const [workflowId = ''] = Object.keys(tree.workflows);
  const run = async () => {
    const { runId } = await client.runs.start({ projectId, workflowId });
    return vi.waitFor(
      async () => {
        const { run, events } = await client.runs.get({ runId });
        if (!run.finishedAt) throw new Error('It still runs.');
        return { status: run.status, text: JSON.stringify(events) };
      },
      { timeout: 60_000, interval: 20 },
    );
  };
  expect(await run()).toMatchObject({ status: 'succeeded', text: expect.stringContaining('tiny says 4') });
  const file = join(dir, 'scripts/packages/npm.js');
  const packed = (await client.projects.open({ projectId })).tree.scripts['packages/npm.js'];
  await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toBe(packed), { timeout: 60_000 });

  rmSync(join(dir, 'scripts/node_modules'), { recursive: true });
  expect(await run()).toMatchObject({ status: 'succeeded', text: expect.stringContaining('tiny says 4') });
  expect(readFileSync(file, 'utf8')).toBe(packed);
  const elsewhere = makeProject({
    'scripts/score.ts': readFileSync(join(dir, 'scripts/score.ts')),
    'scripts/packages/npm.js': packed ?? '',
    'tests/score.yaml': readFileSync(join(dir, 'tests/score.yaml')),
  });
  expect(await sluice('test', elsewhere)).toMatchObject({ code: 0, out: expect.stringContaining('1 passed') });
});
