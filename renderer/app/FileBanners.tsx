import { useState } from 'react';
import type { UnreadableFile } from '#shared/contract/host/files.ts';
import { Button } from '../look/Button.tsx';
import { plural } from '../look/format.ts';
import { Note } from '../look/Note.tsx';
import { editor, now, useEditor } from '../state/store.ts';

const WHY: Record<NonNullable<UnreadableFile['why']>, string> = {
  syntax: 'cannot be read',
  markers: 'holds merge markers',
  refused: 'is not taken',
  gone: 'is gone',
};
const MOST = 3;

/** Files that are left as they are: which, where, why, and what to do. */
export function UnreadableFiles() {
  const files = useEditor((state) => state.doc?.unreadable);
  const deletion = useEditor((state) => state.doc?.deletion);
  const [all, setAll] = useState(false);
  // What waits for a word about its deletion is asked about there.
  const asked = new Set(deletion?.files.map((one) => one.file));
  const told = files?.filter((one) => !asked.has(one.file)) ?? [];
  return (
    <>
      {(all ? told : told.slice(0, MOST)).map((one) => (
        <UnreadableNote key={one.file} unreadable={one} />
      ))}
      {!all && told.length > MOST && (
        <p className="mx-2 mt-2 flex items-center gap-2 text-small text-ink-2">
          {plural(told.length - MOST, 'more file', 'more files')} cannot be read.
          <Button size="sm" onClick={() => setAll(true)}>
            Show them
          </Button>
        </p>
      )}
    </>
  );
}

function UnreadableNote({
  unreadable: { file, line, message, why, advice, canMerge },
}: {
  unreadable: UnreadableFile;
}) {
  const [busy, setBusy] = useState(false);
  const workflowId = useEditor(
    (state) =>
      Object.entries(state.doc?.tree.workflows ?? {}).find(([, { slug }]) => `workflows/${slug}.yaml` === file)?.[0],
  );

  async function merge() {
    const projectId = now().doc?.info.id;
    if (!projectId) return;
    setBusy(true);
    try {
      const { conflicts } = await editor().client.files.mergeMarked({ projectId, file });
      now().say({
        kind: 'ok',
        title: `${file} is put together`,
        text: conflicts > 0 ? `${plural(conflicts, 'conflict waits', 'conflicts wait')} for an answer.` : undefined,
      });
      await now().loadConflicts();
    } catch (thrown) {
      now().fail(thrown, `${file} is as it was`);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Note
      kind="bad"
      className="m-2"
      title={`${file} ${WHY[why ?? 'syntax']}${line > 0 && why !== 'gone' ? `, line ${line}` : ''}`}
      actions={
        <>
          {canMerge && (
            <Button size="sm" look="primary" busy={busy && 'Merging'} onClick={() => void merge()}>
              Merge both sides
            </Button>
          )}
          {workflowId && why !== 'gone' && (
            <Button
              size="sm"
              onClick={() => {
                now().openWorkflowTab(workflowId);
                now().setLook('split');
              }}
            >
              Open the file
            </Button>
          )}
        </>
      }
    >
      {message} {advice && !message.includes(advice) && advice} The canvas shows what was last understood.
    </Note>
  );
}

/** Files that vanished: nothing of them counts as deleted until somebody says so. */
export function VanishedFiles() {
  const deletion = useEditor((state) => state.doc?.deletion);
  const projectId = useEditor((state) => state.doc?.info.id);
  const [busy, setBusy] = useState<'delete' | 'restore'>();
  if (!deletion || !projectId) return null;
  const { files, branch } = deletion;
  const names = files.slice(0, 5).map((one) => one.title);
  const more = files.length > names.length ? ` and ${files.length - names.length} more` : '';

  async function say(word: 'delete' | 'restore') {
    if (!projectId) return;
    setBusy(word);
    try {
      const { files: calls } = editor().client;
      await (word === 'delete' ? calls.confirmDeletion({ projectId }) : calls.restoreDeleted({ projectId }));
    } catch (thrown) {
      now().fail(thrown, word === 'delete' ? 'Nothing was deleted' : 'The files were not restored');
    } finally {
      setBusy(undefined);
    }
  }

  return (
    <Note
      kind="wait"
      className="m-2"
      title={
        branch
          ? `The folder is on the branch ${branch.to} now, and ${plural(files.length, 'file is', 'files are')} not on it`
          : `${plural(files.length, 'file has', 'files have')} vanished from the folder`
      }
      actions={
        <>
          <Button size="sm" look="primary" busy={busy === 'restore' && 'Restoring'} onClick={() => void say('restore')}>
            {files.length === 1 ? 'Restore it' : 'Restore them'}
          </Button>
          <Button size="sm" look="danger" busy={busy === 'delete' && 'Deleting'} onClick={() => void say('delete')}>
            Delete {files.length === 1 ? 'it' : 'them'} from the project
          </Button>
          {branch && (
            <span className="self-center text-micro text-ink-3">
              or switch back to {branch.from}, and all is as it was
            </span>
          )}
        </>
      }
    >
      {names.join(', ')}
      {more}. They are still in the project, and nothing is sent as deleted until you decide.
    </Note>
  );
}
