import { type ReactNode, useMemo, useState } from 'react';
import type { z } from 'zod';
import type { ConnectionTrial } from '#shared/contract/cloud/connections.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { Slug } from '#shared/ids.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import { ConfigField } from '../inspector/ConfigField.tsx';
import { formFields, shownFields } from '../inspector/formSchema.ts';
import { NO_DATA } from '../inspector/usePreviewScope.ts';
import { ActDialog } from '../look/ActDialog.tsx';
import { Field, Input, TextArea } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { TryConnection } from './TryConnection.tsx';

export type Connector = z.output<HostApi['connections']['connectors']['output']>[number];
/** What was filled in. */
export type ConnectionDraft = { name: string; connector: string; secret: JsonObject; hosts: string[] };

type ConnectionDialogProps = {
  /** One whose secret is set anew; absent: a new one. */
  given?: { name: string; connector: string; hosts: string[] };
  connectors: Connector[];
  /** Names that another one has. */
  taken: string[];
  /** Keeps it. What it throws is shown here, and the dialog stays. */
  onKeep: (draft: ConnectionDraft) => Promise<void>;
  /** Signs in with it before it is kept; absent: nothing is tried from here. */
  onTry?: (draft: Omit<ConnectionDraft, 'name'>, url?: string) => Promise<ConnectionTrial>;
  /** Where it is tried from: what was said there is not said of another place. */
  tryFrom?: string;
  onClose: () => void;
  /** Stands above the secret: where it is kept. */
  children?: ReactNode;
};

/** The name, the secret and the hosts of a connection, in the project and in the workspace alike. */
export function ConnectionDialog({
  given,
  connectors,
  taken,
  onKeep,
  onTry,
  tryFrom,
  onClose,
  children,
}: ConnectionDialogProps) {
  const [name, setName] = useState(given?.name ?? '');
  const [kind, setKind] = useState(given?.connector ?? connectors[0]?.name ?? '');
  const [secret, setSecret] = useState<JsonObject>({});
  const [hosts, setHosts] = useState((given?.hosts ?? []).join('\n'));
  const connector = connectors.find((one) => one.name === kind);
  const entered = useMemo(
    () => ({ connector: kind, secret, hosts: hosts.split(/[\s,]+/).filter(Boolean) }),
    [kind, secret, hosts],
  );
  const fields = connector ? shownFields(formFields(connector.schema), secret) : [];
  const wrongName = given || name === '' ? undefined : problemOf(name, taken);

  return (
    <ActDialog
      size="form"
      title={given ? `Replace the secret of ${name}` : 'New connection'}
      consequence="It is encrypted and never shown again."
      act={given ? 'Replace the secret' : 'Create connection'}
      busy="Saving"
      blocked={(name === '' && 'Give it a name first.') || wrongName}
      onAct={() => onKeep({ name, ...entered })}
      onClose={onClose}
    >
      {!given && (
        <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
          <Field label="Name" help="Steps name it so." error={wrongName}>
            {(ids) => (
              <Input
                {...ids}
                value={name}
                autoComplete="off"
                placeholder="tracker"
                onChange={(event) => setName(event.target.value)}
              />
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
      {children}
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
      {connector?.hosts.length === 0 && (
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
      {onTry && <TryConnection key={`${kind} ${tryFrom ?? ''}`} entered={entered} onTry={onTry} />}
    </ActDialog>
  );
}

function problemOf(name: string, taken: string[]): string | undefined {
  if (!Slug.safeParse(name).success) return 'It must hold only a-z, 0-9 and "-".';
  return taken.includes(name) ? `There is a connection ${name} already.` : undefined;
}
