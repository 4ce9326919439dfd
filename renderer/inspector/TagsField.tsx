import { useEffect, useState } from 'react';
import { Tag } from '#shared/workflow/tree.ts';
import { Field, Input } from '../look/Input.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { now, useEditor } from '../state/store.ts';

const MOST = 20;

/** The tags of the open workflow, as words with commas between them. */
export function TagsField() {
  const tags = useEditor((state) => openWorkflow(state)?.tags);
  const kept = tags?.join(', ') ?? '';
  const [text, setText] = useState(kept);
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    setText(kept);
    setProblem(undefined);
  }, [kept]);

  function save() {
    const { workflowId, edit } = now();
    const read = readTags(text);
    setProblem(read.problem);
    if (!workflowId || read.problem) return;
    if (read.tags.join(', ') === kept) setText(kept);
    else edit([{ type: 'setTags', workflowId, tags: read.tags }]);
  }

  return (
    <Field label="Tags" help="With commas between them. The workflow is found by them." error={problem}>
      {(ids) => (
        <Input
          {...ids}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onBlur={save}
          onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
        />
      )}
    </Field>
  );
}

/** What somebody typed as tags, each once; or why it cannot be. */
export function readTags(text: string): { tags: string[]; problem?: string } {
  const typed = text.split(',').map((one) => one.trim().replace(/\s+/g, ' ').replace(/^#/, ''));
  const tags = [...new Set(typed.filter(Boolean))];
  const long = tags.find((tag) => !Tag.safeParse(tag).success);
  if (long !== undefined)
    return { tags, problem: `“${long.slice(0, 40)}…” is longer than a tag can be, 40 characters.` };
  if (tags.length > MOST) return { tags, problem: `A workflow has at most ${MOST} tags; these are ${tags.length}.` };
  return { tags };
}
