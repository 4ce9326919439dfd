import { cpus, loadavg, type as systemName, totalmem } from 'node:os';
import { type Bar, type Evidence, judge, judged, perStep } from './bars.ts';
import { CLOUD, cloudBars } from './cloud/cloudBars.ts';
import type { Cloud } from './cloud/measureCloud.ts';
import type { Pair } from './container.ts';
import { type Figure, figureOf, type Load } from './measure.ts';
import type { PartRow } from './parts/measureParts.ts';
import { type Measured, type Pace, ratioOf } from './rounds.ts';
import { TARGETS, type TargetName } from './targets/target.ts';
import { WORKLOADS, type WorkloadId } from './workloads/workloads.ts';

export type Row = {
  workload: WorkloadId;
  title: string;
  connections: number;
  target: TargetName;
  requests: number;
  perSecond: Figure;
  p50Ms: Figure;
  p99Ms: Figure;
  cpuMs?: Figure;
  /** Each divided by plain's, round by round. */
  toPlain: { perSecond?: Figure; p50?: Figure; p99?: Figure; cpu?: Figure };
};

export type Report = {
  at: string;
  machine: Record<string, string | number>;
  pace: Pace;
  rows: Row[];
  /** What is not behind a webhook, each beside its own limit. */
  parts: PartRow[];
  /** Of the chain: (W2 - W0) / 100. */
  steps: { target: TargetName; cpuMs?: Figure; p50Ms?: Figure }[];
  startup: { target: TargetName; startMs: Figure; rssMiB?: Figure; pssMiB?: Figure; processes: number }[];
  installed: { MiB: number; packages: number; files: number };
  /** W1 through the control plane, with plain and `sluice serve` beside it in the same rounds. */
  hosted: { skipped: string } | { driver: string; rows: Row[] };
  /** The control plane under load, and sync. */
  cloud: { skipped: string } | Cloud;
  containers: { skipped: string } | { measure: string; minimal: Figure; tenant: Figure }[];
  bars: Bar[];
};

const MIB = 1_048_576;

/** Brings what was measured into the shape in which it is kept and shown. */
export function reportOf(evidence: Evidence, pace: Pace): Report {
  const { measured, parts, startup, installed, containers, hosted, cloud } = evidence;
  return {
    at: new Date().toISOString(),
    machine: describeMachine(),
    pace,
    rows: rowsOf(measured),
    parts,
    steps: TARGETS.map((target) => ({
      target,
      cpuMs: optional(perStep(measured, target)),
      p50Ms: optional(perStep(measured, target, (load) => load.p50)),
    })),
    startup: startup.map((one) => ({
      target: one.target,
      startMs: figureOf(one.startMs),
      rssMiB: optional(one.rssBytes.map((bytes) => bytes / MIB)),
      pssMiB: optional(one.pssBytes.map((bytes) => bytes / MIB)),
      processes: one.processes,
    })),
    installed: { MiB: installed.bytes / MIB, packages: installed.packages, files: installed.files },
    cloud,
    hosted: 'skipped' in hosted ? hosted : { driver: hosted.driver, rows: rowsOf(hosted.measured) },
    containers:
      'skipped' in containers
        ? containers
        : [
            { measure: 'up ms', ...pairOf(containers.upMs) },
            { measure: 'wake ms', ...pairOf(containers.wakeMs) },
            { measure: 'idle MiB', ...pairOf(containers.memoryBytes, MIB) },
          ],
    bars: judge(evidence),
  };
}

/** A report with another measurement of the control plane in place of its own. */
export function withCloud(report: Report, cloud: Cloud | { skipped: string }): Report {
  const others = report.bars.filter(({ what }) => !what.startsWith(CLOUD));
  return { ...report, cloud, bars: [...others, ...cloudBars(cloud, judged)] };
}

function rowsOf(measured: readonly Measured[]): Row[] {
  return measured.map((one): Row => {
    const plain = measured.find(
      (other) => other.workload === one.workload && other.connections === one.connections && other.target === 'plain',
    );
    const rounds = (loads: Load[] | undefined, name: 'perSecond' | 'p50' | 'p99' | 'cpu') => {
      const values = loads?.map((load) => load[name]);
      return values?.every((value) => value !== undefined) ? values : undefined;
    };
    const figure = (name: 'perSecond' | 'p50' | 'p99') => figureOf(one.loads.map((load) => load[name]));
    const toPlain = (name: 'perSecond' | 'p50' | 'p99' | 'cpu') =>
      ratioOf(rounds(one.loads, name), rounds(plain?.loads, name));
    const cpu = rounds(one.loads, 'cpu');
    return {
      workload: one.workload,
      title: WORKLOADS[one.workload].title,
      connections: one.connections,
      target: one.target,
      requests: one.loads.reduce((sum, load) => sum + load.requests, 0),
      perSecond: figure('perSecond'),
      p50Ms: figure('p50'),
      p99Ms: figure('p99'),
      ...(cpu ? { cpuMs: figureOf(cpu) } : {}),
      toPlain: { perSecond: toPlain('perSecond'), p50: toPlain('p50'), p99: toPlain('p99'), cpu: toPlain('cpu') },
    };
  });
}

/** What a reader needs to judge the figures, and nothing that tells whose machine it is. */
function describeMachine(): Report['machine'] {
  const all = cpus();
  return {
    processor: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${systemName()} ${process.arch}`,
    node: process.versions.node,
    loadAverage: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

function pairOf({ minimal, tenant }: Pair, unit = 1): { minimal: Figure; tenant: Figure } {
  const inUnit = (rounds: number[]) => figureOf(rounds.map((value) => value / unit));
  return { minimal: inUnit(minimal), tenant: inUnit(tenant) };
}

const optional = (rounds: number[] | undefined) => (rounds && rounds.length > 0 ? figureOf(rounds) : undefined);
