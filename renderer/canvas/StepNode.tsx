import type { NodeProps } from '@xyflow/react';
import { Pin, Play, Power, Trash2 } from 'lucide-react';
import { memo } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { STATES } from '../look/Badge.tsx';
import { cx } from '../look/cx.ts';
import { formatDuration } from '../look/format.ts';
import { StepIcon } from '../look/stepIcon.tsx';
import { Tooltip } from '../look/Tooltip.tsx';
import { useNow } from '../look/useNow.ts';
import { conflictsOfStep } from '../state/conflictsSlice.ts';
import { openWorkflow, stepById } from '../state/documentSlice.ts';
import { isReadOnly, markOf } from '../state/historySlice.ts';
import { hasComputer } from '../state/hostFacts.ts';
import { cardState, isPinned, lackingField, metaLine, runStepById } from '../state/stepFacts.ts';
import { portsOf } from '../state/steps.ts';
import { now, useEditor } from '../state/store.ts';
import { removeSelection, runFrom, toggleDisabled, togglePin } from './commands.ts';
import { Ports } from './Ports.tsx';
import { portPlaces } from './portPlaces.ts';
import { MARK_WORDS, StepSigns } from './StepSigns.tsx';

/** Reads only its own step, so typing in one form redraws one card. */
export const StepNode = memo(function StepNode({ id, selected }: NodeProps) {
  const step = useEditor(stepById(id));
  const state = useEditor(cardState(id));
  const ran = useEditor(runStepById(id));
  const lacks = useEditor(lackingField(id));
  const mark = useEditor(markOf(id));
  const conflicts = useEditor(conflictsOfStep(id));
  const ports = useEditor(
    useShallow((editor) => {
      const workflow = openWorkflow(editor);
      if (!workflow?.steps[id]) return ['', ''];
      const { inputs, outputs } = portsOf(editor.stepTypes, workflow, id);
      return [inputs.join(' '), outputs.join(' ')];
    }),
  );
  const [inputText = '', outputText = ''] = ports;
  if (!step) return null;

  const inputs = inputText.split(' ').filter(Boolean);
  const outputs = outputText.split(' ').filter(Boolean);
  const trigger = inputs.length === 0;
  const places = portPlaces(inputs, outputs, step.uses === 'flow.loop');
  const answers = conflicts === 1 ? '2 answers' : `${conflicts} conflicts`;
  const [meta, extra] = conflicts > 0 ? [answers] : metaLine(step, ran, state, lacks);
  const about = extra ? `${meta}, ${extra}` : meta;
  const { word, glyph, cardGlyph } = STATES[state];
  const Glyph = cardGlyph ?? glyph;
  const silent = state === 'idle' || state === 'skipped' || state === 'disabled' || state === 'queued';
  const moving = state === 'running' || state === 'retrying' || state === 'waiting';

  return (
    <article
      className="step"
      data-state={state}
      data-mark={mark}
      data-conflict={conflicts > 0 || undefined}
      data-selected={selected}
      data-trigger={trigger}
      data-sub={step.uses === 'flow.runWorkflow'}
      aria-label={[step.name, step.uses, word, about, mark && MARK_WORDS[mark].toLowerCase()]
        .filter(Boolean)
        .join(', ')}
      title={`${step.name}\n${about}`}
    >
      <Ports name={step.name} places={places} type="target" />
      <span className="step-tile">
        <StepIcon uses={step.uses} className="size-4.5 stroke-[1.75]" />
      </span>
      <div className="step-words">
        <h3 className="step-name">{step.name}</h3>
        <p className="step-meta">
          <span>
            {moving && ran?.startedAt ? (
              <Elapsed since={ran.startedAt} until={ran.retryAt} word={state === 'running' ? '' : meta} />
            ) : (
              meta
            )}
          </span>
          {extra && <span>, {extra}</span>}
        </p>
      </div>
      {!silent && conflicts === 0 && (
        <span className="step-badge">
          <Glyph className={cx(state === 'running' && 'spin')} aria-hidden />
        </span>
      )}
      {state === 'running' && <span className="step-progress" />}
      <Ports name={step.name} places={places} type="source" />
      <StepSigns stepId={id} conflicts={conflicts} />
      <StepTools stepId={id} trigger={trigger} />
    </article>
  );
});

/** Counts while the step moves; a retry counts down to its next attempt. */
function Elapsed({ since, until, word }: { since: string; until?: string; word: string }) {
  const time = useNow(100);
  if (until) return `${word}, in ${formatDuration(Math.max(0, Date.parse(until) - time))}`;
  const spent = formatDuration(Math.max(0, time - Date.parse(since)));
  return word ? `${word}, ${spent}` : spent;
}

function StepTools({ stepId, trigger }: { stepId: string; trigger: boolean }) {
  const pinned = useEditor(isPinned(stepId));
  const readOnly = useEditor(isReadOnly);
  const computer = useEditor(hasComputer);
  if (readOnly) return null;
  const onComputer = [
    {
      label: trigger ? 'Run' : 'Run from here',
      keys: 'Shift R',
      icon: <Play className="icon-s" />,
      run: () => runFrom(stepId),
    },
    {
      label: pinned ? 'Unpin' : 'Pin output',
      keys: 'P',
      icon: <Pin className="icon-s" />,
      run: () => togglePin(stepId),
    },
  ];
  const tools = [
    ...(computer ? onComputer : []),
    { label: 'Turn off or on', keys: 'D', icon: <Power className="icon-s" />, run: () => toggleDisabled([stepId]) },
    {
      label: 'Delete',
      keys: 'Del',
      icon: <Trash2 className="icon-s" />,
      run: () => {
        now().select([stepId]);
        removeSelection();
      },
    },
  ];
  return (
    <div className="step-tools nodrag nopan">
      <div className="canvas-tool">
        {tools.map((tool) => (
          <Tooltip key={tool.label} text={tool.label} keys={tool.keys} side="top">
            <button
              type="button"
              tabIndex={-1}
              aria-label={tool.label}
              onClick={(event) => {
                event.stopPropagation();
                tool.run();
              }}
              className="flex size-6 items-center justify-center rounded-control text-ink-2 hover:bg-hover"
            >
              {tool.icon}
            </button>
          </Tooltip>
        ))}
      </div>
    </div>
  );
}
