import { UserPlus } from 'lucide-react';
import { useState } from 'react';
import type { CloudApi } from '#shared/contract/cloudApi.ts';
import type { Client } from '#shared/contract/contract.ts';
import type { Role } from '#shared/permission.ts';
import { cloudClient } from '../host/webLink.ts';
import { ActDialog } from '../look/ActDialog.tsx';
import { AskFailed, Skeleton } from '../look/Asked.tsx';
import { Button } from '../look/Button.tsx';
import { formatAgo, plural } from '../look/format.ts';
import { Field, Input } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { Table } from '../look/Table.tsx';
import { useNow } from '../look/useNow.ts';
import { now } from '../state/store.ts';
import { Page, Panel } from './Page.tsx';
import { useAsk } from './useAsk.ts';
import { useWorkspace } from './workspace.ts';

const ROLES: { value: Exclude<Role, 'owner'>; label: string; hint: string }[] = [
  { value: 'admin', label: 'Admin', hint: 'everything but paying and deleting' },
  { value: 'editor', label: 'Editor', hint: 'builds and publishes' },
  { value: 'viewer', label: 'Viewer', hint: 'looks' },
];
const PAGE = 100;

/** Who is in the workspace, as what, and who is invited. */
export function MembersScreen() {
  const { id: workspaceId } = useWorkspace();
  const asked = useAsk('members', async (cloud) => {
    const [workspace, members] = await Promise.all([cloud.workspaces.get({}), cloud.members.list({ limit: PAGE })]);
    const mayInvite = workspace.permissions.includes('member:write');
    const invited = mayInvite ? (await cloud.invitations.list({ limit: PAGE, status: 'pending' })).data : [];
    return { workspace, members: members.data, invited, mayInvite };
  });
  const [inviting, setInviting] = useState(false);
  const [leaving, setLeaving] = useState<{ id: string; name: string }>();
  const time = useNow(30_000);
  const { data, error } = asked;

  async function change(what: string, ask: (cloud: Client<CloudApi>) => Promise<unknown>) {
    try {
      await ask(await cloudClient(workspaceId));
    } catch (thrown) {
      now().fail(thrown, what);
    }
    await asked.again();
  }

  const seats = data?.workspace.seats;
  return (
    <Page
      title="Members"
      word={data && seats !== undefined && `${data.workspace.members} of ${plural(seats, 'seat')}`}
      actions={
        data?.mayInvite && (
          <Button look="primary" icon={<UserPlus className="icon-s" />} onClick={() => setInviting(true)}>
            Invite
          </Button>
        )
      }
    >
      {error && <AskFailed error={error} onAgain={() => void asked.again()} />}
      {!data && !error && <Skeleton />}
      {data && (
        <Panel>
          <Table
            label="Members"
            rows={data.members}
            keyOf={(one) => one.id}
            columns={[
              {
                head: 'Name',
                cell: (one) => (
                  <>
                    {one.name}
                    {one.you && (
                      <span className="ml-2 rounded-chip bg-press px-1.5 text-micro font-control text-ink-2">you</span>
                    )}
                  </>
                ),
              },
              { head: 'E-mail', cell: (one) => <span className="text-ink-2">{one.email}</span>, wide: true },
              {
                head: 'Role',
                whole: true,
                cell: (one) =>
                  data.mayInvite && !one.you && one.role !== 'owner' ? (
                    <Select
                      look="button"
                      aria-label={`Role of ${one.name}`}
                      value={one.role}
                      options={ROLES}
                      onChange={(role) =>
                        void change('The role was not changed', (cloud) =>
                          cloud.members.update({
                            memberId: one.id,
                            role: role as Role,
                            expectedRevision: one.revision,
                          }),
                        )
                      }
                    />
                  ) : (
                    <span className="capitalize">{one.role}</span>
                  ),
              },
              {
                head: 'Since',
                right: true,
                wide: true,
                cell: (one) => <span title={one.joinedAt}>{formatAgo(one.joinedAt, time)}</span>,
              },
            ]}
            below={(one) => one.email}
            actions={(one) =>
              data.mayInvite &&
              !one.you &&
              one.role !== 'owner' && (
                <Button size="sm" look="danger" aria-label={`Remove ${one.name}`} onClick={() => setLeaving(one)}>
                  Remove
                </Button>
              )
            }
          />
        </Panel>
      )}
      {data && data.invited.length > 0 && (
        <Panel title="Invited">
          <Table
            label="Invited"
            rows={data.invited}
            keyOf={(one) => one.id}
            columns={[
              { head: 'E-mail', cell: (one) => one.email },
              { head: 'Role', whole: true, cell: (one) => <span className="capitalize">{one.role}</span> },
              { head: 'By', cell: (one) => <span className="text-ink-2">{one.invitedByName}</span>, wide: 'lg' },
              {
                head: 'Sent',
                right: true,
                wide: true,
                cell: (one) => <span title={one.sentAt}>{formatAgo(one.sentAt, time)}</span>,
              },
            ]}
            below={(one) => `by ${one.invitedByName}, ${formatAgo(one.sentAt, time)}`}
            actions={(one) => (
              <>
                <Button
                  size="sm"
                  aria-label={`Send the letter to ${one.email} again`}
                  onClick={() =>
                    void change('The letter was not sent', async (cloud) => {
                      await cloud.invitations.resend({ invitationId: one.id });
                      now().say({ kind: 'ok', title: `Another letter is on its way to ${one.email}` });
                    })
                  }
                >
                  Send again
                </Button>
                <Button
                  size="sm"
                  look="danger"
                  aria-label={`Take back the invitation of ${one.email}`}
                  onClick={() =>
                    void change('The invitation still holds', (cloud) =>
                      cloud.invitations.revoke({ invitationId: one.id }),
                    )
                  }
                >
                  Take back
                </Button>
              </>
            )}
          />
        </Panel>
      )}
      {inviting && <Invite onClose={() => setInviting(false)} onInvited={() => void asked.again()} />}
      {leaving && (
        <ActDialog
          title={`Remove ${leaving.name}`}
          consequence="What they built stays."
          act="Remove from the workspace"
          busy="Removing"
          destroys
          onAct={async () => {
            await (await cloudClient(workspaceId)).members.remove({ memberId: leaving.id });
            void asked.again();
          }}
          onClose={() => setLeaving(undefined)}
        >
          <p>They lose access to everything in the workspace within seconds.</p>
        </ActDialog>
      )}
    </Page>
  );
}

function Invite({ onClose, onInvited }: { onClose: () => void; onInvited: () => void }) {
  const { id: workspaceId } = useWorkspace();
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<(typeof ROLES)[number]['value']>('editor');
  async function invite() {
    await (await cloudClient(workspaceId)).invitations.create({ email, role });
    now().say({ kind: 'ok', title: `An invitation is on its way to ${email}` });
    onInvited();
  }
  return (
    <ActDialog
      title="Invite somebody"
      consequence="The link in the letter is good for seven days."
      act="Send the invitation"
      busy="Sending"
      blocked={!email.includes('@') && 'Type an e-mail address.'}
      onAct={invite}
      onClose={onClose}
    >
      <Field label="E-mail">
        {(ids) => (
          <Input
            {...ids}
            type="email"
            autoComplete="off"
            value={email}
            maxLength={254}
            onChange={(event) => setEmail(event.target.value.trim())}
          />
        )}
      </Field>
      <Field label="Role">
        {(ids) => <Select {...ids} value={role} options={ROLES} onChange={(next) => setRole(next as typeof role)} />}
      </Field>
    </ActDialog>
  );
}
