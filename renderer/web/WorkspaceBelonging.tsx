import { useState } from 'react';
import type { Member } from '#shared/contract/cloud/members.ts';
import type { WorkspaceDetail } from '#shared/contract/cloud/workspaces.ts';
import type { CloudApi } from '#shared/contract/cloudApi.ts';
import type { Client } from '#shared/contract/contract.ts';
import { cloudClient } from '../host/webLink.ts';
import { ActDialog } from '../look/ActDialog.tsx';
import { Button } from '../look/Button.tsx';
import { Field } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { now } from '../state/store.ts';
import { Panel } from './Page.tsx';

type BelongingProps = {
  workspace: WorkspaceDetail;
  members: readonly Member[];
  /** @param workspace as it is for its owner until now, who is an admin of it */
  onHandedOver: (workspace: WorkspaceDetail, members: Member[]) => Promise<void>;
  onLeft: () => Promise<void>;
};

/** All members: who may own it next can be any of them. */
export async function listMembers(cloud: Client<CloudApi>): Promise<Member[]> {
  const all: Member[] = [];
  let cursor: string | undefined;
  do {
    const page = await cloud.members.list({ limit: 100, ...(cursor === undefined ? {} : { cursor }) });
    all.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return all;
}

/** Giving the workspace to somebody else, and going away from it. */
export function WorkspaceBelonging({ workspace, members, onHandedOver, onLeft }: BelongingProps) {
  const [open, setOpen] = useState<'handOver' | 'leave'>();
  const others = members.filter(({ you }) => !you);
  const mayHandOver = workspace.permissions.includes('ownership:transfer');
  const isLastOwner = workspace.role === 'owner' && !others.some(({ role }) => role === 'owner');
  const close = () => setOpen(undefined);
  return (
    <>
      {mayHandOver && (
        <Panel title="Hand the workspace over">
          <div className="flex flex-wrap items-center gap-3 p-4">
            <p className="min-w-50 flex-1 text-ink-2">
              {others.length > 0
                ? 'Another member becomes its owner, and you stay as an admin.'
                : 'There is nobody to hand it to yet: invite somebody under Members first.'}
            </p>
            <Button
              onClick={() => setOpen('handOver')}
              blocked={others.length === 0 && 'Nobody else belongs to the workspace.'}
            >
              Hand it over
            </Button>
          </div>
        </Panel>
      )}
      <Panel title="Leave the workspace">
        <div className="flex flex-wrap items-center gap-3 p-4">
          <p className="min-w-50 flex-1 text-ink-2">
            {isLastOwner ? staying(others.length > 0) : 'What you made stays in it.'}
          </p>
          <Button look="danger" onClick={() => setOpen('leave')} blocked={isLastOwner && 'You are its last owner.'}>
            Leave the workspace
          </Button>
        </div>
      </Panel>
      {open === 'handOver' && (
        <HandOver workspace={workspace} members={members} onHandedOver={onHandedOver} onClose={close} />
      )}
      {open === 'leave' && (
        <ActDialog
          title={`Leave ${workspace.name}`}
          consequence="To come back you have to be invited again."
          act="Leave the workspace"
          busy="Leaving"
          destroys
          onAct={async () => {
            await (await cloudClient()).workspaces.leave({ workspaceId: workspace.id });
            now().say({ kind: 'ok', title: `You have left ${workspace.name}` });
            await onLeft();
          }}
          onClose={close}
        >
          <p>
            You lose access to everything in it within seconds, and the API keys that you answer for are revoked. What
            you made stays there, and what is on your own computer stays with you.
          </p>
        </ActDialog>
      )}
    </>
  );
}

const staying = (hasOthers: boolean) =>
  hasOthers
    ? 'You are its last owner, and it needs one: hand it over first, or delete it.'
    : 'You are its only member: to be rid of it, delete it.';

type HandOverProps = Pick<BelongingProps, 'workspace' | 'members' | 'onHandedOver'> & { onClose: () => void };

function HandOver({ workspace, members, onHandedOver, onClose }: HandOverProps) {
  const [memberId, setMemberId] = useState<string>();
  const others = members.filter(({ you }) => !you);
  const chosen = others.find(({ id }) => id === memberId);
  async function handOver() {
    if (!chosen) return;
    const handed = await (await cloudClient(workspace.id)).workspaces.transfer({ memberId: chosen.id });
    now().say({ kind: 'ok', title: `${workspace.name} belongs to ${chosen.name} now` });
    // What a request may do follows within two seconds; asked now, it might still say what was.
    const roleOf = ({ id, you, role }: Member) => (id === chosen.id ? 'owner' : you ? 'admin' : role);
    await onHandedOver(
      handed,
      members.map((one) => ({ ...one, role: roleOf(one) })),
    );
  }
  return (
    <ActDialog
      title={`Hand ${workspace.name} over`}
      consequence="Only the new owner can give it back."
      act="Hand it over"
      busy="Handing over"
      destroys
      blocked={!chosen && 'Choose who gets it.'}
      onAct={handOver}
      onClose={onClose}
    >
      <Field label="New owner">
        {(ids) => (
          <Select
            {...ids}
            value={memberId}
            options={others.map(({ id, name, email }) => ({ value: id, label: name, hint: email }))}
            placeholder="Choose a member"
            onChange={setMemberId}
          />
        )}
      </Field>
      <p>
        {chosen ? chosen.name : 'They'} can then pay for the workspace, delete it, and decide who belongs to it, you as
        well. You become an admin: everything but paying, deleting and handing it over. A letter tells{' '}
        {chosen ? chosen.name : 'them'}.
      </p>
    </ActDialog>
  );
}
