import { useState } from 'react';
import type { WorkspaceDetail } from '#shared/contract/cloud/workspaces.ts';
import { SluiceError } from '#shared/error.ts';
import { PLANS } from '#shared/plan.ts';
import { UpgradeButton } from '../account/UpgradeButton.tsx';
import { cloudClient } from '../host/webLink.ts';
import { ActDialog } from '../look/ActDialog.tsx';
import { AskFailed, Skeleton } from '../look/Asked.tsx';
import { Button } from '../look/Button.tsx';
import { Field, Input } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { Usage } from '../publish/Usage.tsx';
import { editor, now } from '../state/store.ts';
import { Page, Panel } from './Page.tsx';
import { useAsk } from './useAsk.ts';
import { listMembers, WorkspaceBelonging } from './WorkspaceBelonging.tsx';
import { WorkspaceExport } from './WorkspaceExport.tsx';
import { useWorkspace } from './workspace.ts';

/** The workspace's name and plan, its data, who owns it, and its end. */
export function WorkspaceScreen() {
  const { id: workspaceId } = useWorkspace();
  const asked = useAsk('workspace', async (cloud) => {
    const [workspace, members, usage] = await Promise.all([
      cloud.workspaces.get({}),
      listMembers(cloud),
      // Who may not see the bill still sees the rest.
      cloud.billing.usage({}).catch(() => undefined),
    ]);
    return { workspace, members, usage };
  });
  const { data, error } = asked;
  return (
    <Page title="Settings" word="of the workspace">
      {error && <AskFailed error={error} onAgain={() => void asked.again()} />}
      {!data && !error && <Skeleton />}
      {data && (
        <>
          <Panel title="General">
            <NameForm
              key={data.workspace.id}
              workspace={data.workspace}
              onSaved={(workspace) => asked.put({ ...data, workspace })}
            />
          </Panel>
          <Panel
            title={`Plan: ${PLANS[data.workspace.plan].name}`}
            extra={data.workspace.permissions.includes('billing:write') && <UpgradeButton workspaceId={workspaceId} />}
          >
            <div className="p-4">
              {data.usage ? (
                <Usage meters={data.usage.meters} />
              ) : (
                <p className="text-small text-ink-2">The usage cannot be shown to you.</p>
              )}
            </div>
          </Panel>
          {data.workspace.permissions.includes('data:export') && (
            <WorkspaceExport key={data.workspace.id} workspace={data.workspace} />
          )}
          <WorkspaceBelonging
            workspace={data.workspace}
            members={data.members}
            onHandedOver={async (workspace, members) => {
              asked.put({ ...data, workspace, members });
              await readAccount();
            }}
            onLeft={async () => {
              await readAccount();
              await now().loadProjects();
            }}
          />
          {data.workspace.permissions.includes('workspace:delete') && (
            <Panel title="Delete the workspace">
              <DeletePart workspace={data.workspace} />
            </Panel>
          )}
        </>
      )}
    </Page>
  );
}

async function readAccount(): Promise<void> {
  now().accountChanged(await editor().client.account.state({}));
}

function NameForm({
  workspace,
  onSaved,
}: {
  workspace: WorkspaceDetail;
  onSaved: (workspace: WorkspaceDetail) => void;
}) {
  const [name, setName] = useState(workspace.name);
  const [slug, setSlug] = useState(workspace.slug);
  const [timezone, setTimezone] = useState(workspace.timezone);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<SluiceError>();
  const mayWrite = workspace.permissions.includes('workspace:write');
  const same = name === workspace.name && slug === workspace.slug && timezone === workspace.timezone;
  async function save() {
    setBusy(true);
    setError(undefined);
    try {
      const cloud = await cloudClient(workspace.id);
      onSaved(
        await cloud.workspaces.update({ name: name.trim(), slug, timezone, expectedRevision: workspace.revision }),
      );
      await readAccount();
    } catch (thrown) {
      setError(SluiceError.from(thrown));
    } finally {
      setBusy(false);
    }
  }
  return (
    <form
      className="flex max-w-140 flex-col gap-4 p-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (!same && mayWrite) void save();
      }}
    >
      <Field label="Name">
        {(ids) => (
          <Input
            {...ids}
            value={name}
            maxLength={120}
            disabled={!mayWrite}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      <Field label="Short name" help="In addresses and on the command line.">
        {(ids) => (
          <Input {...ids} value={slug} disabled={!mayWrite} onChange={(event) => setSlug(event.target.value)} />
        )}
      </Field>
      <Field label="Time zone" help="Of its figures and of its days. Schedules have their own.">
        {(ids) => (
          <Input {...ids} value={timezone} disabled={!mayWrite} onChange={(event) => setTimezone(event.target.value)} />
        )}
      </Field>
      {error && (
        <Note kind="bad" title={error.message}>
          {error.advice}
        </Note>
      )}
      <div>
        <Button
          type="submit"
          look="primary"
          busy={busy && 'Saving'}
          blocked={!mayWrite ? 'Only an owner or an admin may change it.' : same && 'Nothing is changed.'}
        >
          Save
        </Button>
      </div>
    </form>
  );
}

function DeletePart({ workspace }: { workspace: WorkspaceDetail }) {
  const [open, setOpen] = useState(false);
  async function remove() {
    await (await cloudClient(workspace.id)).workspaces.delete({ confirm: workspace.slug });
    await readAccount();
    await now().loadProjects();
  }
  return (
    <div className="flex flex-wrap items-center gap-3 p-4">
      <p className="min-w-50 flex-1 text-ink-2">Everything in it stops at once. It can come back for 30 days.</p>
      <Button look="danger" onClick={() => setOpen(true)}>
        Delete the workspace
      </Button>
      {open && (
        <ActDialog
          title={`Delete ${workspace.name}`}
          consequence="It can come back for 30 days."
          act="Delete the workspace"
          busy="Deleting"
          destroys
          retype={{ label: 'Short name', text: workspace.slug }}
          onAct={remove}
          onClose={() => setOpen(false)}
        >
          <p>Its runs end, its addresses answer no more, and nobody can open it.</p>
        </ActDialog>
      )}
    </div>
  );
}
