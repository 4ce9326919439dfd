import type { Bar } from '../bars.ts';
import { figureOf } from '../measure.ts';
import type { Cloud } from './measureCloud.ts';
import { CLASSES } from './routeClasses.ts';

type Limit = Pick<Bar, 'what' | 'unit' | 'gate' | 'stretch'>;

/** Begins the name of each of these bars. */
export const CLOUD = 'Cloud: ';
/** Sockets that come and go by themselves: of the pool to the database, of people. */
const SLACK = 10;

/** Each bar of the control plane and of sync, with what this run says to it. */
export function cloudBars(cloud: Cloud | { skipped: string }, judged: (bar: Bar) => Bar): Bar[] {
  const known = 'skipped' in cloud ? undefined : cloud;
  const bar = (limit: Limit, value: (cloud: Cloud) => number | undefined) => {
    const found = known && value(known);
    return judged({
      ...limit,
      what: `${CLOUD}${limit.what}`,
      better: 'lower',
      figure: found === undefined ? undefined : figureOf([found]),
    });
  };
  const ms = (what: string, gate: number, value: (cloud: Cloud) => number | undefined, stretch?: number) =>
    bar({ what, unit: 'ms', gate, stretch }, value);
  return [
    ...Object.entries(CLASSES).map(([is, { p95 }]) =>
      ms(`${is}, p95`, p95, ({ control }) => control.classes.find((row) => row.is === is)?.p95 ?? Number.NaN),
    ),
    ...Object.entries(CLASSES).map(([is, { target }]) =>
      ms(
        `${is}, half of all`,
        target,
        ({ control }) => control.classes.find((row) => row.is === is)?.p50 ?? Number.NaN,
      ),
    ),
    bar({ what: 'requests that failed', unit: '%', gate: 0.1 }, ({ control }) => control.errors.share * 100),
    bar(
      { what: 'connections that were lost', unit: '', gate: 0 },
      ({ control }) => control.wanted - control.connections,
    ),
    bar(
      { what: 'handles more after the load', unit: '', gate: SLACK },
      ({ control: { handles } }) => handles.after - handles.before,
    ),
    bar(
      { what: 'handles more when all have gone', unit: '', gate: SLACK },
      ({ control: { handles } }) => handles.gone - handles.atRest,
    ),
    ms('one field of 500 steps saved on a desktop that syncs, p95', 20, ({ sync }) => sync.saved.p95),
    ms('a commit of four writers, p95 as the server says', 100, ({ sync }) => sync.pushed.p95),
    ms('merge of 500 steps, p95', 50, ({ sync }) => sync.merged.p95),
    ms('first clone of 1,000 steps', 1_000, ({ sync }) => sync.cloned.p50),
    ms('longest that the page of the editor was held up', 50, ({ sync: { editor } }) =>
      'skipped' in editor ? undefined : editor.blocked.most,
    ),
  ];
}
