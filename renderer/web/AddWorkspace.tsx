import { useState } from 'react';
import type { CloudApi } from '#shared/contract/cloudApi.ts';
import type { Client } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { cloudClient } from '../host/webLink.ts';
import { AskFailed } from '../look/Asked.tsx';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { formatTime } from '../look/format.ts';
import { Input } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { editor, now } from '../state/store.ts';
import { Page, Panel } from './Page.tsx';
import { useAsk } from './useAsk.ts';
import { chooseWorkspace } from './workspace.ts';

/** Instead of the screens of a workspace, for whoever is in none. */
export function NoWorkspace() {
  return (
    <Page title="You are in no workspace">
      <p className="text-ink-2">
        A workspace holds projects, runs and people. Make one, or accept an invitation under Notifications.
      </p>
      <Panel>
        <div className="p-4">
          <Ways />
        </div>
      </Panel>
    </Page>
  );
}

export function AddWorkspace({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title="Add a workspace" consequence="It has a plan and people of its own.">
      <Ways onDone={onClose} />
    </Dialog>
  );
}

/** Makes a new one, or brings back one that was deleted. */
function Ways({ onDone }: { onDone?: () => void }) {
  const asked = useAsk('deleted workspaces', (cloud) => cloud.workspaces.listDeleted({}));
  const [name, setName] = useState('');
  const [busy, setBusy] = useState<string>();
  const [error, setError] = useState<SluiceError>();

  async function go(what: string, ask: (cloud: Client<CloudApi>) => Promise<{ id: string }>) {
    if (busy !== undefined) return;
    setBusy(what);
    setError(undefined);
    try {
      const { id } = await ask(await cloudClient());
      now().accountChanged(await editor().client.account.state({}));
      await now().loadProjects();
      chooseWorkspace(id);
      onDone?.();
    } catch (thrown) {
      setError(SluiceError.from(thrown));
    } finally {
      setBusy(undefined);
    }
  }

  return (
    <div className="flex flex-col gap-4">
      <form
        className="flex flex-wrap gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) void go('new', (cloud) => cloud.workspaces.create({ name: name.trim() }));
        }}
      >
        <Input
          className="min-w-40 flex-1"
          aria-label="Name of the workspace"
          placeholder="Name of the workspace"
          value={name}
          maxLength={120}
          onChange={(event) => setName(event.target.value)}
        />
        <Button
          type="submit"
          look="primary"
          busy={busy === 'new' && 'Creating'}
          blocked={name.trim() === '' && 'Give it a name first.'}
        >
          Create workspace
        </Button>
      </form>
      {asked.error && <AskFailed error={asked.error} onAgain={() => void asked.again()} />}
      {asked.data && asked.data.length > 0 && (
        <section aria-labelledby="deleted-workspaces">
          <h2 id="deleted-workspaces" className="mb-1 text-small font-control text-ink-2">
            Deleted ones that can come back
          </h2>
          <ul>
            {asked.data.map((one) => (
              <li key={one.id} className="flex items-center gap-3 border-b border-line py-2 last:border-b-0">
                <span className="min-w-0 flex-1">
                  <span className="block truncate font-name">{one.name}</span>
                  <span className="block text-small text-ink-3">until {formatTime(one.purgeAfter)}</span>
                </span>
                <Button
                  aria-label={`Bring back ${one.name}`}
                  busy={busy === one.id && 'Bringing back'}
                  onClick={() => void go(one.id, (cloud) => cloud.workspaces.restore({ workspaceId: one.id }))}
                >
                  Bring back
                </Button>
              </li>
            ))}
          </ul>
        </section>
      )}
      {error && (
        <Note kind="bad" title={error.message}>
          {error.advice}
        </Note>
      )}
    </div>
  );
}
