import { GitMerge } from 'lucide-react';
import { useShallow } from 'zustand/react/shallow';
import type { Mark } from '../changes/compareTrees.ts';
import { isOpen } from '../state/conflictsSlice.ts';
import { markOf } from '../state/historySlice.ts';
import { peopleOf } from '../state/presenceSlice.ts';
import { now, useEditor } from '../state/store.ts';

export const MARK_WORDS: Record<Mark, string> = {
  added: 'Added',
  changed: 'Changed',
  removed: 'Removed',
  moved: 'Moved',
};

/** What stands on a card besides its run: how it differs, that two answers wait, and who is at it. */
export function StepSigns({ stepId, conflicts }: { stepId: string; conflicts: number }) {
  const mark = useEditor(markOf(stepId));
  const people = useEditor(
    useShallow((state) =>
      state.looking
        ? []
        : peopleOf(state.people).flatMap((one) =>
            one.workflowId === state.workflowId && (one.selection.includes(stepId) || one.editing === stepId)
              ? [`${one.color} ${one.editing === stepId ? 'edits' : 'selects'} ${one.name}`]
              : [],
          ),
    ),
  );
  return (
    <>
      {mark && (
        <span className="step-mark" data-mark={mark}>
          {MARK_WORDS[mark]}
        </span>
      )}
      {people.length > 0 && (
        <span className="step-people" aria-hidden>
          {people.map((text) => {
            const [color, does, ...name] = text.split(' ');
            return (
              <span
                key={text}
                className="who"
                style={{ background: `var(--who-${color})` }}
                title={`${name.join(' ')} ${does === 'edits' ? 'is editing it' : 'has it selected'}`}
              >
                {name[0]}
                {does === 'edits' ? ' edits' : ''}
              </span>
            );
          })}
        </span>
      )}
      {conflicts > 0 && (
        <button
          type="button"
          tabIndex={-1}
          className="step-badge step-conflict nodrag nopan"
          aria-label="Look at both answers"
          title="Look at both answers"
          onClick={(event) => {
            event.stopPropagation();
            const { conflicts: all, workflowId } = now();
            now().openConflict(
              all.find((one) => isOpen(one) && one.path[1] === workflowId && one.path[3] === stepId)?.id,
            );
          }}
        >
          <GitMerge aria-hidden />
        </button>
      )}
    </>
  );
}
