import type { z } from 'zod';
import type { MeterUsage, RunSummary } from '#shared/contract/cloud/common.ts';
import type { CloudApi } from '#shared/contract/cloudApi.ts';
import type { Client } from '#shared/contract/contract.ts';
import { UpgradeButton } from '../account/UpgradeButton.tsx';
import { AskFailed, Skeleton } from '../look/Asked.tsx';
import { StateBadge } from '../look/Badge.tsx';
import { cx } from '../look/cx.ts';
import { formatAgo, formatBytes, formatNumber, formatTime, plural } from '../look/format.ts';
import { Note } from '../look/Note.tsx';
import { useNow } from '../look/useNow.ts';
import { METER_NAMES, shareOf } from '../publish/metersToShow.ts';
import { Usage } from '../publish/Usage.tsx';
import { waitDetails } from '../runs/waitAnswer.ts';
import { CONTAINERS } from '../state/statusWords.ts';
import { ANSWERABLE, WAITS } from '../state/waitWords.ts';
import { Link } from './Link.tsx';
import { openRun } from './openRun.ts';
import { Empty, Page, Panel } from './Page.tsx';
import { pathOf } from './route.ts';
import { type RunDay, runDays } from './runDays.ts';
import { useAsk } from './useAsk.ts';
import { useRefresh } from './useRefresh.ts';
import { useWorkspace } from './workspace.ts';

type Container = z.output<CloudApi['containers']['get']['output']>;

const DAYS = 7;
const PAGE = 100;
/** Beyond these the days that are not whole are left out. */
const MOST_PAGES = 3;
const SHOWN = 8;
const NEARLY = 0.85;
const REFRESH_MS = 60_000;

/** How the workspace is doing: what waits for somebody, what ran, and what of the plan is used. */
export function OverviewScreen() {
  const workspace = useWorkspace();
  const asked = useAsk('overview', async (cloud) => {
    // Who may not see one part still sees the others.
    const [recent, waiting, usage, container] = await Promise.all([
      recentRuns(cloud),
      cloud.runs.list({ status: 'waiting', limit: PAGE }),
      cloud.billing.usage({}).catch(() => undefined),
      cloud.containers.get({}).catch(() => undefined),
    ]);
    return { ...recent, waiting: waiting.data, usage, container };
  });
  useRefresh(asked.again, REFRESH_MS);
  const time = useNow(30_000);
  const { data, error } = asked;
  const full = data?.usage?.meters.filter((meter) => shareOf(meter) >= NEARLY) ?? [];
  return (
    <Page title="Overview" word={`of ${workspace.name}`}>
      {error && <AskFailed error={error} onAgain={() => void asked.again()} />}
      {!data && !error && <Skeleton rows={6} />}
      {data && (
        <>
          {full.map((meter) => (
            <NearlyUsed key={`${meter.meter} ${meter.period}`} meter={meter} workspaceId={workspace.id} />
          ))}
          <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 md:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
            <div className="flex flex-col gap-4">
              <ForSomebody runs={data.waiting.filter(({ wait }) => wait && ANSWERABLE.has(wait.reason))} time={time} />
              <Recent runs={data.runs.slice(0, SHOWN)} time={time} />
            </div>
            <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 sm:max-md:grid-cols-2">
              <Days days={runDays(data.runs, data.all, time, DAYS)} />
              {data.usage && (
                <Panel title="Used of the plan" extra={<PlanLink />}>
                  <div className="p-4">
                    <Usage meters={data.usage.meters} />
                  </div>
                </Panel>
              )}
              {data.container && <ContainerPanel container={data.container} time={time} />}
            </div>
          </div>
        </>
      )}
    </Page>
  );
}

/** The newest runs, as far back as the days that are shown; `all`: there are no older ones. */
async function recentRuns(cloud: Client<CloudApi>): Promise<{ runs: RunSummary[]; all: boolean }> {
  const since = Date.now() - DAYS * 86_400_000;
  const runs: RunSummary[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await cloud.runs.list({ limit: PAGE, ...(cursor ? { cursor } : {}) });
    runs.push(...answer.data);
    cursor = answer.nextCursor;
    const last = runs.at(-1);
    if (!cursor || !last || Date.parse(last.queuedAt) < since) break;
  }
  return { runs, all: cursor === undefined };
}

function NearlyUsed({ meter, workspaceId }: { meter: MeterUsage; workspaceId: string }) {
  const format = meter.meter.endsWith('bytes') ? formatBytes : formatNumber;
  const used = meter.used + meter.reserved;
  const isOver = shareOf(meter) >= 1;
  const name = METER_NAMES[meter.meter] ?? meter.meter;
  return (
    <Note
      kind={isOver ? 'bad' : 'wait'}
      title={`${name} ${meter.period === 'day' ? 'today' : 'this month'}: ${format(used)} of ${format(meter.included ?? 0)} are used`}
      actions={<UpgradeButton workspaceId={workspaceId} />}
    >
      {isOver ? 'What comes now is refused until' : 'It starts again'} {formatTime(meter.resetsAt)}.
    </Note>
  );
}

