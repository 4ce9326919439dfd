import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { AgentApi } from '#shared/contract/agentApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { createRunners } from './runner.ts';
import { findRuntime } from './runtimePackage.ts';

const LOCAL = '00000000-0000-7000-8000-000000000000';
const PROJECT = '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55';

/** A control plane that has no work and waits as long as it is asked to. */
function idle(hellos: unknown[]): Service<AgentApi['agent']> {
  const refuse = () => {
    throw new Error('There is no run to report.');
  };
  return {
    hello: (input) => {
      hellos.push(input);
      const limits = { runsAtOnce: 1, runTimeoutMs: 1_000, loopIterations: 10, storageBytes: 1_000_000 };
      return { workspaceId: LOCAL, containerId: LOCAL, token: 'local', expiresAt: '2030-01-01T00:00:00.000Z', limits };
    },
    next: ({ waitMs }) => new Promise((resolve) => setTimeout(() => resolve({ runs: [] }), waitMs).unref()),
    report: refuse,
    start: refuse,
    putBlob: refuse,
    getBlob: refuse,
  };
}

const childrenOf = (pid: number) =>
  execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(pid)], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(' runner'))
    .map((line) => Number(line.trim().split(' ')[0]));

test.skipIf(process.platform !== 'linux')(
  'a runner that dies is started again and says hello; one that is stopped is not (needs Linux)',
  async () => {
    const hellos: unknown[] = [];
    const reasons: string[] = [];
    const runtime = findRuntime();
    const runners = createRunners({
      runtime,
      agent: () => idle(hellos),
      dataDir: mkdtempSync(join(tmpdir(), 'sluice-runner-')),
      onStopped: (projectId, reason) => reasons.push(`${projectId}: ${reason}`),
    });
    onTestFinished(() => runners.close());
    runners.start(PROJECT);
    runners.start(PROJECT);
    await vi.waitFor(() => expect(hellos).toHaveLength(1), { timeout: 60_000 });
    expect(hellos[0]).toMatchObject({ runtimeHash: runtime.hash, node: process.version });

    const [first, ...others] = childrenOf(process.pid);
    expect(others).toEqual([]);
    process.kill(first ?? 0, 'SIGKILL');
    await vi.waitFor(() => expect(hellos).toHaveLength(2), { timeout: 60_000 });
    expect(reasons).toEqual([`${PROJECT}: The runner ended by SIGKILL`]);

    await runners.close();
    expect(childrenOf(process.pid)).toEqual([]);
    expect(reasons).toHaveLength(1);
  },
);

test.skipIf(process.platform !== 'linux')('nothing of our environment reaches a runner (needs Linux)', async () => {
  const hellos: unknown[] = [];
  process.env.SLUICE_API_KEY = 'planted';
  onTestFinished(() => {
    delete process.env.SLUICE_API_KEY;
  });
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-runner-'));
  const runners = createRunners({ runtime: findRuntime(), agent: () => idle(hellos), dataDir, onStopped: () => {} });
  onTestFinished(() => runners.close());
  runners.start(PROJECT);
  await vi.waitFor(() => expect(hellos).toHaveLength(1), { timeout: 60_000 });
  const [pid] = childrenOf(process.pid);
  const environment = execFileSync('cat', [`/proc/${pid}/environ`], { encoding: 'utf8' })
    .split('\0')
    .filter(Boolean)
    .sort();
  expect(environment).toEqual(['LANG=C.UTF-8', `SLUICE_DATA_DIR=${dataDir}`, 'TZ=UTC']);
});
