import { Button } from '../look/Button.tsx';
import { Note } from '../look/Note.tsx';
import { MAY_LOOK } from '../state/documentSlice.ts';
import { now, useEditor } from '../state/store.ts';
import { UnreadableFiles, VanishedFiles } from './FileBanners.tsx';
import { LinkLost } from './Shell.tsx';

/** What keeps the whole project from working, above the canvas: no host, no trust, files that vanished or cannot be read. */
export function ProjectBanners() {
  const trusted = useEditor((state) => state.doc?.info.trusted ?? true);
  const dir = useEditor((state) => state.doc?.info.dir);
  const mayLook = useEditor((state) => state.doc?.info.readOnly === true);
  const sync = useEditor((state) => state.doc?.info.sync);
  const saving = useEditor((state) => state.saving);
  return (
    <>
      <LinkLost />
      {saving.state === 'cannot_save' && (
        <Note kind="bad" title={`Cannot save: ${saving.reason}`} className="m-2">
          {saving.advice ?? 'It is tried again by itself.'}
        </Note>
      )}
      {!trusted && (
        <Note
          kind="wait"
          title="This folder is not trusted yet"
          className="m-2"
          actions={
            <Button size="sm" look="primary" onClick={() => void now().trust()}>
              Trust this folder
            </Button>
          }
        >
          You can look at it and edit it. Its workflows and scripts run only when you trust whoever wrote them: {dir}
        </Note>
      )}
      {mayLook && (
        <Note title="You may only look at this project" className="m-2">
          {MAY_LOOK}
        </Note>
      )}
      {sync?.state === 'local_only' && sync.reason && (
        <Note
          kind="wait"
          title="This folder is not synced"
          className="m-2"
          actions={
            <Button size="sm" onClick={() => now().setDialog('publish')}>
              Put it into a workspace
            </Button>
          }
        >
          {sync.reason}
        </Note>
      )}
      <VanishedFiles />
      <UnreadableFiles />
    </>
  );
}
