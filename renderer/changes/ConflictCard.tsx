import { GitMerge, Pencil, Undo2 } from 'lucide-react';
import { useEffect, useRef } from 'react';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { isJsonObject } from '#shared/json.ts';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { formatAgo, formatTime } from '../look/format.ts';
import { Note } from '../look/Note.tsx';
import { useNow } from '../look/useNow.ts';
import type { Answering, ConflictChoice } from '../state/conflictsSlice.ts';
import { mayOnlyLook } from '../state/historySlice.ts';
import { now, useEditor } from '../state/store.ts';
import { Answers } from './Answers.tsx';
import { canWrite, isText, KINDS, placeOfConflict, type SideWords, sideWords, valueText } from './conflictWords.ts';
import { WriteAnswer } from './WriteAnswer.tsx';

/** One conflict: both answers, what was before, and the three ways to decide. Answered, it is one line. */
export function ConflictCard({ record }: { record: ConflictEntry }) {
  const tree = useEditor((state) => state.doc?.tree);
  const me = useEditor((state) => state.account?.user?.name);
  const isChosen = useEditor((state) => state.conflictId === record.id);
  const answering = useEditor((state) => state.answering[record.id]);
  const draft = useEditor((state) => state.drafts[record.id]);
  const looks = useEditor(mayOnlyLook);
  const time = useNow(30_000);
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    if (isChosen) box.current?.scrollIntoView({ block: 'nearest' });
  }, [isChosen]);
  if (!tree) return null;
  const place = placeOfConflict(record, tree);
  const kind = KINDS[record.kind];
  const words = sideWords(record, me);
  if (record.status === 'resolved')
    return <AnsweredLine record={record} title={place.title} words={words} answering={answering} />;

  const busy = answering?.state === 'busy' ? answering.choice : undefined;
  const blocked = blockedBy(looks, busy);
  const choose = (choice: 'theirs' | 'ours') => void (blocked || now().answer(record.id, choice));
  const begin = () => blocked || now().setDraft(record.id, draftOf(record));
  const writable = canWrite(record);

  function onKeyDown(event: React.KeyboardEvent) {
    const target = event.target as HTMLElement;
    if (target.closest('input, textarea, [contenteditable]') || event.ctrlKey || event.metaKey || event.altKey) return;
    const acts: Record<string, () => void> = {
      t: () => choose('theirs'),
      m: () => choose('ours'),
      ...(writable ? { e: begin } : {}),
    };
    const act = acts[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  return (
    <article
      ref={box}
      aria-label={`${place.title}, ${kind.word}`}
      data-conflict={record.id}
      tabIndex={isChosen ? 0 : -1}
      onKeyDown={onKeyDown}
      onFocus={() => !isChosen && now().openConflict(record.id)}
      className={cx(
        'relative flex flex-col gap-2 border-b border-line px-4 py-3.5 focus-visible:-outline-offset-2',
        isChosen && 'bg-hover before:absolute before:inset-y-0 before:left-0 before:w-0.5 before:bg-accent',
      )}
    >
      <header className="flex items-start gap-2">
        <div className="min-w-0 flex-1">
          <h3 className="font-heading break-words">{place.title}</h3>
          <p className="text-micro text-ink-3">
            {place.where}
            {record.who.theirs !== undefined && record.who.theirs === record.who.ours && `, both by ${record.who.ours}`}
            ,{' '}
            <time dateTime={record.createdAt} title={formatTime(record.createdAt)}>
              {formatAgo(record.createdAt, time)}
            </time>
          </p>
        </div>
        <span className="mt-0.5 inline-flex h-5 flex-none items-center gap-1 rounded-[5px] bg-wait-soft px-1.5 text-[11.5px]/none font-control whitespace-nowrap text-wait-ink">
          <GitMerge className="icon-xs" aria-hidden />
          {kind.word}
        </span>
      </header>
      <p className="text-small text-ink-2">{kind.told}</p>
      <Answers record={record} words={words} />
      {answering?.state === 'refused' && <Refused record={record} words={words} answering={answering} />}
      {draft !== undefined ? (
        <WriteAnswer record={record} draft={draft} busy={busy === 'edit'} />
      ) : (
        <div className="flex flex-wrap gap-2">
          <Button size="sm" busy={busy === 'theirs' && 'Keeping'} blocked={blocked} onClick={() => choose('theirs')}>
            {words.keep}
          </Button>
          <Button size="sm" busy={busy === 'ours' && 'Using'} blocked={blocked} onClick={() => choose('ours')}>
            {words.use}
          </Button>
          {writable && (
            <Button
              size="sm"
              look="ghost"
              className="ml-auto"
              icon={<Pencil className="icon-xs" />}
              blocked={blocked}
              onClick={begin}
            >
              Edit
            </Button>
          )}
        </div>
      )}
    </article>
  );
}

const blockedBy = (looks: boolean, busy: ConflictChoice | undefined) =>
  (looks && 'You may only look at this project.') || (busy !== undefined && 'An answer is on its way.');

/** What a person begins with who writes the answer: mine, for theirs stands already. */
function draftOf(record: ConflictEntry): string {
  const value = record.ours ?? record.theirs;
  return value === undefined ? '' : isText(record) ? String(value) : valueText(value);
}

/** The place may have been changed since; then nothing is overwritten unseen. */
function Refused({
  record,
  words,
  answering,
}: {
  record: ConflictEntry;
  words: SideWords;
  answering: Extract<Answering, { state: 'refused' }>;
}) {
  const { choice, error, value } = answering;
  const details = error.details;
  const was = isJsonObject(details) && typeof details.was === 'string' ? details.was : undefined;
  const isChanged = error.code === 'conflict.place_changed' && was !== undefined;
  return (
    <Note
      kind={isChanged ? 'wait' : 'bad'}
      title={error.message}
      actions={
        isChanged && (
          <Button size="sm" onClick={() => void now().answer(record.id, choice, value, was)}>
            {`${choice === 'theirs' ? words.keep : choice === 'ours' ? words.use : 'Use what I wrote'} anyway`}
          </Button>
        )
      }
    >
      {error.advice}
    </Note>
  );
}

function AnsweredLine({
  record,
  title,
  words,
  answering,
}: {
  record: ConflictEntry;
  title: string;
  words: SideWords;
  answering: Answering | undefined;
}) {
  const canTakeBack = answering?.state === 'given' && answering.edit !== undefined;
  const { resolution } = record;
  const chosen =
    resolution === 'edit' ? 'Written by hand' : resolution === 'ours' ? `${words.ours}, used` : `${words.theirs}, kept`;
  const by = answering?.state === 'given' ? '' : record.resolvedBy ? ` by ${record.resolvedBy}` : '';
  return (
    <article
      aria-label={`${title}, answered`}
      className="flex min-h-10 items-center gap-2 border-b border-line px-4 py-2 text-small"
    >
      <span className="min-w-0 flex-1">
        <span className="font-name break-words">{title}</span> <span className="text-ink-3">{`${chosen}${by}`}</span>
      </span>
      {canTakeBack && (
        <Button
          size="sm"
          look="ghost"
          icon={<Undo2 className="icon-xs" />}
          onClick={() => now().takeBackAnswer(record.id)}
        >
          Undo
        </Button>
      )}
    </article>
  );
}
