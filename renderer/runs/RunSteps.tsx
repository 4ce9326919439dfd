import { RotateCcw } from 'lucide-react';
import type { StepState } from '#shared/run/foldRun.ts';
import { StateGlyph } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { formatDuration, plural } from '../look/format.ts';
import type { EndedWait } from '../state/openWaits.ts';
import { countItems, type RunView, sourceOfStep, stateOfStep } from '../state/runView.ts';
import { useEditor } from '../state/store.ts';
import { WAITS } from '../state/waitWords.ts';
import { SourceMark } from './SourceMark.tsx';

type RunStepsProps = {
  view: RunView;
  nameOf: (stepId: string, path?: readonly string[]) => string;
  /** Does the run again from a step; absent while it goes on. */
  onRetryFrom: ((stepId: string) => void) | undefined;
};

/** How a run went, step by step: what each gave, where that came from, and what people said. */
export function RunSteps({ view, nameOf, onRetryFrom }: RunStepsProps) {
  return (
    <ul className="p-2 text-list" aria-label="Steps">
      {Object.entries(view.run.steps).map(([key, step]) => {
        const path = key.split('/');
        const stepId = path.pop() ?? key;
        const source = sourceOfStep(step);
        const name = nameOf(stepId, path);
        const said = view.waits.ended.filter((one) => [...(one.path ?? []), one.stepId].join('/') === key);
        const canRetry = onRetryFrom && path.length === 0 && step.status !== 'skipped';
        return (
          <li key={key}>
            <div
              className="group relative flex min-h-7.25 items-center gap-2 rounded-control px-2 hover:bg-hover"
              style={{ paddingLeft: 8 + Math.min(path.length, 4) * 18 }}
            >
              <StateGlyph state={stateOfStep(step)} />
              <span className="min-w-16 flex-1 truncate" title={name}>
                {name}
              </span>
              {source && <SourceMark source={source} where={view.where} />}
              <span className="flex-none text-small tabular-nums text-ink-3">
                {wordsOf(step, source !== undefined)}
              </span>
              {canRetry && stepId !== view.run.triggerStepId && (
                <span className="absolute right-1 rounded-control bg-panel opacity-0 group-hover:opacity-100 focus-within:opacity-100">
                  <Button
                    look="ghost"
                    size="sm"
                    aria-label={`Retry from ${name}`}
                    icon={<RotateCcw className="icon-s" />}
                    onClick={() => onRetryFrom(stepId)}
                  />
                </span>
              )}
            </div>
            {said.map((one) => (
              <Said key={`${one.iteration} ${one.at}`} wait={one} />
            ))}
          </li>
        );
      })}
    </ul>
  );
}

function wordsOf(step: StepState, taken: boolean): string {
  if (step.status === 'skipped') return 'Not reached';
  if (step.status === 'waiting' && step.wait) return WAITS[step.wait.reason];
  const attempts = step.attempt > 1 ? `${step.attempt} attempts · ` : '';
  // What was taken over took no time here.
  return `${plural(countItems(step.itemsOut), 'item')}${taken ? '' : ` · ${attempts}${formatDuration(step.durationMs)}`}`;
}

/** What a person said to a step that waited; what a timer did shows in the step itself. */
function Said({ wait }: { wait: EndedWait }) {
  const own = useEditor((state) => state.account?.user?.id);
  if (wait.by === 'timer') return null;
  const { approved, comment, decision } = (wait.input ?? {}) as Record<string, unknown>;
  const what =
    wait.reason === 'approval'
      ? approved === true
        ? 'Approved'
        : 'Rejected'
      : wait.reason === 'needs_attention'
        ? (DECISIONS[String(decision)] ?? 'Decided')
        : 'Reply came';
  const by =
    wait.by === 'local' || wait.by === own ? ' by you' : wait.by === 'webhook' ? ' by its address' : ' by a member';
  return (
    <p className="pr-2 pb-1.5 pl-7.5 text-small break-words text-ink-3">
      {what}
      {by}
      {typeof comment === 'string' && <span className="text-ink-2">: “{comment}”</span>}
    </p>
  );
}

const DECISIONS: Record<string, string> = {
  done: 'Noted as done',
  retry: 'Sent again',
  fail: 'Given up',
};
