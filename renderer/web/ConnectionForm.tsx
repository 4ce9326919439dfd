import { useEffect, useState } from 'react';
import type { z } from 'zod';
import type { ConnectionRecord } from '#shared/contract/cloud/common.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { Slug } from '#shared/ids.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import { cloudClient } from '../host/webLink.ts';
import { ConfigField } from '../inspector/ConfigField.tsx';
import { formFields, shownFields } from '../inspector/formSchema.ts';
import { NO_DATA } from '../inspector/usePreviewScope.ts';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { Field, Input, TextArea } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { Select } from '../look/Select.tsx';
import { editor } from '../state/store.ts';
import { useWorkspace } from './workspace.ts';

type Connector = z.output<HostApi['connections']['connectors']['output']>[number];
type ConnectionFormProps = {
  /** One whose secret is replaced; absent: a new one. */
  record: ConnectionRecord | undefined;
  taken: string[];
  onClose: () => void;
  onSaved: () => void;
};

export function ConnectionForm({ record, taken, onClose, onSaved }: ConnectionFormProps) {
  const { id: workspaceId } = useWorkspace();
  const [connectors, setConnectors] = useState<Connector[]>([]);
  const [name, setName] = useState(record?.name ?? '');
  const [kind, setKind] = useState(record?.connector ?? 'http');
  const [secret, setSecret] = useState<JsonObject>({});
  const [hosts, setHosts] = useState((record?.hosts ?? []).join('\n'));
  const [error, setError] = useState<SluiceError>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    editor()
      .client.connections.connectors({})
      .then(setConnectors, (thrown: unknown) => setError(SluiceError.from(thrown)));
  }, []);
  const connector = connectors.find((one) => one.name === kind);
  const fields = connector ? shownFields(formFields(connector.schema), secret) : [];
  const wrongName =
    record || name === ''
      ? undefined
      : !Slug.safeParse(name).success
        ? 'It must hold only a-z, 0-9 and "-".'
        : taken.includes(name)
          ? `There is a connection ${name} already.`
          : undefined;

  async function keep() {
    setBusy(true);
    setError(undefined);
    try {
      const list = hosts.split(/[\s,]+/).filter(Boolean);
      const cloud = await cloudClient(workspaceId);
      await cloud.connections.set({ name, connector: kind, secret, hosts: list });
      onSaved();
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
      size="form"
      title={record ? `Replace the secret of ${name}` : 'New connection'}
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
            {record ? 'Replace the secret' : 'Create connection'}
          </Button>
        </>
      }
    >
      {!record && (
        <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
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
                onChange={(next) => {
                  setKind(next);
                  setSecret({});
                }}
              />
            )}
          </Field>
        </div>
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
      {connector && connector.hosts.length === 0 && (
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
