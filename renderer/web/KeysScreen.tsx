import { Copy, KeyRound } from 'lucide-react';
import { useState } from 'react';
import { type ApiKeyRecord, KEY_PRESETS, KEY_SCOPES } from '#shared/contract/cloud/apiKeys.ts';
import type { Permission } from '#shared/permission.ts';
import { cloudClient } from '../host/webLink.ts';
import { ActDialog } from '../look/ActDialog.tsx';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { formatAgo, plural } from '../look/format.ts';
import { Field, Input } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { Checkbox } from '../look/Switch.tsx';
import { Until } from '../look/Until.tsx';
import { useNow } from '../look/useNow.ts';
import { now } from '../state/store.ts';
import { ListPage } from './ListPage.tsx';
import { useAsk } from './useAsk.ts';
import { useWorkspace } from './workspace.ts';

/** What a pipeline needs to publish, to begin with. */
const USUAL: Permission[] = KEY_PRESETS.publish.scopes;
const DAYS = [7, 30, 90, 180, 365];

/** Keys with which programs act in the workspace. */
export function KeysScreen() {
  const { id: workspaceId } = useWorkspace();
  const asked = useAsk('keys', (cloud) => cloud.apiKeys.list({}));
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<{ name: string; secret: string }>();
  const [revoking, setRevoking] = useState<ApiKeyRecord>();
  const time = useNow(30_000);

  async function rotate(key: ApiKeyRecord) {
    try {
      const made = await (await cloudClient(workspaceId)).apiKeys.rotate({ keyId: key.id });
      setSecret({ name: key.name, secret: made.secret });
    } catch (thrown) {
      now().fail(thrown, 'The key was not rotated');
    }
    await asked.again();
  }

  return (
    <ListPage
      title="API keys"
      asked={asked}
      rows={asked.data}
      keyOf={(key) => key.id}
      empty={{
        title: 'Should a program act here?',
        text: 'A key lets a pipeline or a script do what you choose, for as long as you choose. Set it as SLUICE_API_KEY.',
      }}
      add={{ label: 'New key', onClick: () => setMaking(true) }}
      columns={[
        {
          head: 'Name',
          cell: (key) => (
            <span className="flex items-center gap-2">
              <KeyRound className="icon-s flex-none text-ink-3" aria-hidden /> {key.name}
            </span>
          ),
        },
        { head: 'Begins with', cell: (key) => <code className="text-[11.5px]">{key.prefix}</code>, wide: true },
        {
          head: 'May',
          wide: true,
          cell: (key) => <span title={key.scopes.join(', ')}>{plural(key.scopes.length, 'scope')}</span>,
        },
        {
          head: 'Last used',
          right: true,
          wide: true,
          cell: (key) => (key.lastUsedAt ? formatAgo(key.lastUsedAt, time) : 'never'),
        },
        { head: 'Until', right: true, wide: true, cell: (key) => <Until at={key.expiresAt} time={time} /> },
      ]}
      below={(key) => (
        <>
          {key.prefix}…, used {key.lastUsedAt ? formatAgo(key.lastUsedAt, time) : 'never'}, until{' '}
          <Until at={key.expiresAt} time={time} />
        </>
      )}
      actions={(key) => (
        <>
          <Button size="sm" aria-label={`Rotate ${key.name}`} onClick={() => void rotate(key)}>
            Rotate
          </Button>
          <Button size="sm" look="danger" aria-label={`Revoke ${key.name}`} onClick={() => setRevoking(key)}>
            Revoke
          </Button>
        </>
      )}
    >
      {making && (
        <NewKey
          onClose={() => setMaking(false)}
          onMade={(made) => {
            setSecret(made);
            void asked.again();
          }}
        />
      )}
      {secret && <ShowSecret {...secret} onClose={() => setSecret(undefined)} />}
      {revoking && (
        <ActDialog
          title={`Revoke ${revoking.name}`}
          consequence="This cannot be taken back."
          act="Revoke the key"
          busy="Revoking"
          destroys
          onAct={async () => {
            await (await cloudClient(workspaceId)).apiKeys.revoke({ keyId: revoking.id });
            void asked.again();
          }}
          onClose={() => setRevoking(undefined)}
        >
          <p>Programs that use it are refused within five seconds.</p>
        </ActDialog>
      )}
    </ListPage>
  );
}

type NewKeyProps = { onClose: () => void; onMade: (made: { name: string; secret: string }) => void };

function NewKey({ onClose, onMade }: NewKeyProps) {
  const { id: workspaceId } = useWorkspace();
  const [name, setName] = useState('');
  const [days, setDays] = useState(90);
  const [scopes, setScopes] = useState<ReadonlySet<Permission>>(new Set(USUAL));
  async function make() {
    const wish = { name: name.trim(), scopes: [...scopes], expiresInDays: days };
    const { secret } = await (await cloudClient(workspaceId)).apiKeys.create(wish);
    onMade({ name: wish.name, secret });
  }
  return (
    <ActDialog
      size="form"
      title="New API key"
      consequence="It never may more than you do."
      act="Make the key"
      busy="Making"
      blocked={(name.trim() === '' && 'Give it a name first.') || (scopes.size === 0 && 'Choose what it may do first.')}
      onAct={make}
      onClose={onClose}
    >
      <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
        <Field label="Name" help="What uses it.">
          {(ids) => (
            <Input
              {...ids}
              value={name}
              maxLength={80}
              placeholder="Pipeline"
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label="Good for">
          {(ids) => (
            <Select
              {...ids}
              value={String(days)}
              options={DAYS.map((one) => ({ value: String(one), label: plural(one, 'day') }))}
              onChange={(next) => setDays(Number(next))}
            />
          )}
        </Field>
      </div>
      <fieldset>
        <legend className="mb-1.5 text-small font-control text-ink-2">What it may do</legend>
        <div className="grid grid-cols-3 gap-x-3 max-sm:grid-cols-2">
          {KEY_SCOPES.map((scope) => (
            <label
              key={scope}
              htmlFor={`scope-${scope}`}
              className="flex min-h-7 items-center gap-2 font-mono text-[11.5px]"
            >
              <Checkbox
                id={`scope-${scope}`}
                checked={scopes.has(scope)}
                onChange={() =>
                  setScopes((before) => {
                    const next = new Set(before);
                    if (!next.delete(scope)) next.add(scope);
                    return next;
                  })
                }
              />
              {scope}
            </label>
          ))}
        </div>
      </fieldset>
    </ActDialog>
  );
}

/** The one moment in which the key can be read. */
function ShowSecret({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
  const [copied, setCopied] = useState(false);
  return (
    <Dialog
      open
      onClose={onClose}
      size="form"
      title={`The key ${name}`}
      consequence="It is shown this once."
      actions={
        <Button look="primary" onClick={onClose}>
          I have kept it
        </Button>
      }
    >
      <p>Keep it where you keep passwords. Whoever has it can do what it may.</p>
      <div className="flex items-center gap-2">
        <Input aria-label="The key" readOnly value={secret} className="flex-1 font-mono" />
        <Button
          icon={<Copy className="icon-s" />}
          onClick={() =>
            void navigator.clipboard.writeText(secret).then(
              () => setCopied(true),
              (thrown: unknown) => now().fail(thrown, 'It could not be copied'),
            )
          }
        >
          {copied ? 'Copied' : 'Copy'}
        </Button>
      </div>
    </Dialog>
  );
}
