import { useEffect, useState } from 'react';
import { cx } from '../look/cx.ts';
import { stepById } from '../state/documentSlice.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { now, useEditor } from '../state/store.ts';

/** A step's name, changed in place. Empty is not kept. */
export function StepName({ stepId, className }: { stepId: string; className?: string }) {
  const name = useEditor((state) => stepById(stepId)(state)?.name ?? '');
  const readOnly = useEditor(isReadOnly);
  const [typed, setTyped] = useState(name);
  useEffect(() => setTyped(name), [name]);
  function keep() {
    const { workflowId, edit } = now();
    if (typed.trim() && typed.trim() !== name && workflowId)
      edit([{ type: 'renameStep', workflowId, stepId, name: typed.trim() }]);
    else setTyped(name);
  }
  return (
    <input
      aria-label="Step name"
      value={typed}
      maxLength={120}
      readOnly={readOnly}
      onChange={(event) => setTyped(event.target.value)}
      onBlur={keep}
      onKeyDown={(event) => {
        if (event.key === 'Enter') event.currentTarget.blur();
        if (event.key === 'Escape') {
          event.stopPropagation();
          setTyped(name);
        }
      }}
      className={cx(
        '-mx-1 block w-full truncate rounded-chip bg-transparent px-1 text-body font-heading hover:bg-hover focus:bg-panel focus-visible:-outline-offset-2',
        className,
      )}
    />
  );
}