const PlanLink = () => (
  <Link to={pathOf('workspace')} className="text-small">
    The plan
  </Link>
);

function ForSomebody({ runs, time }: { runs: RunSummary[]; time: number }) {
  if (runs.length === 0) return null;
  return (
    <Panel title={`${plural(runs.length, 'run waits', 'runs wait')} for somebody`}>
      <RunList label="Waits for somebody" runs={runs.slice(0, SHOWN)} time={time} />
    </Panel>
  );
}

function Recent({ runs, time }: { runs: RunSummary[]; time: number }) {
  return (
    <Panel
      title="Recent runs"
      extra={
        <Link to={pathOf('runs')} className="text-small">
          All runs
        </Link>
      }
    >
      {runs.length === 0 ? (
        <Empty title="Nothing has run yet">
          A published workflow runs when its schedule fires, its webhook is called, or somebody starts it.
        </Empty>
      ) : (
        <RunList label="Recent runs" runs={runs} time={time} />
      )}
    </Panel>
  );
}

function RunList({ label, runs, time }: { label: string; runs: RunSummary[]; time: number }) {
  return (
    <ul aria-label={label}>
      {runs.map((run) => {
        const why = whyOf(run);
        return (
          <li key={run.id} className="border-b border-line last:border-b-0">
            <button
              type="button"
              onClick={() => void openRun(run)}
              className="flex min-h-13 w-full items-center gap-3 px-4 py-2 text-left hover:bg-hover focus-visible:-outline-offset-2"
            >
              <span className="min-w-0 flex-1">
                <span className="block truncate font-name">{run.workflowName}</span>
                <span className="block truncate text-small text-ink-3">
                  {formatAgo(run.startedAt ?? run.queuedAt, time)}
                  {why && ` · ${why}`}
                </span>
              </span>
              <StateBadge state={run.status} />
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** What is asked, or else what it waits for; of a failed one its error. */
function whyOf({ wait, error }: RunSummary): string | undefined {
  return wait ? (waitDetails(wait.details).message ?? WAITS[wait.reason]) : error?.message;
}

/** Bars of the last days: what succeeded, with what failed on top. Their numbers are read out. */
function Days({ days }: { days: RunDay[] }) {
  const sum = (day: RunDay) => day.succeeded + day.failed + day.other;
  const most = Math.max(1, ...days.map(sum));
  const failed = days.reduce((total, day) => total + day.failed, 0);
  if (days.every((day) => sum(day) === 0)) return null;
  return (
    <Panel
      title="Runs by day"
      extra={
        <span className={cx('text-small', failed > 0 ? 'text-bad-ink' : 'text-ink-3')}>
          {failed > 0 ? `${formatNumber(failed)} failed` : 'none failed'}
        </span>
      }
    >
      <ol className="flex h-36 items-end gap-2 px-4 pt-4 pb-3">
        {days.map((day) => (
          <li key={day.day} className="flex h-full min-w-0 flex-1 flex-col justify-end gap-1.5">
            <span className="visually-hidden">
              {`${nameOf(day.day)}: ${plural(sum(day), 'run')}, ${day.succeeded} succeeded, ${day.failed} failed`}
            </span>
            <span aria-hidden className="flex min-h-0 flex-1 flex-col justify-end" title={`${plural(sum(day), 'run')}`}>
              <span className="hatch-bad rounded-t-[2px]" style={{ height: `${(day.failed / most) * 100}%` }} />
              <span
                className="rounded-t-[2px] bg-ink-3"
                style={{ height: `${((day.succeeded + day.other) / most) * 100}%` }}
              />
              <span className="h-px bg-line-control" />
            </span>
            <span aria-hidden title={nameOf(day.day)} className="truncate text-center text-micro text-ink-3">
              {weekdayOf(day.day)}
            </span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

const timeOf = (day: string) => new Date(`${day}T12:00:00`);
const nameOf = (day: string) => timeOf(day).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
const weekdayOf = (day: string) => timeOf(day).toLocaleDateString('en-GB', { weekday: 'short' });

function ContainerPanel({ container, time }: { container: Container; time: number }) {
  const { status, error, lastActiveAt, ramBytes, cpu } = container;
  return (
    <Panel title="Container" extra={<StateBadge {...CONTAINERS[status]} />}>
      <div className="flex flex-col gap-2 p-4">
        {error && <Note kind="bad">{error}</Note>}
        <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-small">
          <dt className="text-ink-3">May use</dt>
          <dd className="text-right">
            {formatBytes(ramBytes)}, {plural(cpu, 'processor')}
          </dd>
          {lastActiveAt && (
            <>
              <dt className="text-ink-3">Last active</dt>
              <dd className="text-right" title={lastActiveAt}>
                {formatAgo(lastActiveAt, time)}
              </dd>
            </>
          )}
        </dl>
        {(status === 'sleeping' || status === 'stopped') && (
          <p className="text-small text-ink-2">It starts by itself when something is to run.</p>
        )}
      </div>
    </Panel>
  );
}
