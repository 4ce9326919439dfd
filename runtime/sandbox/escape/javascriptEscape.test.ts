import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asking, type Failed, limits } from '../sandbox.fixture.ts';
import { createSandbox } from '../sandbox.ts';
import { plantCanaries } from './canaries.fixture.ts';
import { goals, javascriptPayloads, leaveBehind, type Payload } from './javascriptPayloads.fixture.ts';

const sandbox = createSandbox({ workers: 2 });
const { run } = asking(sandbox, { mode: 'once', limits: { ...limits, wallMs: 2_000, cpuMs: 500 } });
let canaries: Awaited<ReturnType<typeof plantCanaries>>;
beforeAll(async () => {
  canaries = await plantCanaries();
});
afterAll(async () => {
  await sandbox.close();
  await canaries.remove();
});

async function attempt({ source, kind = 'body', language = 'javascript' }: Payload, scope: string): Promise<unknown> {
  const path = kind === 'module' ? 'scripts/score.ts' : 'score_m4t8';
  return run(source, { kind, language, path, scope }).catch(({ code, message, advice, details }: Failed) => {
    // Its own mistakes have codes of their own: `internal` would be ours.
    expect(code).toMatch(/^code\./);
    return { code, message, advice, details };
  });
}

test('each goal reaches its canary where nothing stops it', async () => {
  const { place } = canaries;
  for (const goal of goals(place)) {
    const secret = JSON.stringify(place.secret);
    const code = `globalThis.${place.name} = ${secret}; Promise.resolve((function () { ${goal} })()).then((v) => { console.log(v); process.exit(0) })`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', code]);
    expect(canaries.reached(stdout), goal).toHaveLength(1);
    canaries.reset();
  }
});

test('no payload of JavaScript or TypeScript reaches a canary', { timeout: 300_000 }, async () => {
  const { place } = canaries;
  const payloads = javascriptPayloads(place);
  expect(payloads.length).toBeGreaterThanOrEqual(650);
  await run(leaveBehind(place.secret), { scope: 'mine' });
  const escaped: string[] = [];
  for (const payload of payloads) {
    if (payload.family === 'remains of others') {
      // Right after the tenant, in its own scope and in another's.
      await run(leaveBehind(place.secret), { scope: 'mine' });
      const seen = canaries.reached(await attempt(payload, 'mine'));
      if (seen.length > 0) escaped.push(`${payload.source}: ${seen}`);
      await run(leaveBehind(place.secret), { scope: 'mine' });
    }
    const reached = canaries.reached(await attempt(payload, 'other'));
    if (reached.length > 0) escaped.push(`${payload.source}: ${reached}`);
    canaries.reset();
  }
  expect(escaped).toEqual([]);
  console.log(`${payloads.length} payloads of JavaScript and TypeScript, 0 canaries`);
});

test('a source name cannot be used to break out of errors or of the file system', async () => {
  const { place } = canaries;
  for (const path of [
    place.file,
    `../../..${place.file}`,
    'a\n{"id":1}',
    '__proto__',
    'constructor',
    'x:1:1',
    '\u0000',
    'sluice:harness',
  ]) {
    const source = 'throw new Error("no")';
    const told = await run(source, { path }).catch((error: Failed) => error.message);
    expect(canaries.reached(told)).toEqual([]);
  }
  expect(await run('return [1]')).toMatchObject({ results: [[1]] });
});
