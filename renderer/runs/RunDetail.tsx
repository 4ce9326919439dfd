import { CornerUpLeft, Square } from 'lucide-react';
import { useEffect } from 'react';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { StateBadge, StateGlyph, type StateName } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { formatDuration, formatTime, plural } from '../look/format.ts';
import { Note } from '../look/Note.tsx';
import { countItems, isOver, stateOfStep } from '../state/runView.ts';
import { editor, now, useEditor } from '../state/store.ts';

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

/** One run beside the list: when, where, how it went step by step, and its error. */
export function RunDetail({ run, where }: { run: RunSummary; where: Where }) {
  const view = useEditor((state) => state.runs[run.id]);
  const workflow = useEditor((state) => state.doc?.tree.workflows[run.workflowId]);
  useEffect(() => {
    void now().loadRun(run.id, where);
  }, [run.id, where]);
  const steps = Object.entries(view?.run.steps ?? {});
  const state = run.status as StateName;
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
    <aside aria-label="Run" className="flex w-105 flex-none flex-col overflow-auto border-l border-line max-lg:w-80">
      <header className="flex flex-col gap-3 border-b border-line p-4">
        <h2 className="flex items-center gap-2 text-lead font-heading">
          {run.workflowName} <StateBadge state={state} />
        </h2>
        <dl className="grid grid-cols-[84px_1fr] gap-y-1 text-small">
          <dt className="text-ink-3">Started</dt>
          <dd>
            {formatTime(run.startedAt ?? run.queuedAt)}
            {run.trigger === 'manual' ? ' by hand' : `, by ${TRIGGERS[run.trigger].toLowerCase()}`}
          </dd>
          <dt className="text-ink-3">Took</dt>
          <dd>
            {run.durationMs === undefined ? 'not over' : formatDuration(run.durationMs)},{' '}
            {plural(run.stepCount, 'step')}
          </dd>
          <dt className="text-ink-3">Where</dt>
          <dd>
            {where === 'local' ? 'On this computer' : run.environment}
            {run.versionNumber !== undefined && `, v${run.versionNumber}`}
          </dd>
        </dl>
        <div className="flex gap-2">
          <Button
            look="primary"
            icon={<CornerUpLeft className="icon-s" />}
            blocked={!workflow && 'Its workflow is not in the project any more.'}
            onClick={() => void now().showRun(run, where)}
          >
            Show on the canvas
          </Button>
          {!isOver(run.status) && (
            <Button look="danger" icon={<Square className="icon-s" />} onClick={() => void cancel()}>
              Stop
            </Button>
          )}
        </div>
      </header>
      {run.error && (
        <Note
          kind="bad"
          className="m-4 mb-0"
          title={`${workflow?.steps[run.error.stepId ?? '']?.name ?? 'The run'}: ${run.error.message}`}
        >
          {run.error.detail}
        </Note>
      )}
      <ul className="p-2 text-list" aria-label="Steps">
        {steps.map(([stepId, step]) => (
          <li key={stepId} className="flex h-7.25 items-center gap-2 rounded-control px-2">
            <StateGlyph state={stateOfStep(step)} />
            <span className="min-w-0 flex-1 truncate">{workflow?.steps[stepId]?.name ?? stepId}</span>
            <span className="text-small tabular-nums text-ink-3">
              {step.status === 'skipped'
                ? 'Not reached'
                : `${plural(countItems(step.itemsOut), 'item')} · ${step.attempt > 1 ? `${step.attempt} attempts · ` : ''}${formatDuration(step.durationMs)}`}
            </span>
          </li>
        ))}
      </ul>
    </aside>
  );
}
