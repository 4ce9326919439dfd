import { ArrowLeft, ChevronDown, ChevronUp, CircleCheck } from 'lucide-react';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { Button } from '../look/Button.tsx';
import { isOpen } from '../state/conflictsSlice.ts';
import { mayOnlyLook } from '../state/historySlice.ts';
import { now, useEditor } from '../state/store.ts';
import { ConflictCard } from './ConflictCard.tsx';
import { sideWords } from './conflictWords.ts';

/** What is chosen stands beside the list of changes, instead of it, or alone in the window. */
export type DetailsRoom = 'beside' | 'instead' | 'alone';

/** Every conflict that waits, one below the other, beside the canvas: nothing is blocked while it is looked at. */
export function ConflictPanel({ room }: { room: DetailsRoom }) {
  const conflicts = useEditor((state) => state.conflicts);
  const conflictId = useEditor((state) => state.conflictId);
  const answering = useEditor((state) => state.answering);
  const me = useEditor((state) => state.account?.user?.name);
  const blocked = useEditor(mayOnlyLook) && 'You may only look at this project.';
  // What was answered in this sitting stays in its place, so that it can be taken back.
  const listed = conflicts.filter((one) => isOpen(one) || answering[one.id]?.state === 'given');
  const open = listed.filter(isOpen);
  const all = wordsForAll(open, me);
  const at = open.findIndex((one) => one.id === conflictId);

  function step(by: 1 | -1) {
    const next = open[(at + by + open.length) % open.length];
    if (!next) return;
    now().openConflict(next.id);
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-conflict="${next.id}"]`)?.focus());
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: J and K walk the list, as the two buttons do.
    <div
      className="flex min-h-0 flex-1 flex-col"
      onKeyDown={(event) => {
        const target = event.target as HTMLElement;
        if (target.closest('input, textarea') || event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key === 'j' || event.key === 'J') step(1);
        if (event.key === 'k' || event.key === 'K') step(-1);
      }}
    >
      <header className="flex h-11 flex-none items-center gap-2 border-b border-line pr-2 pl-4">
        {room !== 'beside' && <BackToList />}
        <h2 className="font-heading">Conflicts</h2>
        <span className="text-small tabular-nums text-ink-3">
          {listed.length - open.length} of {listed.length} answered
        </span>
        <span className="ml-auto flex">
          <Button
            look="ghost"
            size="sm"
            aria-label="Conflict before"
            icon={<ChevronUp className="icon-s" />}
            blocked={open.length < 2 && 'There is no other.'}
            onClick={() => step(-1)}
          />
          <Button
            look="ghost"
            size="sm"
            aria-label="Next conflict"
            icon={<ChevronDown className="icon-s" />}
            blocked={open.length < 2 && 'There is no other.'}
            onClick={() => step(1)}
          />
        </span>
      </header>
      <div className="min-h-0 flex-1 overflow-auto">
        {listed.map((record) => (
          <ConflictCard key={record.id} record={record} />
        ))}
        {open.length === 0 && (
          <p className="flex items-center gap-2 px-4 py-3.5 text-small text-ink-2">
            <CircleCheck className="icon-s text-ok-ink" aria-hidden /> All are answered. You can publish.
          </p>
        )}
      </div>
      {open.length > 1 && (
        <footer className="flex flex-none flex-wrap items-center gap-2 border-t border-line px-4 py-3">
          <Button blocked={blocked} onClick={() => void now().answerAll('theirs')}>
            {all.keep} for all
          </Button>
          <Button blocked={blocked} onClick={() => void now().answerAll('ours')}>
            {all.use} for all
          </Button>
        </footer>
      )}
    </div>
  );
}

/** The words of the records where they are the same for all; else what is true of each. */
function wordsForAll(open: ConflictEntry[], me: string | undefined): { keep: string; use: string } {
  const [first, ...others] = open.map((record) => sideWords(record, me));
  if (first && others.every((one) => one.keep === first.keep && one.use === first.use)) return first;
  return { keep: 'Keep what came first', use: 'Use what came later' };
}

/** Where the list and what is chosen in it do not fit beside each other. */
export function BackToList() {
  return (
    <Button
      look="ghost"
      size="sm"
      className="-ml-2"
      aria-label="All changes"
      icon={<ArrowLeft className="icon-s" />}
      onClick={() => {
        now().stopLooking();
        now().showChanges('list');
      }}
    />
  );
}
