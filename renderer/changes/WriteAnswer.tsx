import { useState } from 'react';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import type { Json } from '#shared/json.ts';
import { Button } from '../look/Button.tsx';
import { Field, TextArea } from '../look/Input.tsx';
import { now } from '../state/store.ts';
import { isText } from './conflictWords.ts';

/** An answer that is neither theirs nor mine. What is written stays, also while news from others come. */
export function WriteAnswer({ record, draft, busy }: { record: ConflictEntry; draft: string; busy: boolean }) {
  const [touched, setTouched] = useState(false);
  const read = isText(record) ? { value: draft as Json } : readJson(draft);
  const error = touched && 'error' in read ? read.error : undefined;
  const write = () => {
    setTouched(true);
    if ('value' in read) void now().answer(record.id, 'edit', read.value);
  };
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        write();
      }}
    >
      <Field label="Your answer" help={isText(record) ? undefined : 'JSON: a text stands in quotes.'} error={error}>
        {(ids) => (
          <TextArea
            {...ids}
            autoFocus
            rows={Math.min(14, Math.max(3, draft.split('\n').length + 1))}
            className="font-mono text-[12px]/[18px]"
            spellCheck={false}
            value={draft}
            onBlur={() => setTouched(true)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
                event.preventDefault();
                event.stopPropagation();
                write();
              }
              if (event.key === 'Escape') {
                event.stopPropagation();
                now().setDraft(record.id, undefined);
              }
            }}
            onChange={(event) => now().setDraft(record.id, event.target.value)}
          />
        )}
      </Field>
      <div className="flex flex-wrap gap-2">
        <Button type="submit" size="sm" look="primary" busy={busy && 'Saving'} blocked={'error' in read && read.error}>
          Use this answer
        </Button>
        <Button size="sm" onClick={() => now().setDraft(record.id, undefined)}>
          Cancel
        </Button>
      </div>
    </form>
  );
}

function readJson(text: string): { value: Json } | { error: string } {
  try {
    return { value: JSON.parse(text) as Json };
  } catch (thrown) {
    return { error: `This is no JSON: ${thrown instanceof Error ? thrown.message : 'it ends early'}` };
  }
}
