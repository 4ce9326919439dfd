import { Plug } from 'lucide-react';
import { useState } from 'react';
import type { ConnectionRecord } from '#shared/contract/cloud/common.ts';
import { cloudClient } from '../host/webLink.ts';
import { ConnectionDialog, type ConnectionDraft } from '../library/ConnectionDialog.tsx';
import { ActDialog } from '../look/ActDialog.tsx';
import { StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { formatAgo } from '../look/format.ts';
import { Until } from '../look/Until.tsx';
import { useNow } from '../look/useNow.ts';
import { editor } from '../state/store.ts';
import { ListPage } from './ListPage.tsx';
import { RestingConnections } from './RestingConnections.tsx';
import { useAsk } from './useAsk.ts';
import { useWorkspace } from './workspace.ts';

/** What hosted runs sign in with. A secret goes in and is never shown again. */
export function WorkspaceConnections() {
  const { id: workspaceId, role } = useWorkspace();
  const asked = useAsk('connections', async (cloud) => {
    const [list, connectors] = await Promise.all([
      cloud.connections.list({}),
      editor().client.connections.connectors({}),
    ]);
    return { list, connectors };
  });
  const [open, setOpen] = useState<{ given?: ConnectionRecord }>();
  const [removing, setRemoving] = useState<ConnectionRecord>();
  const time = useNow(30_000);
  const { data } = asked;
  const mayWrite = role !== 'viewer';

  async function keep(draft: ConnectionDraft) {
    await (await cloudClient(workspaceId)).connections.set(draft);
    void asked.again();
  }

  return (
    <ListPage
      title="Connections"
      asked={asked}
      rows={data?.list}
      keyOf={(one) => one.id}
      empty={{
        title: 'Which service should steps sign in to?',
        text: 'A connection keeps its secret in the workspace. Steps name it and never see what is in it.',
      }}
      add={{
        label: 'New connection',
        blocked: !mayWrite && 'As viewer you may look at connections, not set them.',
        onClick: () => setOpen({}),
      }}
      above={
        data && (
          <RestingConnections
            records={data.list}
            mayChoose={mayWrite}
            onChosen={(list) => asked.put({ ...data, list })}
          />
        )
      }
      columns={[
        {
          head: 'Name',
          cell: (one) => (
            <span className="flex items-center gap-2">
              <Plug className="icon-s flex-none text-ink-3" aria-hidden /> {one.name}
            </span>
          ),
        },
        { head: 'Connector', cell: (one) => <span className="text-ink-2">{one.connector}</span>, wide: 'lg' },
        {
          head: 'Hosts',
          wide: true,
          cell: (one) => <span className="font-mono text-[11.5px] text-ink-2">{one.hosts.join(', ')}</span>,
        },
        { head: 'State', whole: true, cell: (one) => <ConnectionState record={one} time={time} /> },
        {
          head: 'Last used',
          right: true,
          wide: 'lg',
          cell: (one) => (one.lastUsedAt ? formatAgo(one.lastUsedAt, time) : 'never'),
        },
      ]}
      below={(one) => one.connector}
      actions={(one) =>
        mayWrite && (
          <>
            {one.signIn && (
              <Button
                size="sm"
                look={one.signIn === 'needed' ? 'primary' : 'plain'}
                aria-label={`Connect ${one.name} with its service`}
                onClick={() => window.location.assign(`/connections/connect?connection=${workspaceId}_${one.name}`)}
              >
                {one.signIn === 'needed' ? 'Connect' : 'Connect again'}
              </Button>
            )}
            <Button size="sm" aria-label={`Replace the secret of ${one.name}`} onClick={() => setOpen({ given: one })}>
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
    >
      {open && (
        <ConnectionDialog
          given={open.given}
          connectors={data?.connectors ?? []}
          taken={data?.list.map(({ name }) => name) ?? []}
          onKeep={keep}
          onTry={async (draft, url) =>
            (await cloudClient(workspaceId)).connections.test({ ...draft, ...(url === undefined ? {} : { url }) })
          }
          onClose={() => setOpen(undefined)}
        />
      )}
      {removing && (
        <Remove record={removing} onClose={() => setRemoving(undefined)} onRemoved={() => void asked.again()} />
      )}
    </ListPage>
  );
}

/** What there is to know of one, in few words; first what somebody has to do. */
function ConnectionState({ record, time }: { record: ConnectionRecord; time: number }) {
  const { signIn, status, expiresAt, rests } = record;
  if (rests) return <StateBadge state="disabled" word="Rests" />;
  if (signIn === 'needed') return <StateBadge state="lacks" word="To be connected" />;
  if (status === 'error') return <StateBadge state="failed" word="Does not work" />;
  if (expiresAt !== undefined && Date.parse(expiresAt) <= time) return <StateBadge state="failed" word="Expired" />;
  if (expiresAt !== undefined)
    return (
      <span className="text-small text-ink-2">
        until <Until at={expiresAt} time={time} />
      </span>
    );
  return status === 'connected' ? (
    <StateBadge state="succeeded" word="Works" />
  ) : (
    <StateBadge state="idle" word="Not used yet" />
  );
}

type RemoveProps = { record: ConnectionRecord; onClose: () => void; onRemoved: () => void };

/** What may be used by something that runs asks for its name. */
function Remove({ record, onClose, onRemoved }: RemoveProps) {
  const { id: workspaceId } = useWorkspace();
  return (
    <ActDialog
      title={`Delete ${record.name}`}
      consequence="Its secret is gone for good."
      act="Delete the connection"
      busy="Deleting"
      destroys
      retype={{ label: 'Name of the connection', text: record.name }}
      onAct={async () => {
        await (await cloudClient(workspaceId)).connections.remove({ name: record.name });
        onRemoved();
      }}
      onClose={onClose}
    >
      <p>Steps that sign in with it fail from now on.</p>
    </ActDialog>
  );
}
