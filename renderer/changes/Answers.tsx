import { Check } from 'lucide-react';
import type { ReactNode } from 'react';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import type { Json } from '#shared/json.ts';
import { cx } from '../look/cx.ts';
import { type Answer, answerOf, type SideWords, valueText } from './conflictWords.ts';
import { wordRuns } from './wordRuns.ts';

/** Both answers beside each other, each with what it changed, and below what stood there before. */
export function Answers({ record, words }: { record: ConflictEntry; words: SideWords }) {
  const { base, chosen, who } = record;
  // Who made both is named once, above; nobody needs to be told their own name.
  const named = (side: 'theirs' | 'ours') => (words[side] === 'Theirs' ? who[side] : undefined);
  return (
    <div className="flex flex-col gap-1.5">
      <div className="grid grid-cols-2 gap-2">
        <AnswerCard side={words.theirs} who={named('theirs')} stands={chosen === 'theirs'}>
          <AnswerText answer={answerOf(record, 'theirs')} base={base} />
        </AnswerCard>
        <AnswerCard side={words.ours} who={named('ours')} stands={chosen === 'ours'}>
          <AnswerText answer={answerOf(record, 'ours')} base={base} />
        </AnswerCard>
      </div>
      <p className="flex min-w-0 gap-1 text-micro text-ink-3">
        <span className="flex-none">Before:</span>
        <span className="line-clamp-3 min-w-0 font-mono break-words whitespace-pre-wrap">{beforeText(record)}</span>
      </p>
    </div>
  );
}

function beforeText({ base, kind }: ConflictEntry): string {
  if (base === undefined) return 'nothing was there';
  if (kind === 'delete_vs_edit' || kind === 'delete_vs_reference') return 'there, unchanged';
  return base === '' ? 'empty' : valueText(base);
}

function AnswerCard({
  side,
  who,
  stands,
  children,
}: {
  side: string;
  who: string | undefined;
  stands: boolean;
  children: ReactNode;
}) {
  return (
    <figure
      aria-label={`${side}${stands ? ', in the project now' : ''}`}
      className={cx(
        'flex min-w-0 flex-col gap-1 rounded-card bg-raised px-2.5 py-2',
        stands ? 'shadow-[inset_0_0_0_1.5px_var(--line-control)]' : 'shadow-[inset_0_0_0_1px_var(--line-2)]',
      )}
    >
      <p className="flex min-w-0 items-baseline gap-1.5">
        <span className="flex-none font-name first-letter:uppercase">{side}</span>
        <span className="min-w-0 truncate text-micro text-ink-3" title={who}>
          {who}
        </span>
      </p>
      <div className="max-h-45 min-w-0 overflow-auto font-mono text-[12px]/[18px] break-words whitespace-pre-wrap">
        {children}
      </div>
      {stands && (
        <p className="mt-auto flex items-center gap-1 pt-0.5 text-micro text-ink-3">
          <Check className="icon-xs" aria-hidden /> stands now
        </p>
      )}
    </figure>
  );
}

function AnswerText({ answer, base }: { answer: Answer; base: Json | undefined }) {
  switch (answer.kind) {
    case 'gone':
      return <span className="text-bad-ink">{base === undefined ? 'Nothing there' : 'Deleted'}</span>;
    case 'same':
      return <span className="font-ui text-ink-2">Kept, and used elsewhere</span>;
    case 'fields':
      return answer.fields.map((field) => (
        <p key={field.path}>
          <span className="text-c-key">{field.path}</span>:{' '}
          {field.before !== undefined && field.after === undefined && <span className="text-bad-ink">taken away</span>}
          {field.after !== undefined && <Marked before={field.before ?? ''} after={field.after} />}
        </p>
      ));
    case 'text':
      if (answer.text === '') return <span className="text-ink-3">empty</span>;
      return <Marked before={base === undefined ? '' : valueText(base)} after={answer.text} />;
  }
}

const MARKS = {
  come: 'bg-ok-soft text-ok-ink',
  'in-line': 'bg-[color-mix(in_oklch,var(--ok-mark)_26%,transparent)] text-ink',
  gone: 'bg-[color-mix(in_oklch,var(--bad-mark)_24%,transparent)] text-ink',
};

/**
 * A text with the words marked that were not there before.
 *
 * @param look within a line that is coloured already, words stand out from it: those that came or those that went
 */
export function Marked({ before, after, look = 'come' }: { before: string; after: string; look?: keyof typeof MARKS }) {
  return wordRuns(before, after).map((run, index) => {
    const key = index;
    return run.changed ? (
      <mark key={key} className={cx('rounded-[3px]', MARKS[look])}>
        {run.text}
      </mark>
    ) : (
      <span key={key}>{run.text}</span>
    );
  });
}
