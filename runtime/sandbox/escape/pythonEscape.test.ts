import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asking, type Failed, limits } from '../sandbox.fixture.ts';
import { createSandbox } from '../sandbox.ts';
import { plantCanaries } from './canaries.fixture.ts';
import { pythonGoals, pythonPayloads } from './pythonPayloads.fixture.ts';

const sandbox = createSandbox({ workers: 1 });
const { run } = asking(sandbox, {
  language: 'python',
  mode: 'once',
  limits: { ...limits, wallMs: 4_000, cpuMs: 3_000 },
});
let canaries: Awaited<ReturnType<typeof plantCanaries>>;
beforeAll(async () => {
  canaries = await plantCanaries();
});
afterAll(async () => {
  await sandbox.close();
  await canaries.remove();
});

const hasPython = spawnSync('python3', ['-c', '']).status === 0;

test.skipIf(!hasPython)('each goal reaches its canary in a Python that nothing holds', async () => {
  for (const goal of pythonGoals(canaries.place)) {
    const code = `def main():\n  ${goal.replaceAll('\n', '\n  ')}\nprint(main())`;
    const { stdout } = await promisify(execFile)('python3', ['-c', code]);
    expect(canaries.reached(stdout), goal).toHaveLength(1);
    canaries.reset();
  }
});

test('no payload of Python reaches a canary', { timeout: 300_000 }, async () => {
  const payloads = pythonPayloads(canaries.place);
  expect(payloads.length).toBeGreaterThanOrEqual(400);
  const escaped: string[] = [];
  for (const { source } of payloads) {
    const given = await run(source).catch(({ code, message, details }: Failed) => ({ code, message, details }));
    const reached = canaries.reached(given);
    if (reached.length > 0) escaped.push(`${source}: ${reached}`);
    canaries.reset();
  }
  expect(escaped).toEqual([]);
  expect(await run('return [1]')).toMatchObject({ results: [[1]] });
  console.log(`${payloads.length} payloads of Python, 0 canaries`);
});
