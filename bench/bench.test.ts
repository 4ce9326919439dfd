import { expect, test } from 'vitest';
import { perStep } from './bars.ts';
import { QUICK, runBench } from './bench.ts';
import { figureOf, type Load, percentile } from './measure.ts';
import { PARTS } from './parts/parts.ts';
import { memory } from './processTree.ts';
import { eachRound, type Measured, ratioOf } from './rounds.ts';
import { asMarkdown, asText } from './tables.ts';
import { TARGETS } from './targets/target.ts';
import { WORKLOADS } from './workloads/workloads.ts';

test('every target answers every workload rightly, and every ratio is a number', {
  timeout: 600_000,
}, async () => {
  // A wrong answer, before or under load, throws.
  const report = await runBench(QUICK, () => undefined);
  const expected = Object.values(WORKLOADS).flatMap(({ id, connections }) =>
    connections.flatMap((count) => TARGETS.map((target) => `${id} ${count} ${target}`)),
  );
  expect(report.rows.map((row) => `${row.workload} ${row.connections} ${row.target}`).sort()).toEqual(expected.sort());
  expect(report.rows.every((row) => row.requests > 0)).toBe(true);

  expect(report.parts.map(({ title }) => title)).toEqual(PARTS.map(({ title }) => title));
  expect(report.parts.filter(({ oursMs }) => !(oursMs.median > 0))).toEqual([]);

  const ratios = [
    ...report.rows.flatMap((row) => Object.values(row.toPlain)),
    ...report.parts.map(({ ratio }) => ratio),
    ...report.bars.map((bar) => bar.figure),
  ].filter((figure) => figure !== undefined);
  expect(ratios.length).toBeGreaterThan(report.rows.length * 2);
  for (const { median, rounds } of ratios) {
    expect(rounds).toHaveLength(1);
    // Not how large: a round this short may fit between two ticks of the clock that counts CPU time, and the chain may
    // then have taken less of it than the empty webhook that is subtracted.
    expect(Number.isFinite(median)).toBe(true);
  }
  expect(report.bars.every((bar) => (bar.figure === undefined) === (bar.reached === undefined))).toBe(true);

  expect(asText(report)).toContain('W5 installed runtime');
  expect(asMarkdown(report).match(/^\| W/gm)).toHaveLength(
    Object.values(WORKLOADS).flatMap((w) => w.connections).length + 2,
  );
  expect(JSON.stringify(report)).not.toContain(process.cwd());
});

test('a step of the chain is what the chain takes beyond an empty webhook, round by round', () => {
  const loads = (...cpu: number[]): Load[] =>
    cpu.map((ms) => ({ requests: 1, perSecond: 1, p50: ms, p99: ms, cpu: ms }));
  const measured: Measured[] = [
    { workload: 'w0', connections: 1, target: 'ephemeral', loads: loads(1, 2) },
    { workload: 'w2', connections: 1, target: 'ephemeral', loads: loads(101, 52) },
  ];
  expect(perStep(measured, 'ephemeral')).toEqual([1, 0.5]);
  expect(perStep(measured, 'recorded')).toBeUndefined();
  const step = eachRound(measured, { workload: 'w0', target: 'ephemeral' }, ({ cpu }) => cpu);
  expect(ratioOf(perStep(measured, 'ephemeral'), step)?.rounds).toEqual([1, 0.25]);
  expect(ratioOf(step, [1, 0])).toBeUndefined();
});

test('the median of an even number of rounds lies between the middle two, and the spread is half the range', () => {
  expect(figureOf([4, 1, 3, 2])).toEqual({ median: 2.5, spread: 0.6, rounds: [4, 1, 3, 2] });
  expect(figureOf([7])).toEqual({ median: 7, spread: 0, rounds: [7] });
});

test('a percentile is a value that was seen', () => {
  const seen = Array.from({ length: 200 }, (_, index) => index);
  expect([percentile(seen, 0.5), percentile(seen, 0.99), percentile([5], 0.99)]).toEqual([100, 198, 5]);
});

test.runIf(process.platform === 'linux')('memory is that of the process, and its children count (needs Linux)', () => {
  const held = memory(process.pid);
  expect(held?.rss).toBeGreaterThan(1_000_000);
  expect(held?.pssOfTree).toBeGreaterThan(1_000_000);
  expect(held?.processes).toBeGreaterThan(0);
});
