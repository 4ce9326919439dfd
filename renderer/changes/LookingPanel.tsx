import { PencilLine, RotateCcw, X } from 'lucide-react';
import { useState } from 'react';
import type { HistoryEntry } from '#shared/contract/host/history.ts';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { formatTime, plural } from '../look/format.ts';
import { Input } from '../look/Input.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { ChangeCounts, Changes } from '../publish/Changes.tsx';
import type { Looking } from '../state/historySlice.ts';
import { now, useEditor } from '../state/store.ts';
import { BackToList, type DetailsRoom } from './ConflictPanel.tsx';
import { originOf, titleOf } from './HistoryList.tsx';

/** What is looked at: who made a revision and what it changed, or what differs between now and something else. */
export function LookingPanel({ room }: { room: DetailsRoom }) {
  const looking = useEditor((state) => state.looking);
  if (!looking) return null;
  const { entry, changes, moved, names } = looking;
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <header className="flex min-h-11 flex-none items-center gap-2 border-b border-line py-2 pr-2 pl-4">
        {room !== 'beside' && <BackToList />}
        <h2 className="min-w-0 flex-1 truncate font-heading">
          {entry ? `Revision ${entry.revision}` : titleOfCompare(looking)}
        </h2>
        <Button
          look="ghost"
          size="sm"
          aria-label="Back to editing"
          icon={<X className="icon-s" />}
          onClick={() => now().stopLooking()}
        />
      </header>
      <div className="min-h-0 flex-1 overflow-auto">
        {entry && <AboutRevision entry={entry} isNow={looking.isNow} />}
        <section aria-label="What differs" className="flex flex-col gap-1 px-3 py-3">
          <h3 className="flex items-center gap-2 px-1 pb-1 font-heading">
            {looking.isNow ? `Changed since ${names[0]}` : 'What it changed'}
            <ChangeCounts changes={changes} />
          </h3>
          {changes.length > 0 || moved > 0 ? (
            <>
              {changes.length > 0 && <Changes changes={changes} onOpen={openChange} />}
              {moved > 0 && (
                <p className="px-1 pt-1 text-small text-ink-3">
                  {plural(moved, 'step stands', 'steps stand')} elsewhere on the canvas.
                </p>
              )}
            </>
          ) : (
            <p className="px-1 text-small text-ink-3">
              {names[0] === names[1] ? 'What was before it is not kept any more.' : 'Nothing differs.'}
            </p>
          )}
        </section>
      </div>
      {entry && <RevisionActs entry={entry} alone={room === 'alone'} />}
      {!entry && room === 'alone' && (
        <footer className="flex flex-none border-t border-line px-4 py-3">
          <Button onClick={() => now().showChanges('canvas')}>Show on the canvas</Button>
        </footer>
      )}
    </div>
  );
}

function titleOfCompare({ against, names }: Looking): string {
  if (against?.kind === 'head') return `Not in the workspace yet, since ${names[0]}`;
  if (against?.kind === 'deployed') return `Not in ${against.environment} yet, since ${names[0]}`;
  return `${names[0]} and ${names[1]}`;
}

/** Leads to the step that a line is about. */
function openChange(change: { subject: string; title: string; where: string }): void {
  const { looking } = now();
  const found = Object.entries(looking?.workflows ?? {}).find(([, workflow]) => workflow.name === change.where);
  if (!found || (change.subject !== 'step' && change.subject !== 'edge')) return;
  const [workflowId, workflow] = found;
  const first = change.title.split(' → ')[0]?.replace(/ \([^()]*\)$/, '');
  const stepId = Object.entries(workflow.steps).find(([, step]) => step.name === first)?.[0];
  if (now().workflowId !== workflowId) now().openWorkflowTab(workflowId);
  now().showChanges('canvas');
  if (stepId) now().select([stepId]);
}

function AboutRevision({ entry, isNow }: { entry: HistoryEntry; isNow: boolean }) {
  const version = useEditor((state) =>
    entry.where === 'cloud' ? state.versions.find((one) => one.revision === entry.revision) : undefined,
  );
  const { icon: Icon, word } = originOf(entry);
  return (
    <section aria-label="Revision" className="flex flex-col gap-3 border-b border-line px-4 py-3.5">
      <NameOfRevision key={`${entry.where} ${entry.revision}`} entry={entry} />
      <p className="flex items-center gap-1.5 text-small text-ink-2">
        <Icon className="icon-s text-ink-3" aria-hidden />
        <span className="min-w-0">
          {entry.authorName ? `${entry.authorName}, ` : ''}
          {word}, <time dateTime={entry.createdAt}>{formatTime(entry.createdAt)}</time>
        </span>
      </p>
      {entry.message && entry.name && <p className="text-small text-ink-2">{entry.message}</p>}
      {version && (
        <p className="text-small text-ink-2">
          Published as v{version.number}
          {version.note && <span className="text-ink-3">, {version.note}</span>}
        </p>
      )}
      <Segmented
        label="Compared with"
        value={isNow ? 'now' : 'before'}
        options={[
          { value: 'before', label: 'What it changed' },
          { value: 'now', label: 'Since then' },
        ]}
        onChange={(against) => void now().lookAtRevision(entry, against)}
      />
    </section>
  );
}

/** A revision is found again by its name. */
function NameOfRevision({ entry }: { entry: HistoryEntry }) {
  const [typed, setTyped] = useState<string>();
  if (typed === undefined) {
    return (
      <p className="flex items-start gap-1.5">
        <span className="min-w-0 flex-1 font-name break-words">{titleOf(entry)}</span>
        <Button
          look="ghost"
          size="sm"
          aria-label={entry.name ? 'Change its name' : 'Give it a name'}
          icon={<PencilLine className="icon-s" />}
          onClick={() => setTyped(entry.name ?? '')}
        />
      </p>
    );
  }
  return (
    <form
      className="flex gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        void now().nameRevision(entry, typed.trim() || null);
        setTyped(undefined);
      }}
    >
      <Input
        autoFocus
        className="flex-1"
        aria-label="Name of the revision"
        placeholder="Before the new prices"
        maxLength={120}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.stopPropagation();
          setTyped(undefined);
        }}
      />
      <Button type="submit">Keep the name</Button>
    </form>
  );
}

function RevisionActs({ entry, alone }: { entry: HistoryEntry; alone: boolean }) {
  const newest = useEditor((state) => state.history.entries[0]);
  const [asks, setAsks] = useState(false);
  const isNewest = newest?.revision === entry.revision && newest.where === entry.where;
  return (
    <footer className="flex flex-none flex-wrap items-center gap-2 border-t border-line px-4 py-3">
      {alone && <Button onClick={() => now().showChanges('canvas')}>Show on the canvas</Button>}
      <Button
        look="primary"
        icon={<RotateCcw className="icon-s" />}
        blocked={isNewest && 'The project is as it was then.'}
        onClick={() => setAsks(true)}
      >
        Restore r{entry.revision}
      </Button>
      <Dialog
        open={asks}
        onClose={() => setAsks(false)}
        title={`Restore revision ${entry.revision}`}
        consequence="Nothing is lost: it becomes a new revision."
        actions={
          <>
            <Button onClick={() => setAsks(false)}>Cancel</Button>
            <Button
              look="primary"
              onClick={() => {
                setAsks(false);
                void now().restoreRevision(entry);
              }}
            >
              Restore r{entry.revision}
            </Button>
          </>
        }
      >
        <p>
          The whole project becomes what it was {formatTime(entry.createdAt)}. What was changed since stays in the
          history, and what is published goes on running.
        </p>
      </Dialog>
    </footer>
  );
}
