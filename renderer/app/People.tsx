import { Tooltip } from '../look/Tooltip.tsx';
import { peopleOf } from '../state/presenceSlice.ts';
import { now, useEditor } from '../state/store.ts';

const MOST = 4;

/** Who else is in the project. A click leads to where they are. */
export function People() {
  const all = useEditor((state) => state.people);
  const workflows = useEditor((state) => state.doc?.tree.workflows);
  const people = peopleOf(all);
  if (people.length === 0) return null;
  const shown = people.length > MOST ? people.slice(0, MOST - 1) : people;
  const more = people.slice(shown.length);
  return (
    <ul aria-label="Who is here" className="mr-1 flex items-center">
      {shown.map((one) => {
        const workflow = one.workflowId === undefined ? undefined : workflows?.[one.workflowId];
        const where = workflow ? `, in ${workflow.name}` : '';
        const step = workflow && one.editing ? workflow.steps[one.editing]?.name : undefined;
        return (
          <li key={one.sessionId} className="-ml-1.5 first:ml-0">
            <Tooltip text={`${one.name}${where}${step ? `, editing ${step}` : ''}`}>
              <button
                type="button"
                aria-label={`${one.name} is here${where}`}
                onClick={() => {
                  if (!workflow || !one.workflowId) return;
                  now().openWorkflowTab(one.workflowId);
                  const there = one.selection.filter((id) => workflow.steps[id]);
                  if (there[0]) now().select([there[0]]);
                }}
                className="flex size-6 items-center justify-center rounded-full text-[10px]/none font-[650] text-on-who shadow-[0_0_0_2px_var(--app)]"
                style={{ background: `var(--who-${one.color})` }}
              >
                {initials(one.name)}
              </button>
            </Tooltip>
          </li>
        );
      })}
      {more.length > 0 && (
        <li className="-ml-1.5">
          <Tooltip text={more.map((one) => one.name).join(', ')}>
            <span className="flex size-6 items-center justify-center rounded-full bg-raised text-[10px]/none font-[650] text-ink-2 shadow-[0_0_0_2px_var(--app),inset_0_0_0_1px_var(--line-2)]">
              +{more.length}
            </span>
          </Tooltip>
        </li>
      )}
    </ul>
  );
}

/** `AL` of "Ada Lovelace", `A` of "ada". */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...(word ?? '?')][0]?.toUpperCase() ?? '').join('');
}
