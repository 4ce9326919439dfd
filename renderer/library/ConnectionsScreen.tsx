import { Plug, Plus } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import type { z } from 'zod';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { Slug } from '#shared/ids.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import { ConfigField } from '../inspector/ConfigField.tsx';
import { formFields, shownFields } from '../inspector/formSchema.ts';
import { NO_DATA } from '../inspector/usePreviewScope.ts';
import { StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { Field, Input, TextArea } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { Screen } from '../look/Screen.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { Select } from '../look/Select.tsx';
import { hasComputer } from '../state/hostFacts.ts';
import { editor, now, useEditor } from '../state/store.ts';

type Listed = z.output<HostApi['connections']['list']['output']>[number];
type Connector = z.output<HostApi['connections']['connectors']['output']>[number];

/** What steps sign in with: a name in the project, the secret here and in the workspace, each set on its own. */
export function ConnectionsScreen() {
  const projectId = useEditor((state) => state.doc?.info.id);
  const inTree = useEditor((state) => Object.keys(state.doc?.tree.connections ?? {}).join(' '));
  const [list, setList] = useState<Listed[]>([]);
  const [connectors, setConnectors] = useState<Connector[]>([]);
  const [open, setOpen] = useState<{ name?: string; connector?: string }>();
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

  return (
    <Screen
      title="Connections"
      actions={
        <Button icon={<Plus className="icon-s" />} onClick={() => setOpen({})}>
          New connection
        </Button>
      }
    >
      {list.length === 0 ? (
        <div className="m-auto max-w-90 p-6 text-center">
          <h2 className="text-lead font-heading">Which service should steps sign in to?</h2>
          <p className="mt-1 text-ink-2">
            A connection keeps its secret outside the project’s files. Steps name it and never see what is in it.
          </p>
          <Button className="mt-3" icon={<Plus className="icon-s" />} onClick={() => setOpen({})}>
            New connection
          </Button>
        </div>
      ) : (
        <div className="p-6">
          <table className="w-full max-w-240 overflow-hidden rounded-panel bg-panel text-list shadow-card">
            <thead>
              <tr className="text-left text-micro font-control text-ink-3">
                {['Name', 'Connector', 'Hosts', ...(computer ? ['On this computer'] : []), 'Hosted', ''].map((head) => (
                  <th key={head} scope="col" className="h-7.5 border-b border-line px-4">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {list.map((one) => (
                <tr key={one.name} className="hover:bg-hover">
                  <td className="h-9 border-b border-line px-4 font-name">
                    <span className="flex items-center gap-2">
                      <Plug className="icon-s text-ink-3" aria-hidden /> {one.name}
                    </span>
                  </td>
                  <td className="border-b border-line px-4 text-ink-2">{one.connector}</td>
                  <td className="max-w-60 truncate border-b border-line px-4 font-mono text-[11.5px] text-ink-2">
                    {one.hosts.join(', ')}
                  </td>
                  {computer && (
                    <td className="border-b border-line px-4">
                      {one.local ? (
                        <StateBadge state="succeeded" word="Set" />
                      ) : (
                        <StateBadge state="lacks" word="Not set" />
                      )}
                    </td>
                  )}
                  <td className="border-b border-line px-4">
                    {one.hosted ? (
                      <StateBadge state="succeeded" word="Set" />
                    ) : (
                      <StateBadge state="idle" word="Not set" />
                    )}
                  </td>
                  <td className="border-b border-line px-4 text-right">
                    <Button size="sm" onClick={() => setOpen({ name: one.name, connector: one.connector })}>
                      Set the secret
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {open && (
        <ConnectionDialog
          {...open}
          hosts={list.find((one) => one.name === open.name)?.hosts}
          connectors={connectors}
          onClose={() => setOpen(undefined)}
          onSaved={() => void load()}
        />
      )}
    </Screen>
  );
}

type ConnectionDialogProps = {
  name?: string;
  connector?: string;
  hosts?: string[];
  connectors: Connector[];
  onClose: () => void;
  onSaved: () => void;
};

function ConnectionDialog(props: ConnectionDialogProps) {
  const { connectors, onClose, onSaved } = props;
  const projectId = useEditor((state) => state.doc?.info.id);
  const bound = useEditor(
    (state) => state.doc?.info.sync.workspaceId !== undefined && state.account?.status === 'signed_in',
  );
  const taken = useEditor((state) => state.doc?.tree.connections);
  const [name, setName] = useState(props.name ?? '');
  const [kind, setKind] = useState(props.connector ?? connectors[0]?.name ?? 'http');
  const computer = useEditor(hasComputer);
  const [where, setWhere] = useState<'local' | 'hosted'>(computer ? 'local' : 'hosted');
  const [secret, setSecret] = useState<JsonObject>({});
  const [hosts, setHosts] = useState((props.hosts ?? []).join('\n'));
  const [error, setError] = useState<SluiceError>();
  const [busy, setBusy] = useState(false);
  const connector = connectors.find((one) => one.name === kind);
  const fields = connector ? shownFields(formFields(connector.schema), secret) : [];
  const isNew = props.name === undefined;
  const wrongName =
    isNew && name !== '' && !Slug.safeParse(name).success
      ? 'It must hold only a-z, 0-9 and "-".'
      : isNew && taken?.[name]
        ? `There is a connection ${name} already.`
        : undefined;

  async function keep() {
    if (!projectId) return;
    setBusy(true);
    setError(undefined);
    try {
      if (isNew && !now().edit([{ type: 'setConnection', name, connector: kind }])) return;
      await now().settled();
      const list = hosts.split(/[\s,]+/).filter(Boolean);
      await editor().client.connections.set({ projectId, name, connector: kind, where, secret, hosts: list });
      onSaved();
      onClose();
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
      size="form"
      title={isNew ? 'New connection' : `Secret of ${name}`}
      consequence="It is encrypted and never shown again."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            busy={busy && 'Saving'}
            blocked={(name === '' && 'Give it a name first.') || wrongName}
            onClick={() => void keep()}
          >
            {isNew ? 'Create connection' : 'Save the secret'}
          </Button>
        </>
      }
    >
      {isNew && (
        <div className="grid grid-cols-2 gap-3">
          <Field label="Name" help="Steps name it so." error={wrongName}>
            {(ids) => (
              <Input {...ids} value={name} placeholder="tracker" onChange={(event) => setName(event.target.value)} />
            )}
          </Field>
          <Field label="Connector">
            {(ids) => (
              <Select
                {...ids}
                value={kind}
                options={connectors.map((one) => ({ value: one.name, label: one.title }))}
                onChange={setKind}
              />
            )}
          </Field>
        </div>
      )}
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
      {fields.map((field) => (
        <ConfigField
          key={`${kind} ${field.key}`}
          field={{ ...field, literal: true }}
          value={secret[field.key]}
          data={NO_DATA}
          path={`connection/${field.key}`}
          onChange={(next: Json | undefined) => {
            const { [field.key]: _, ...rest } = secret;
            setSecret(next === undefined ? rest : { ...rest, [field.key]: next });
          }}
        />
      ))}
      {(connector?.hosts.length ?? 0) === 0 && (
        <Field label="Allowed hosts" help="One a line. The secret is sent to these and no others.">
          {(ids) => (
            <TextArea
              {...ids}
              rows={2}
              className="font-mono text-small!"
              value={hosts}
              placeholder="api.tracker.example"
              onChange={(event) => setHosts(event.target.value)}
            />
          )}
        </Field>
      )}
      {error && (
        <Note kind="bad" title={error.message}>
          {error.advice}
        </Note>
      )}
    </Dialog>
  );
}
