import { Plug, Plus } from 'lucide-react';
import { useState } from 'react';
import type { ConnectionRecord } from '#shared/contract/cloud/common.ts';
import { SluiceError } from '#shared/error.ts';
import { cloudClient } from '../host/webLink.ts';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { formatAgo } from '../look/format.ts';
import { Input } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { useNow } from '../look/useNow.ts';
import { ConnectionForm } from './ConnectionForm.tsx';
import { AskFailed, Empty, Page, Panel, Skeleton } from './Page.tsx';
import { Table } from './Table.tsx';
import { useAsk } from './useAsk.ts';
import { useWorkspace } from './workspace.ts';

/** What hosted runs sign in with. A secret goes in and is never shown again. */
export function WorkspaceConnections() {
  const { role } = useWorkspace();
  const asked = useAsk('connections', (cloud) => cloud.connections.list({}));
  const [open, setOpen] = useState<{ record?: ConnectionRecord }>();
  const [removing, setRemoving] = useState<ConnectionRecord>();
  const time = useNow(30_000);
  const { data, error } = asked;
  const mayWrite = role !== 'viewer';
  const add = (
    <Button
      look={data?.length === 0 ? 'primary' : 'plain'}
      icon={<Plus className="icon-s" />}
      blocked={!mayWrite && 'As viewer you may look at connections, not set them.'}
      onClick={() => setOpen({})}
    >
      New connection
    </Button>
  );
  return (
    <Page title="Connections" actions={data && data.length > 0 && add}>
      {error && <AskFailed error={error} onAgain={() => void asked.again()} />}
      {!data && !error && <Skeleton />}
      {data?.length === 0 && (
        <Empty title="Which service should steps sign in to?" action={add}>
          A connection keeps its secret in the workspace. Steps name it and never see what is in it.
        </Empty>
      )}
      {data && data.length > 0 && (
        <Panel>
          <Table
            label="Connections"
            rows={data}
            keyOf={(one) => one.id}
            columns={[
              {
                head: 'Name',
                cell: (one) => (
                  <span className="flex items-center gap-2">
                    <Plug className="icon-s text-ink-3" aria-hidden /> {one.name}
                  </span>
                ),
              },
              { head: 'Connector', cell: (one) => <span className="text-ink-2">{one.connector}</span>, wide: true },
              {
                head: 'Hosts',
                wide: true,
                cell: (one) => <span className="font-mono text-[11.5px] text-ink-2">{one.hosts.join(', ')}</span>,
              },
              {
                head: 'Last used',
                right: true,
                wide: true,
                cell: (one) => (one.lastUsedAt ? formatAgo(one.lastUsedAt, time) : 'never'),
              },
            ]}
            below={(one) => one.connector}
            actions={(one) =>
              mayWrite && (
                <>
                  <Button
                    size="sm"
                    aria-label={`Replace the secret of ${one.name}`}
                    onClick={() => setOpen({ record: one })}
                  >
                    Replace
                  </Button>
                  <Button
                    size="sm"
                    look="danger"
                    aria-label={`Delete the connection ${one.name}`}
                    onClick={() => setRemoving(one)}
                  >
                    Delete
                  </Button>
                </>
              )
            }
          />
        </Panel>
      )}
      {open && (
        <ConnectionForm
          record={open.record}
          taken={data?.map(({ name }) => name) ?? []}
          onClose={() => setOpen(undefined)}
          onSaved={() => void asked.again()}
        />
      )}
      {removing && (
        <Remove record={removing} onClose={() => setRemoving(undefined)} onRemoved={() => void asked.again()} />
      )}
    </Page>
  );
}

type RemoveProps = { record: ConnectionRecord; onClose: () => void; onRemoved: () => void };

/** What may be used by something that runs asks for its name. */
function Remove({ record, onClose, onRemoved }: RemoveProps) {
  const { id: workspaceId } = useWorkspace();
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<SluiceError>();
  async function remove() {
    setBusy(true);
    try {
      await (await cloudClient(workspaceId)).connections.remove({ name: record.name });
      onRemoved();
      onClose();
    } catch (thrown) {
      setError(SluiceError.from(thrown));
      setBusy(false);
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Delete ${record.name}`}
      consequence="Its secret is gone for good."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="destroy"
            busy={busy && 'Deleting'}
            blocked={typed !== record.name && 'Type its name first.'}
            onClick={() => void remove()}
          >
            Delete the connection
          </Button>
        </>
      }
    >
      <p>Steps that sign in with it fail from now on. Type {record.name} to go on.</p>
      <Input aria-label="Name of the connection" value={typed} onChange={(event) => setTyped(event.target.value)} />
      {error && (
        <Note kind="bad" title={error.message}>
          {error.advice}
        </Note>
      )}
    </Dialog>
  );
}
