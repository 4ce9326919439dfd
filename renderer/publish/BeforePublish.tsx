import { Building2 } from 'lucide-react';
import { useState } from 'react';
import { SluiceError } from '#shared/error.ts';
import { SignInWait } from '../account/SignInDialog.tsx';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { Note } from '../look/Note.tsx';
import { Select } from '../look/Select.tsx';
import { editor, now, useEditor } from '../state/store.ts';

type BeforePublishProps = { title: string; onClose: () => void };

/** Nobody is signed in yet. */
export function SignInFirst({ title, onClose }: BeforePublishProps) {
  const account = useEditor((state) => state.account);
  const url = useEditor((state) => state.signInUrl);
  const waiting = account?.status === 'signing_in';
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      consequence="Nothing has left this computer yet."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={waiting && 'Waiting'} onClick={() => void now().signIn()}>
            {account?.status === 'expired' ? 'Sign in again' : 'Sign in'}
          </Button>
        </>
      }
    >
      {waiting ? (
        <SignInWait url={url} cloud={account?.cloudUrl} />
      ) : (
        <>
          <p>To publish, sign in to {account?.cloudUrl}. The sign-in opens in your browser.</p>
          {account?.status === 'unreachable' && (
            <Note kind="wait" title="The control plane does not answer">
              What you build is kept here. Try again when it is back.
            </Note>
          )}
        </>
      )}
    </Dialog>
  );
}

/** The project belongs to no workspace yet. */
export function ChooseWorkspace({ title, onClose }: BeforePublishProps) {
  const workspaces = useEditor((state) => state.account?.workspaces);
  const projectId = useEditor((state) => state.doc?.info.id);
  const [chosen, setChosen] = useState(workspaces?.[0]?.id);
  const [error, setError] = useState<SluiceError>();
  const [busy, setBusy] = useState(false);

  async function bind() {
    if (!projectId || !chosen) return;
    setBusy(true);
    try {
      await now().settled();
      now().syncChanged(projectId, await editor().client.sync.bind({ projectId, workspaceId: chosen }));
    } catch (thrown) {
      setError(SluiceError.from(thrown));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      consequence="The project stays on this computer too."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            onClick={() => void bind()}
            busy={busy && 'Sending'}
            blocked={!chosen && 'You are in no workspace.'}
          >
            Send it there
          </Button>
        </>
      }
    >
      <p>Choose the workspace that keeps and runs this project. Its members see it from then on.</p>
      <Select
        aria-label="Workspace"
        value={chosen}
        icon={<Building2 className="icon-s" aria-hidden />}
        options={(workspaces ?? []).map((one) => ({ value: one.id, label: one.name, hint: one.plan }))}
        onChange={setChosen}
      />
      {error && (
        <Note kind="bad" title={error.message}>
          {error.advice}
        </Note>
      )}
    </Dialog>
  );
}
