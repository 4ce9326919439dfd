import { Popover } from 'radix-ui';
import { useState } from 'react';
import { DuplicateProject } from '../library/DuplicateProject.tsx';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { useNow } from '../look/useNow.ts';
import { hasComputer } from '../state/hostFacts.ts';
import { now, useEditor } from '../state/store.ts';
import { type SyncWords, syncWords } from './syncWords.ts';

/** The word on where the project stands with the cloud; it opens into why and what happens next. */
export function SyncStatus({ look }: { look: 'title' | 'status' }) {
  const info = useEditor((state) => state.doc?.info);
  const sync = info?.sync;
  const computer = useEditor(hasComputer);
  const [duplicating, setDuplicating] = useState(false);
  const reachable = useEditor((state) => state.account?.status !== 'unreachable');
  const time = useNow(5_000, sync?.syncedAt !== undefined);
  if (!info || !sync) return null;
  const words = syncWords(sync, reachable, time);
  const { icon: Icon, word, full, waits } = words;
  return (
    <Popover.Root>
      <Popover.Trigger asChild>
        <button
          type="button"
          aria-label={`${full}. Why, and what happens next`}
          className={cx(
            'flex min-w-0 items-center gap-1.25 whitespace-nowrap',
            look === 'title'
              ? 'ml-1 h-6 rounded-chip px-1 text-small hover:text-ink max-md:hidden'
              : 'h-6 rounded-chip text-[11.5px]/none hover:text-ink',
            waits ? 'font-control text-wait-ink' : 'text-ink-3',
          )}
        >
          <Icon className={look === 'title' ? 'icon-s' : 'icon-xs'} aria-hidden />
          <span className="max-w-105 truncate max-md:max-w-45">{look === 'title' ? word : full}</span>
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          side={look === 'title' ? 'bottom' : 'top'}
          align="start"
          sideOffset={6}
          collisionPadding={8}
          aria-label={word}
          className="z-60 flex w-80 max-w-[calc(100vw-16px)] flex-col gap-2 rounded-card bg-raised p-3.5 text-small shadow-pop outline-none animate-[pop-in_120ms_ease-out]"
        >
          <p className={cx('flex items-center gap-1.5 text-body font-heading', waits && 'text-wait-ink')}>
            <Icon className="icon-s" aria-hidden />
            {word}
          </p>
          <p className="break-words text-ink-2">{words.why}</p>
          <p className="break-words text-ink-3">{words.next}</p>
          <span className="mt-0.5 flex flex-wrap gap-2">
            <Act words={words} />
            {computer && sync.refused && (
              <Popover.Close asChild>
                <Button size="sm" onClick={() => setDuplicating(true)}>
                  Save as a new project
                </Button>
              </Popover.Close>
            )}
          </span>
        </Popover.Content>
      </Popover.Portal>
      {duplicating && <DuplicateProject project={info} onClose={() => setDuplicating(false)} />}
    </Popover.Root>
  );
}

function Act({ words: { act, waits } }: { words: SyncWords }) {
  const status = useEditor((state) => state.account?.status);
  const look = waits ? 'primary' : 'plain';
  const acts = {
    'sign-in': { label: 'Sign in', run: () => void now().signIn() },
    conflicts: { label: 'Look at both answers', run: () => now().openConflict(now().conflictId) },
    publish: { label: 'Publish', run: () => now().setDialog('publish') },
    sync: { label: 'Sync now', run: () => void now().syncNow() },
  };
  if (!act || (act === 'sync' && status !== 'signed_in' && status !== 'unreachable')) return null;
  return (
    <Popover.Close asChild>
      <Button size="sm" look={look} onClick={acts[act].run}>
        {acts[act].label}
      </Button>
    </Popover.Close>
  );
}
