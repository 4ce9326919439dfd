import { FilePen, GitBranch, GitMerge, History, type LucideIcon, PencilLine, RotateCcw, Undo2 } from 'lucide-react';
import type { HistoryEntry } from '#shared/contract/host/history.ts';
import { Button } from '../look/Button.tsx';
import { formatAgo, formatTime } from '../look/format.ts';
import { Note } from '../look/Note.tsx';
import { useNow } from '../look/useNow.ts';
import { now, useEditor } from '../state/store.ts';
import { Section } from './ChangesPanel.tsx';

const ORIGINS: Record<string, { icon: LucideIcon; word: string }> = {
  canvas: { icon: PencilLine, word: 'edited' },
  file: { icon: FilePen, word: 'a file was edited' },
  git: { icon: GitBranch, word: 'from Git' },
  merge: { icon: GitMerge, word: 'merged' },
  sync: { icon: GitMerge, word: 'from the workspace' },
  restore: { icon: RotateCcw, word: 'restored' },
  undo: { icon: Undo2, word: 'undone' },
  import: { icon: FilePen, word: 'imported' },
};
const EDITED = { icon: PencilLine, word: 'edited' };

export const originOf = (entry: HistoryEntry) => ORIGINS[entry.origin] ?? EDITED;

/** What a revision is called: by a person, by what was said of it, or by what it changed. */
export function titleOf({ name, message, origin, changes, changeCount }: HistoryEntry): string {
  if (name) return name;
  const names = [...new Set(changes.map((one) => one.name))];
  // What a merge brought says more than that it was one.
  if (message && origin !== 'merge') return message;
  if (names.length === 0) return origin === 'merge' ? 'Decided as it stood' : 'Only positions or notes';
  const shown = names.slice(0, MOST_NAMES);
  const more = names.length - shown.length + Math.max(0, changeCount - changes.length);
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
const MOST_NAMES = 3;

/** The revisions of the project, newest first. */
export function HistoryList() {
  const { entries, next, loading, error } = useEditor((state) => state.history);
  const versions = useEditor((state) => state.versions);
  const shown = useEditor((state) => state.looking?.entry);
  const time = useNow(15_000);
  const where = entries[0]?.where;
  const bound = useEditor((state) => state.doc?.info.sync.workspaceId !== undefined);
  return (
    <Section icon={History} title="History">
      {error && (
        <Note kind="wait" className="mx-1 my-1" title={error.message}>
          {error.advice}
        </Note>
      )}
      {bound && where === 'local' && (
        <p className="px-2 pb-1 text-micro text-ink-3">Of this computer: the workspace cannot be reached now.</p>
      )}
      {entries.length === 0 && !loading && !error && (
        <p className="px-2 text-small text-ink-3">Nothing has changed yet.</p>
      )}
      <ol aria-label="Revisions, newest first">
        {entries.map((entry) => {
          const { icon: Icon, word } = originOf(entry);
          const version = entry.where === 'cloud' ? versions.find((one) => one.revision === entry.revision) : undefined;
          const isShown = shown?.revision === entry.revision && shown.where === entry.where;
          return (
            <li key={`${entry.where} ${entry.revision}`}>
              <button
                type="button"
                aria-current={isShown ? 'true' : undefined}
                onClick={() => void now().lookAtRevision(entry, 'before')}
                className="flex w-full items-start gap-2 rounded-control px-2 py-1.25 text-left hover:bg-hover aria-[current]:bg-selected"
              >
                <Icon className="icon-s mt-0.5 text-ink-3" aria-hidden />
                <span className="min-w-0 flex-1">
                  <span className="flex items-baseline gap-1.5">
                    <span
                      className={`line-clamp-2 min-w-0 flex-1 text-list break-words ${entry.name ? 'font-name' : ''}`}
                    >
                      {titleOf(entry)}
                    </span>
                    {version && (
                      <span className="flex-none rounded-chip bg-press px-1 text-[10.5px]/4 font-control tabular-nums text-ink-2">
                        v{version.number}
                      </span>
                    )}
                  </span>
                  <span className="block truncate text-micro text-ink-2" title={formatTime(entry.createdAt)}>
                    {[entry.authorName, entry.origin === 'canvas' ? undefined : word].filter(Boolean).join(', ') ||
                      word}
                    , {formatAgo(entry.createdAt, Math.max(time, Date.parse(entry.createdAt)))}
                  </span>
                </span>
                <span className="mt-0.5 flex-none text-micro tabular-nums text-ink-2">r{entry.revision}</span>
              </button>
            </li>
          );
        })}
      </ol>
      {next !== undefined && (
        <Button
          size="sm"
          look="ghost"
          className="mt-1 ml-1"
          busy={loading && 'Reading'}
          onClick={() => void now().loadHistory(true)}
        >
          Older
        </Button>
      )}
    </Section>
  );
}
