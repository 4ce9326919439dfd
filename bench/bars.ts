import { cloudBars } from './cloud/cloudBars.ts';
import type { Cloud } from './cloud/measureCloud.ts';
import type { Containers } from './container.ts';
import type { Hosted } from './hosted.ts';
import { type Figure, figureOf, type Load } from './measure.ts';
import type { PartRow } from './parts/measureParts.ts';
import { eachRound, type Measured, ratioOf } from './rounds.ts';
import type { Installed, Startup } from './startup.ts';
import type { TargetName } from './targets/target.ts';
import { CHAIN_STEPS } from './workloads/work.ts';
import type { WorkloadId } from './workloads/workloads.ts';

export type Bar = {
  what: string;
  /** `×`: a ratio inside this run. */
  unit: '×' | 'MiB' | 'packages' | 'ms' | '%' | '';
  better: 'lower' | 'higher';
  /** What a release must hold. */
  gate: number;
  /** Absent where there is only a gate. */
  stretch?: number;
  /** Absent where this machine could not measure it. */
  figure?: Figure | undefined;
  reached?: 'stretch' | 'gate' | 'neither';
};

export type Evidence = {
  measured: Measured[];
  parts: PartRow[];
  startup: Startup[];
  installed: Installed;
  containers: Containers | { skipped: string };
  hosted: Hosted | { skipped: string };
  cloud: Cloud | { skipped: string };
};

type Sluice = Extract<TargetName, 'recorded' | 'ephemeral'>;
const SLUICE: Sluice[] = ['recorded', 'ephemeral'];

const cpu = (load: Load) => load.cpu;
const p50 = (load: Load) => load.p50;
const p99 = (load: Load) => load.p99;
const perSecond = (load: Load) => load.perSecond;

/**
 * Node-RED's CPU time of one set step, where one empty webhook of plain node:http takes 1. It is not in this run: 2.7 µs
 * against 28 µs on the machine and day on which both were measured.
 */
const NODE_RED_STEP = 2.7 / 28;

/** Each bar for the runtime with what this run says to it. */
export function judge({ measured, parts, startup, installed, containers, cloud }: Evidence): Bar[] {
  const toPlain = (
    workload: WorkloadId,
    target: TargetName,
    what: (load: Load) => number | undefined,
    connections = 1,
  ) =>
    ratioOf(
      eachRound(measured, { workload, target, connections }, what),
      eachRound(measured, { workload, target: 'plain', connections }, what),
    );
  const lower = (what: string, gate: number, stretch: number, figure: Figure | undefined, unit: Bar['unit'] = '×') =>
    judged({ what, unit, better: 'lower', gate, stretch, figure });
  const started = (target: TargetName) => startup.find((one) => one.target === target);
  const cpuBars = { ephemeral: { gate: 3, stretch: 1.8 }, recorded: { gate: 6, stretch: 3 } };
  const chainBars = { ephemeral: { gate: 0.5, stretch: 0.15 }, recorded: { gate: 1, stretch: 0.5 } };

  return [
    ...SLUICE.map((target) =>
      lower(
        `W1 ${target}, CPU per request to plain`,
        cpuBars[target].gate,
        cpuBars[target].stretch,
        toPlain('w1', target, cpu),
      ),
    ),
    ...SLUICE.flatMap((target) => [
      judged({
        what: `W1 ${target}, 50 connections, requests per second to plain`,
        unit: '×',
        better: 'higher',
        gate: 0.35,
        stretch: 0.6,
        figure: toPlain('w1', target, perSecond, 50),
      }),
      lower(`W1 ${target}, 50 connections, p99 to plain`, 3, 1.5, toPlain('w1', target, p99, 50)),
    ]),
    ...SLUICE.map((target) =>
      lower(
        `W2 ${target}, CPU per step to Node-RED's (estimated)`,
        chainBars[target].gate,
        chainBars[target].stretch,
        stepToNodeRed(measured, target),
      ),
    ),
    ...SLUICE.flatMap((target) => [
      lower(`W3 ${target}, set step, p50 to plain`, 1.5, 1.1, toPlain('w3b', target, p50)),
      lower(`W3 ${target}, sandboxed code, p50 to plain`, 6, 2.5, toPlain('w3', target, p50)),
      lower(`W4 ${target}, p50 to plain`, 6, 2, toPlain('w4', target, p50)),
    ]),
    lower(
      'W4 recorded, p50 to its own ephemeral',
      2,
      1.3,
      ratioOf(
        eachRound(measured, { workload: 'w4', target: 'recorded' }, p50),
        eachRound(measured, { workload: 'w4', target: 'ephemeral' }, p50),
      ),
    ),
    lower(
      'W5 start to first right answer, to plain',
      3,
      1.6,
      ratioOf(started('recorded')?.startMs, started('plain')?.startMs),
    ),
    lower(
      'W5 idle memory (RSS), to plain',
      1.5,
      1.15,
      ratioOf(started('recorded')?.rssBytes, started('plain')?.rssBytes),
    ),
    lower('W5 installed runtime', 40, 10, figureOf([installed.bytes / 1_048_576]), 'MiB'),
    lower('W5 installed runtime', 80, 15, figureOf([installed.packages]), 'packages'),
    lower('Container created, to first right answer, to the smallest', 1.5, 1.2, toSmallest(containers, 'upMs')),
    lower('Container unpaused, to first right answer, to the smallest', 2, 1.3, toSmallest(containers, 'wakeMs')),
    lower('Container, idle memory charged, to the smallest', 4, 2.5, toSmallest(containers, 'memoryBytes')),
    ...parts.flatMap(({ title, gate, ratio, more }) => {
      if (!gate) return [];
      const value = more?.[gate.of];
      const figure = gate.of === 'ratio' ? ratio : value === undefined ? undefined : figureOf([value]);
      return [judged({ what: `${title}: ${gate.of}`, unit: '', better: 'lower', gate: gate.most, figure })];
    }),
    ...cloudBars(cloud, judged),
  ];
}

function toSmallest(containers: Evidence['containers'], what: keyof Containers): Figure | undefined {
  return 'skipped' in containers ? undefined : ratioOf(containers[what].tenant, containers[what].minimal);
}

/** CPU milliseconds of one step of the chain, in each round. */
export function perStep(measured: readonly Measured[], target: TargetName, what = cpu): number[] | undefined {
  const chain = eachRound(measured, { workload: 'w2', target }, what);
  const empty = eachRound(measured, { workload: 'w0', target }, what);
  if (!chain || !empty) return undefined;
  return chain.map((value, round) => (value - (empty[round] as number)) / CHAIN_STEPS);
}

function stepToNodeRed(measured: readonly Measured[], target: Sluice): Figure | undefined {
  const nodeRed = eachRound(measured, { workload: 'w0', target: 'plain' }, cpu)?.map((ms) => ms * NODE_RED_STEP);
  return ratioOf(perStep(measured, target), nodeRed);
}

/** With what its figure reaches. */
export function judged(bar: Bar): Bar {
  if (!bar.figure || bar.figure.rounds.length === 0) return { ...bar, figure: undefined };
  const { median } = bar.figure;
  const holds = (limit: number) => (bar.better === 'lower' ? median <= limit : median >= limit);
  if (bar.stretch !== undefined && holds(bar.stretch)) return { ...bar, reached: 'stretch' };
  return { ...bar, reached: holds(bar.gate) ? 'gate' : 'neither' };
}
