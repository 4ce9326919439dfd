import type { Bar } from './bars.ts';
import { cloudMarkdown, cloudText } from './cloud/cloudTables.ts';
import type { Figure } from './measure.ts';
import type { PartRow } from './parts/measureParts.ts';
import type { Report, Row } from './report.ts';
import { ratioOf } from './rounds.ts';

/** The whole report for a terminal. */
export function asText(report: Report): string {
  return [
    `${Object.entries(report.machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}; ${report.pace.rounds} rounds`,
    loads(report.rows),
    'skipped' in report.hosted
      ? `Through the control plane: not measured. ${report.hosted.skipped}`
      : `Through the control plane and a container (${report.hosted.driver}); CPU without the container's own:\n${loads(report.hosted.rows)}`,
    columns(
      ['beside its limit', 'ours ms', 'by hand ms', 'ours × by hand', 'more'],
      report.parts.map((part) => [
        `${part.title} (${part.per})`,
        shown(part.oursMs),
        shown(part.byHandMs),
        shown(part.ratio),
        moreOf(part),
      ]),
    ),
    columns(
      ['one set step of W2', 'CPU µs', 'p50 µs'],
      report.steps.map((step) => [step.target, inMicros(step.cpuMs), inMicros(step.p50Ms)]),
    ),
    columns(
      ['W5', 'first answer ms', 'RSS MiB', 'PSS of all MiB', 'processes'],
      report.startup.map((one) => [
        one.target,
        shown(one.startMs),
        shown(one.rssMiB),
        shown(one.pssMiB),
        String(one.processes),
      ]),
    ),
    'skipped' in report.containers
      ? `Containers: not measured. ${report.containers.skipped}`
      : columns(
          ['container', 'smallest', "a workspace's"],
          report.containers.map((one) => [one.measure, shown(one.minimal), shown(one.tenant)]),
        ),
    cloudText(report.cloud, { columns, number }),
    barsText(report),
  ].join('\n\n');
}

/** Each bar with what was measured. */
export function barsText({ bars }: Pick<Report, 'bars'>): string {
  return columns(
    ['bar', 'here', 'gate', 'stretch', 'reached'],
    bars.map((bar) => [
      bar.what,
      `${shown(bar.figure)} ${bar.unit}`,
      limit(bar, bar.gate),
      bar.stretch === undefined ? '–' : limit(bar, bar.stretch),
      reached(bar),
    ]),
  );
}

/** A small table for the README: what one request costs, as multiples of plain node:http. */
export function asMarkdown(report: Report): string {
  const rows = report.rows.filter((row) => row.target === 'plain');
  const to = (row: (typeof rows)[number], target: string) =>
    report.rows.find(
      (one) => one.workload === row.workload && one.connections === row.connections && one.target === target,
    )?.toPlain;
  const cell = (row: (typeof rows)[number], target: string) => {
    const found = to(row, target);
    return found ? `${number(found.cpu?.median)} / ${number(found.p50?.median)}` : '–';
  };
  const plainStart = report.startup.find((one) => one.target === 'plain');
  const started = (what: 'startMs' | 'rssMiB', target: string) => {
    const one = report.startup.find((entry) => entry.target === target)?.[what];
    const plain = plainStart?.[what];
    return number(ratioOf(one?.rounds, plain?.rounds)?.median);
  };
  const lines = [
    '| multiples of plain `node:http`: CPU per request / p50 | Express | Sluice, `durability: step` | Sluice, `durability: none` |',
    '|---|---|---|---|',
    ...rows.map((row) => {
      const connections = row.connections > 1 ? `, ${row.connections} connections` : '';
      return `| ${row.title}${connections} | ${cell(row, 'express')} | ${cell(row, 'recorded')} | ${cell(row, 'ephemeral')} |`;
    }),
    `| W5 start to the first right answer | ${started('startMs', 'express')} | ${started('startMs', 'recorded')} | the same |`,
    `| W5 idle memory | ${started('rssMiB', 'express')} | ${started('rssMiB', 'recorded')} | the same |`,
    ...hostedLines(report),
    '',
    '| beside the least that it could cost | per | ours ms | by hand ms | × |  |',
    '|---|---|---|---|---|---|',
    ...report.parts.map(
      (part) =>
        `| ${part.title}; by hand: ${part.byHand} | ${part.per} | ${number(part.oursMs.median)} | ${number(part.byHandMs.median)} | ${number(part.ratio?.median)} | ${moreOf(part)} |`,
    ),
    ...cloudMarkdown(report.cloud, { number }),
    '',
    `Medians of ${report.pace.rounds} interleaved rounds on ${report.machine.cores} cores (${report.machine.processor}), Node ${report.machine.node}. \`npm run bench\` measures them on yours.`,
  ];
  return `${lines.join('\n')}\n`;
}

const moreOf = ({ more = {} }: PartRow) =>
  Object.entries(more)
    .map(([name, value]) => `${name}: ${number(value)}`)
    .join(', ');

/** Without Docker the container is a process, and is called one. */
function hostedLines({ hosted }: Report): string[] {
  if ('skipped' in hosted) return [];
  const place = hosted.driver === 'docker' ? 'a container' : 'a process of the workspace';
  return hosted.rows
    .filter((row) => row.target === 'hosted' && row.connections === 1)
    .map(
      ({ toPlain }) =>
        `| W1 through the control plane and ${place} | – | ${number(toPlain.cpu?.median)} / ${number(toPlain.p50?.median)} | – |`,
    );
}

function loads(rows: Row[]): string {
  return columns(
    ['workload', 'conn', 'target', 'req/s', 'p50 ms', 'p99 ms', 'CPU ms', 'p50 × plain', 'CPU × plain'],
    rows.map((row) => [
      row.title,
      String(row.connections),
      row.target,
      shown(row.perSecond),
      shown(row.p50Ms),
      shown(row.p99Ms),
      shown(row.cpuMs),
      shown(row.toPlain.p50),
      shown(row.toPlain.cpu),
    ]),
  );
}

export function columns(head: string[], rows: string[][]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

function shown(figure: Figure | undefined, times = 1): string {
  if (!figure) return 'not measured';
  const spread = figure.rounds.length > 1 ? ` ±${Math.round(Math.abs(figure.spread) * 100)}%` : '';
  return `${number(figure.median * times)}${spread}`;
}

/** With as many digits as mean something. */
export function number(value: number | undefined): string {
  if (value === undefined) return '–';
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(digits);
}

/** By hand a step takes less than the noise of two requests. */
const inMicros = (figure: Figure | undefined) => (figure && figure.median <= 0 ? 'in the noise' : shown(figure, 1_000));

const limit = (bar: Bar, value: number) => `${bar.better === 'lower' ? '≤' : '≥'} ${value}`;

function reached(bar: Bar): string {
  return bar.reached ?? 'not measured';
}
