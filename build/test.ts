import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildAll } from './build.ts';
import { out, root } from './paths.ts';

type Counts = { passed: number; failed: number; skipped: string[] };

const results = join(out, 'tests');

/** Why a test may be skipped: what its name says it needs, in brackets. */
const NEEDS: Record<string, string> = {
  'needs a Docker engine': 'no Docker engine answers; install docker.io and start dockerd',
  'needs Redis': 'redis-server is not on the path; install it',
  'needs Chromium': 'chromium is not on the path; install it',
  "needs Electron's binary": 'the Electron binary is not installed; its host cannot be reached from every machine',
  'needs the built editor': 'build/out/renderer is not there; run npm run build',
  'needs root': 'this user is not root',
  'needs Linux': 'this is not Linux',
  'not on Windows': 'this is Windows',
};

/** `long`: the proofs that take minutes, and nothing else. */
const isLong = process.argv[2] === 'long';

/** Everything that must pass, one after the other, and the line that sums it up. */
async function main(): Promise<void> {
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  await buildAll();
  const all: Counts = { passed: 0, failed: 0, skipped: [] };
  const add = ({ passed, failed, skipped }: Counts) => {
    all.passed += passed;
    all.failed += failed;
    all.skipped.push(...skipped);
  };
  if (isLong) add(await unitTests('Long proofs', { SLUICE_TESTS: 'long' }));
  else {
    add(await check('Types', 'node_modules/typescript/bin/tsc', ['-b']));
    add(await check('Format and lint', 'node_modules/@biomejs/biome/bin/biome', ['check', '.']));
    // The same examples each time: what another seed finds must not stop somebody who has nothing to do with it.
    add(await unitTests('Tests beside the code', { SLUICE_SEED: process.env.SLUICE_SEED ?? '20261121' }));
    add(await journeys());
  }
  sayWhatWasSkipped(all.skipped);
  process.stdout.write(`\n${all.passed} passed, ${all.failed} failed, ${all.skipped.length} skipped\n`);
  process.exitCode = all.failed > 0 ? 1 : 0;
}

/** A check that passes or fails as one. */
async function check(title: string, program: string, args: string[]): Promise<Counts> {
  process.stdout.write(`\n${title}\n`);
  const ok = (await run(program, args)) === 0;
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: [] };
}

async function unitTests(title: string, env: Record<string, string> = {}): Promise<Counts> {
  process.stdout.write(`\n${title}\n`);
  const file = join(results, 'vitest.json');
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const code = await run('node_modules/vitest/vitest.mjs', args, env);
  type Report = {
    testResults: { name: string; status: string; assertionResults: { status: string; fullName: string }[] }[];
  };
  const report = readReport<Report>(file);
  if (!report) return { passed: 0, failed: 1, skipped: [] };
  const tests = report.testResults.flatMap((suite) => suite.assertionResults);
  const of = (...statuses: string[]) => tests.filter((test) => statuses.includes(test.status));
  // A file that breaks before its first test fails as one.
  const broken = report.testResults.filter(
    (suite) => suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = of('failed').length + broken.length;
  return {
    passed: of('passed').length,
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: of('pending', 'skipped', 'todo').map((test) => test.fullName),
  };
}

async function journeys(): Promise<Counts> {
  process.stdout.write('\nJourneys\n');
  const file = join(results, 'playwright.json');
  const code = await run('node_modules/@playwright/test/cli.js', ['test', '--reporter=list,json'], {
    PLAYWRIGHT_JSON_OUTPUT_NAME: file,
  });
  type Spec = { title: string; tests: { status: 'expected' | 'unexpected' | 'flaky' | 'skipped' }[] };
  type Suite = { title: string; specs: Spec[]; suites?: Suite[] };
  const report = readReport<{ suites: Suite[] }>(file);
  if (!report) return { passed: 0, failed: 1, skipped: [] };
  const specsOf = (suite: Suite): Spec[] => [...suite.specs, ...(suite.suites ?? []).flatMap(specsOf)];
  const specs = report.suites.flatMap(specsOf);
  const status = (spec: Spec) => spec.tests[0]?.status;
  const failed = specs.filter((spec) => status(spec) === 'unexpected').length;
  return {
    passed: specs.filter((spec) => status(spec) === 'expected' || status(spec) === 'flaky').length,
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: specs.filter((spec) => status(spec) === 'skipped').map((spec) => spec.title),
  };
}

function sayWhatWasSkipped(names: string[]): void {
  if (names.length === 0) return;
  process.stdout.write('\nSkipped:\n');
  const reasons = new Map<string, string[]>();
  for (const name of names) {
    const need = Object.keys(NEEDS).find((text) => name.includes(text));
    const reason = need ? (NEEDS[need] as string) : 'its test does not say why';
    reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
  }
  for (const [reason, tests] of reasons) {
    process.stdout.write(`  ${tests.length}: ${reason}\n`);
    for (const test of tests.slice(0, 5)) process.stdout.write(`     ${test}\n`);
    if (tests.length > 5) process.stdout.write(`     and ${tests.length - 5} more\n`);
  }
}

function run(program: string, args: string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, program), ...args], {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...env },
    });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

function readReport<T>(file: string): T | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

await main();
