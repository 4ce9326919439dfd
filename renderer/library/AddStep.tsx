import { Dialog as Radix } from 'radix-ui';
import { useMemo, useRef, useState } from 'react';
import { addStep } from '../canvas/commands.ts';
import { cx } from '../look/cx.ts';
import { Kbd } from '../look/Kbd.tsx';
import { SearchList, SearchOption } from '../look/SearchList.tsx';
import { StepIcon } from '../look/stepIcon.tsx';
import { useFocusBack } from '../look/useFocusBack.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { now, useEditor } from '../state/store.ts';
import { searchSteps } from './searchSteps.ts';

/** The step search: at the pointer where an edge was dropped, else in the middle. Arrows and Enter choose. */
export function AddStep() {
  const at = useEditor((state) => state.adding);
  return at ? <StepSearch key={JSON.stringify(at)} /> : null;
}

const WIDTH = 400;
const HEIGHT = 420;

function StepSearch() {
  const at = useEditor((state) => state.adding);
  const catalog = useEditor((state) => state.stepTypes);
  const noSteps = useEditor((state) => Object.keys(openWorkflow(state)?.steps ?? {}).length === 0);
  const [typed, setTyped] = useState('');
  const [active, setActive] = useState(0);
  const anchored = at?.from !== undefined || at?.splitEdge !== undefined;
  const groups = useMemo(() => {
    const found = searchSteps(catalog, typed, { triggers: anchored ? false : undefined });
    // On an empty canvas a trigger is the likely answer; later it rarely is.
    return noSteps || typed
      ? found
      : [...found.filter((one) => one.title !== 'Triggers'), ...found.filter((one) => one.title === 'Triggers')];
  }, [catalog, typed, anchored, noSteps]);
  const giveFocusBack = useFocusBack();
  const chosen = useRef(false);
  const flat = groups.flatMap((group) => group.entries);

  if (!at) return null;

  const choose = (index: number) => {
    const info = flat[index];
    if (!info) return;
    chosen.current = true;
    addStep(info.type, at);
  };
  const place = at.screen && {
    left: Math.max(8, Math.min(at.screen.x, window.innerWidth - WIDTH - 8)),
    top: Math.max(48, Math.min(at.screen.y, window.innerHeight - HEIGHT - 32)),
    transform: 'none',
  };

  return (
    <Radix.Root open onOpenChange={(open) => !open && now().add(undefined)}>
      <Radix.Portal>
        <Radix.Overlay className={cx('fixed inset-0 z-40', !place && 'bg-scrim')} />
        <Radix.Content
          aria-describedby={undefined}
          // What was chosen is elsewhere, and the keys of the canvas act there; only whoever reads its outline stays in it.
          onCloseAutoFocus={(event) => giveFocusBack(event, chosen.current ? '[role="treeitem"]' : undefined)}
          style={place ? { ...place, width: WIDTH } : { top: 112 }}
          className={cx(
            'fixed z-50 flex max-h-105 flex-col overflow-hidden rounded-dialog bg-panel outline-none animate-[fade-in_120ms_ease-out]',
            place ? 'shadow-pop' : 'left-1/2 w-[min(640px,calc(100vw-32px))] -translate-x-1/2 shadow-dialog',
          )}
        >
          <Radix.Title className="visually-hidden">Add a step</Radix.Title>
          <SearchList
            id="step-types"
            label="Search step types"
            listLabel="Step types"
            typed={typed}
            onTyped={setTyped}
            count={flat.length}
            active={active}
            activeId={flat[active] && `type-${flat[active].type}`}
            onActive={setActive}
            onChoose={choose}
          >
            {flat.length === 0 && (
              <p className="p-3 text-small text-ink-3">
                No step type is called “{typed}”. Try what it does, like “post” or “wait”.
              </p>
            )}
            {groups.map((group) => (
              <div key={group.title}>
                <p className="px-2.5 pt-2 pb-1 text-micro font-name text-ink-3">{group.title}</p>
                {group.entries.map((info) => {
                  const index = flat.indexOf(info);
                  return (
                    <SearchOption
                      key={info.type}
                      id={`type-${info.type}`}
                      index={index}
                      active={index === active}
                      icon={<StepIcon uses={info.type} />}
                      title={<Marked text={info.title} typed={typed} />}
                      text={info.description}
                      onActive={setActive}
                      onChoose={choose}
                    >
                      {!place && <span className="flex-none font-mono text-[11px] text-ink-3">{info.type}</span>}
                    </SearchOption>
                  );
                })}
              </div>
            ))}
          </SearchList>
          <div className="flex h-9 flex-none items-center gap-2 bg-sunken px-4 text-micro text-ink-3">
            <Kbd keys="↑ ↓" /> move <Kbd keys="↵" /> add
          </div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** The letters that were typed, in bold. */
export function Marked({ text, typed }: { text: string; typed: string }) {
  const at = typed ? text.toLowerCase().indexOf(typed.trim().toLowerCase()) : -1;
  if (at < 0 || typed.trim() === '') return text;
  const end = at + typed.trim().length;
  return (
    <>
      {text.slice(0, at)}
      <b className="font-heading">{text.slice(at, end)}</b>
      {text.slice(end)}
    </>
  );
}
