import { CornerUpLeft, Square, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { SluiceError } from '#shared/error.ts';
import { StateBadge, type StateName } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { formatDuration, formatTime, plural } from '../look/format.ts';
import { ErrorLine } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { type OpenWait, placeOf } from '../state/openWaits.ts';
import type { RetryWish } from '../state/runListSlice.ts';
import { isOver } from '../state/runView.ts';
import { editor, now, useEditor } from '../state/store.ts';
import { ANSWERABLE, HOLD_REASONS } from '../state/waitWords.ts';
import { RetryButton } from './RetryButton.tsx';
import { RunSteps } from './RunSteps.tsx';
import { RunLink } from './SourceMark.tsx';
import { WaitCard } from './WaitCard.tsx';

export type Where = 'local' | 'hosted';

/** What begins a run, in a word. */
export const TRIGGERS: Record<RunSummary['trigger'], string> = {
  manual: 'By hand',
  schedule: 'Schedule',
  webhook: 'Webhook',
  event: 'Event',
  api: 'API',
  sub_workflow: 'Workflow',
  route: 'Route',
  form: 'Form',
  error: 'Failed run',
  machine: 'State timed out',
};

type RunDetailProps = {
  run: RunSummary;
  where: Where;
  /** It was opened by key: the focus goes into it. */
  focus: boolean;
  onClose: () => void;
};

/** One run beside the list: when, where, why it waits, how it went step by step, its error, and what can be done now. */
export function RunDetail({ run, where, focus, onClose }: RunDetailProps) {
  const view = useEditor((state) => state.runs[run.id]);
  const workflow = useEditor((state) => state.doc?.tree.workflows[run.workflowId]);
  const nameOf = useStepName(run.workflowId);
  const title = useRef<HTMLHeadingElement>(null);
  const { retry, retrying, error } = useRetry(run.id, where);
  useEffect(() => {
    void now().loadRun(run.id, where);
  }, [run.id, where]);
  useEffect(() => {
    // A way from one run to another goes with the run it was in: the focus must not get lost with it.
    if (focus || document.activeElement === document.body) title.current?.focus();
  }, [focus]);
  // Until its events are here, the list's own word.
  const waits: OpenWait[] = isOver(run.status) ? [] : (view?.waits.open ?? (run.wait ? [run.wait] : []));
  const toAnswer = waits.some(({ reason }) => ANSWERABLE.has(reason));
  const over = isOver(run.status);
  async function cancel() {
    const projectId = now().doc?.info.id;
    if (!projectId) return;
    const { client } = editor();
    try {
      await (where === 'local'
        ? client.runs.cancel({ runId: run.id })
        : client.hosted.cancel({ projectId, runId: run.id }));
    } catch (thrown) {
      now().fail(thrown, 'The run could not be stopped');
    }
  }
  return (
    <aside
      aria-label="Run"
      className="flex w-105 max-w-full flex-none flex-col overflow-auto border-l border-line bg-panel max-lg:w-90 max-[900px]:absolute max-[900px]:inset-y-0 max-[900px]:right-0 max-[900px]:z-20 max-[900px]:shadow-pop"
    >
      <header className="flex flex-col gap-3 border-b border-line p-4">
        <div className="flex items-center gap-2">
          <h2 ref={title} tabIndex={-1} className="flex min-w-0 flex-1 items-center gap-2 text-lead font-heading">
            <span className="truncate">{run.workflowName}</span> <StateBadge state={run.status as StateName} />
          </h2>
          <Button look="ghost" size="sm" aria-label="Close the run" icon={<X className="icon-s" />} onClick={onClose} />
        </div>
        <Facts run={run} where={where} />
        <div className="flex flex-wrap gap-2">
          <Button
            look={toAnswer ? 'plain' : 'primary'}
            icon={<CornerUpLeft className="icon-s" />}
            blocked={!workflow && 'Its workflow is not in the project any more.'}
            onClick={() => void now().showRun(run, where)}
          >
            Show on the canvas
          </Button>
          {over ? (
            <RetryButton where={where} failed={run.status !== 'succeeded'} busy={retrying} onRetry={retry} />
          ) : (
            <Button look="danger" icon={<Square className="icon-s" />} onClick={() => void cancel()}>
              Stop
            </Button>
          )}
        </div>
        {error && (
          <div role="alert">
            <ErrorLine>
              {error.message} {error.advice}
            </ErrorLine>
          </div>
        )}
      </header>
      {run.error && (
        <Note
          kind="bad"
          className="m-4 mb-0"
          title={`${run.error.stepId ? nameOf(run.error.stepId) : 'The run'}: ${run.error.message}`}
        >
          {run.error.detail}
        </Note>
      )}
      {run.heldBy && run.status === 'queued' && (
        <Note className="m-4 mb-0" title={HOLD_REASONS[run.heldBy].title}>
          {HOLD_REASONS[run.heldBy].text}
        </Note>
      )}
      {waits.length > 0 && (
        <div className="flex flex-col gap-3 p-4 pb-0">
          {waits.map((wait) => (
            <WaitCard
              key={placeOf(wait)}
              run={{ runId: run.id, where, resumeUrl: view?.resumeUrl }}
              wait={wait}
              stepName={nameOf(wait.stepId, wait.path)}
              // The card goes; the focus stays in the run.
              onAnswered={() => title.current?.focus()}
            />
          ))}
        </div>
      )}
      {view && (
        <RunSteps
          view={view}
          nameOf={nameOf}
          onRetryFrom={
            over && !retrying ? (fromStepId) => retry({ from: 'failed', version: 'same', fromStepId }) : undefined
          }
        />
      )}
    </aside>
  );
}

function Facts({ run, where }: { run: RunSummary; where: Where }) {
  const again = useEditor((state) =>
    (where === 'local' ? state.localRuns : state.hostedRuns).find(({ retryOf }) => retryOf === run.id),
  );
  const took =
    run.durationMs === undefined
      ? 'not over yet'
      : `${formatDuration(run.durationMs)}, ${plural(run.stepCount, 'step')}`;
  return (
    <dl className="grid grid-cols-[84px_1fr] gap-y-1 text-small">
      <dt className="text-ink-3">Started</dt>
      <dd>
        {formatTime(run.startedAt ?? run.queuedAt)}
        {run.trigger === 'manual' ? ' by hand' : `, by ${TRIGGERS[run.trigger].toLowerCase()}`}
      </dd>
      <dt className="text-ink-3">Took</dt>
      <dd>{took}</dd>
      <dt className="text-ink-3">Where</dt>
      <dd>
        {where === 'local' ? 'On this computer' : run.environment}
        {run.versionNumber !== undefined && `, v${run.versionNumber}`}
      </dd>
      {run.retryOf && (
        <>
          <dt className="text-ink-3">Retry of</dt>
          <dd>
            <RunLink runId={run.retryOf} where={where} />
          </dd>
        </>
      )}
      {again && (
        <>
          <dt className="text-ink-3">Retried as</dt>
          <dd>
            <RunLink runId={again.id} where={where} />
          </dd>
        </>
      )}
    </dl>
  );
}

/** Does the run again and goes on to the new one; what keeps it from that is said here. */
function useRetry(runId: string, where: Where) {
  const [retrying, setRetrying] = useState(false);
  const [error, setError] = useState<SluiceError>();
  async function retry(wish: RetryWish) {
    setRetrying(true);
    setError(undefined);
    try {
      const again = await now().retryRun(runId, where, wish);
      now().announce('The run is done again.');
      await now().lookAt(again, where);
    } catch (thrown) {
      setError(SluiceError.from(thrown));
    } finally {
      setRetrying(false);
    }
  }
  return { retry: (wish: RetryWish) => void retry(wish), retrying, error };
}

/** The name of a step of a run; one inside of another workflow is looked for there. */
function useStepName(workflowId: string): (stepId: string, path?: readonly string[]) => string {
  const workflows = useEditor((state) => state.doc?.tree.workflows);
  return (stepId, path) => {
    const own = path?.length ? undefined : workflows?.[workflowId]?.steps[stepId];
    const known = own ?? Object.values(workflows ?? {}).find(({ steps }) => steps[stepId])?.steps[stepId];
    return known?.name ?? stepId;
  };
}
