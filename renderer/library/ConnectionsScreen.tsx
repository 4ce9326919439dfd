import { Plug, Plus } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import type { z } from 'zod';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { Field } from '../look/Input.tsx';
import { Screen } from '../look/Screen.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { Table } from '../look/Table.tsx';
import { mayOnlyLook } from '../state/historySlice.ts';
import { hasComputer } from '../state/hostFacts.ts';
import { editor, now, useEditor } from '../state/store.ts';
import { ConnectionDialog, type ConnectionDraft, type Connector } from './ConnectionDialog.tsx';

type Listed = z.output<HostApi['connections']['list']['output']>[number];

/** What steps sign in with: a name in the project, the secret here and in the workspace, each set on its own. */
export function ConnectionsScreen() {
  const projectId = useEditor((state) => state.doc?.info.id);
  const inTree = useEditor((state) => Object.keys(state.doc?.tree.connections ?? {}).join(' '));
  const [list, setList] = useState<Listed[]>([]);
  const [connectors, setConnectors] = useState<Connector[]>([]);
  const [open, setOpen] = useState<{ given?: Listed }>();
  const computer = useEditor(hasComputer);

  const load = useCallback(async () => {
    if (!projectId) return;
    try {
      await now().settled();
      const { connections } = editor().client;
      const [all, kinds] = await Promise.all([connections.list({ projectId }), connections.connectors({})]);
      setList(all);
      setConnectors(kinds);
    } catch (thrown) {
      now().fail(thrown, 'The connections could not be read');
    }
  }, [projectId]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: connections may come and go in the tree, by file or from elsewhere.
  useEffect(() => void load(), [load, inTree]);

  const blocked = useEditor(mayOnlyLook) && 'You may only look at this project.';
  const add = (
    <Button icon={<Plus className="icon-s" />} blocked={blocked} onClick={() => setOpen({})}>
      New connection
    </Button>
  );
  return (
    <Screen title="Connections" actions={list.length > 0 && add}>
      {list.length === 0 ? (
        <div className="m-auto max-w-90 p-6 text-center">
          <h2 className="text-lead font-heading">Which service should steps sign in to?</h2>
          <p className="mt-1 text-ink-2">
            A connection keeps its secret outside the project’s files. Steps name it and never see what is in it.
          </p>
          <div className="mt-3">{add}</div>
        </div>
      ) : (
        <div className="p-6 max-sm:p-3">
          <div className="max-w-240 overflow-hidden rounded-panel bg-panel shadow-card">
            <Table
              label="Connections"
              rows={list}
              keyOf={(one) => one.name}
              columns={[
                {
                  head: 'Name',
                  cell: (one) => (
                    <span className="flex items-center gap-2">
                      <Plug className="icon-s flex-none text-ink-3" aria-hidden /> {one.name}
                    </span>
                  ),
                },
                { head: 'Connector', wide: true, cell: (one) => <span className="text-ink-2">{one.connector}</span> },
                {
                  head: 'Hosts',
                  wide: true,
                  cell: (one) => <span className="font-mono text-[11.5px] text-ink-2">{one.hosts.join(', ')}</span>,
                },
                ...(computer
                  ? [{ head: 'On this computer', wide: true, cell: (one: Listed) => <IsSet here={one.local} needed /> }]
                  : []),
                { head: 'Hosted', wide: computer, cell: (one) => <IsSet here={one.hosted} /> },
              ]}
              below={(one) =>
                computer
                  ? `${one.connector}, ${one.local ? 'set here' : 'not set here'}, ${one.hosted ? 'hosted' : 'not hosted'}`
                  : one.connector
              }
              actions={(one) => (
                <Button
                  size="sm"
                  blocked={blocked}
                  aria-label={`Set the secret of ${one.name}`}
                  onClick={() => setOpen({ given: one })}
                >
                  Set<span className="max-sm:hidden"> the secret</span>
                </Button>
              )}
            />
          </div>
        </div>
      )}
      {open && (
        <SetSecret
          given={open.given}
          connectors={connectors}
          onClose={() => setOpen(undefined)}
          onSaved={() => void load()}
        />
      )}
    </Screen>
  );
}

/** Whether the secret is there; where runs need it, that it is not is said louder. */
function IsSet({ here, needed }: { here: boolean; needed?: boolean }) {
  return here ? (
    <StateBadge state="succeeded" word="Set" />
  ) : (
    <StateBadge state={needed ? 'lacks' : 'idle'} word="Not set" />
  );
}

type SetSecretProps = {
  given: Listed | undefined;
  connectors: Connector[];
  onClose: () => void;
  onSaved: () => void;
};

/** A name in the project, and its secret where the runs are: here or in the workspace. */
function SetSecret({ given, connectors, onClose, onSaved }: SetSecretProps) {
  const projectId = useEditor((state) => state.doc?.info.id);
  const bound = useEditor(
    (state) => state.doc?.info.sync.workspaceId !== undefined && state.account?.status === 'signed_in',
  );
  // As it was when the form opened: a secret that was refused is sent again under the name that it made.
  const [taken] = useState(() => Object.keys(now().doc?.tree.connections ?? {}));
  const computer = useEditor(hasComputer);
  const [where, setWhere] = useState<'local' | 'hosted'>(computer ? 'local' : 'hosted');

  async function keep({ name, connector, secret, hosts }: ConnectionDraft) {
    if (!projectId) return;
    const isThere = now().doc?.tree.connections[name]?.connector === connector;
    if (!given && !isThere && !now().edit([{ type: 'setConnection', name, connector }])) {
      throw new SluiceError('edit.invalid', `The project did not take the connection ${name}.`);
    }
    await now().settled();
    await editor().client.connections.set({ projectId, name, connector, where, secret, hosts });
    onSaved();
  }

  function tryIt(entered: Omit<ConnectionDraft, 'name'>, url?: string) {
    const { connections } = editor().client;
    return connections.test({ projectId: projectId ?? '', where, ...entered, ...(url === undefined ? {} : { url }) });
  }

  return (
    <ConnectionDialog
      given={given}
      connectors={connectors}
      taken={taken}
      onKeep={keep}
      onTry={tryIt}
      tryFrom={where}
      onClose={onClose}
    >
      {bound && computer && (
        <Field
          label="Where"
          help={where === 'local' ? 'For runs on this computer.' : 'For hosted runs, kept by the workspace.'}
        >
          {() => (
            <Segmented
              label="Where"
              value={where}
              onChange={setWhere}
              options={[
                { value: 'local', label: 'On this computer' },
                { value: 'hosted', label: 'Hosted' },
              ]}
            />
          )}
        </Field>
      )}
    </ConnectionDialog>
  );
}
