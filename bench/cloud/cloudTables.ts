import type { Cloud } from './measureCloud.ts';
import type { Times } from './measureSync.ts';
import { CLASSES } from './routeClasses.ts';

type Shown = { columns: (head: string[], rows: string[][]) => string; number: (value: number | undefined) => string };

/** What the control plane and sync did, for a terminal. */
export function cloudText(cloud: Cloud | { skipped: string }, { columns, number }: Shown): string {
  if ('skipped' in cloud) return `The control plane under load: not measured. ${cloud.skipped}`;
  const { control, sync, load } = cloud;
  const times = (what: string, { count, p50, p95, most }: Times, bar: string, cpu?: number) => [
    ...[what, String(count), number(p50), number(p95), number(most), number(cpu), bar],
  ];
  return [
    `${control.workspaces} workspaces, ${control.connections} WebSockets on the feed, ${control.perSecond} requests a second ` +
      `for ${control.seconds} s over ${control.asked} of ${control.of} calls; limits as they come, in ${control.limitsIn}; ` +
      `load average ${load.control}`,
    columns(
      ['class', 'requests', 'p50 ms', 'p95 ms', 'p99 ms', 'aimed at', 'p95 at most'],
      control.classes.map(({ is, requests, p50, p95, p99 }) => [
        ...[is, String(requests), number(p50), number(p95), number(p99)],
        ...[String(CLASSES[is].target), String(CLASSES[is].p95)],
      ]),
    ),
    `${control.requests} requests, ${number(control.errors.share * 100)} % failed; ${number(control.cpuMs)} ms of CPU each; heap ${number(control.heapMiB.before)} → ` +
      `${number(control.heapMiB.after)} MiB (${number(control.heapMiBPerMinute)} a minute); handles at rest ` +
      `${control.handles.atRest}, connected ${control.handles.before} → ${control.handles.after}, gone ${control.handles.gone}; ` +
      `asked ${number(control.lateMs)} ms late (p99)`,
    ...Object.entries(control.errors.what).map(([what, count]) => `${count} × ${what}`),
    `Slowest: ${control.routes
      .slice(0, 5)
      .map(({ name, p95 }) => `${name} ${number(p95)} ms`)
      .join(', ')}`,
    columns(
      [`sync; load average ${load.sync}`, 'count', 'p50 ms', 'p95 ms', 'most ms', 'CPU ms', 'bar'],
      [
        times('one field of 500 steps saved on a desktop that syncs', sync.saved, 'p95 20', sync.cpuMs.saved),
        times('commit of four writers, as the server says', sync.pushed, 'p95 100', sync.cpuMs.pushed),
        times('merge of 500 steps, 20 changes on each side', sync.merged, 'p95 50'),
        times('the same, nothing shared', sync.mergedApart, '–'),
        times('first clone of 1,000 steps, a fresh desktop each', sync.cloned, 'p50 1000', sync.cpuMs.cloned),
        ...('skipped' in sync.editor
          ? []
          : [times('the editor’s page held up, typing while others change 500 steps', sync.editor.blocked, 'most 50')]),
      ],
    ),
  ].join('\n');
}

/** The same for the README. */
export function cloudMarkdown(cloud: Cloud | { skipped: string }, { number }: Pick<Shown, 'number'>): string[] {
  if ('skipped' in cloud) return [];
  const { control, sync } = cloud;
  return [
    '',
    `| ${control.workspaces} workspaces, ${control.connections} open connections, ${control.perSecond} requests a second | p50 ms | p95 ms | p99 ms | p95 at most |`,
    '|---|---|---|---|---|',
    ...control.classes.map(
      ({ is, p50, p95, p99 }) => `| ${is} | ${number(p50)} | ${number(p95)} | ${number(p99)} | ${CLASSES[is].p95} |`,
    ),
    '',
    '| sync | p50 ms | p95 ms | at most |',
    '|---|---|---|---|',
    `| one field of 500 steps, saved on a desktop that syncs | ${number(sync.saved.p50)} | ${number(sync.saved.p95)} | p95 20 |`,
    `| a commit of four writers at 500 steps, in the server | ${number(sync.pushed.p50)} | ${number(sync.pushed.p95)} | p95 100 |`,
    `| merge of 500 steps | ${number(sync.merged.p50)} | ${number(sync.merged.p95)} | p95 50 |`,
    `| first clone of 1,000 steps | ${number(sync.cloned.p50)} | ${number(sync.cloned.p95)} | p50 1,000 |`,
  ];
}
