import { useEffect, useState } from 'react';
import type { MeterUsage } from '#shared/contract/cloud/common.ts';
import { PLANS } from '#shared/plan.ts';
import { Button } from '../look/Button.tsx';
import { Note } from '../look/Note.tsx';
import { Screen } from '../look/Screen.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { Usage } from '../publish/Usage.tsx';
import { editor, now, useEditor } from '../state/store.ts';
import { UpgradeButton } from './UpgradeButton.tsx';

const THEMES = [
  { value: 'system', label: 'As the system' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
  { value: 'hc', label: 'High contrast' },
] as const;
const VAULTS = {
  keychain: 'the system’s keychain',
  file: 'a protected file',
  memory: 'this process only: they are gone when it stops',
  browser: 'this browser',
};

/** Look, account, plan, and what this program is. */
export function SettingsScreen() {
  const theme = useEditor((state) => state.preferences.theme);
  const account = useEditor((state) => state.account);
  const host = useEditor((state) => state.host);
  const workspaceId = useEditor((state) => state.doc?.info.sync.workspaceId);
  const workspace = account?.workspaces.find((one) => one.id === workspaceId);
  return (
    <Screen title="Settings">
      <div className="flex max-w-160 flex-col gap-4 p-6 max-sm:p-3">
        <Panel title="Theme">
          <Segmented
            label="Theme"
            value={theme}
            options={THEMES}
            onChange={(next) => now().setPreference({ theme: next })}
          />
        </Panel>
        <Panel title="Account">
          {account?.user ? (
            <p>
              {account.user.name} <span className="text-ink-3">{account.user.email}</span>
            </p>
          ) : (
            <p className="text-ink-3">Not signed in. Building and running here needs no account.</p>
          )}
          {account && !account.user?.emailVerified && account.user && (
            <Note kind="wait" title="The e-mail address is not confirmed yet">
              Open the link in the mail; publishing needs it.
            </Note>
          )}
          <p className="text-small text-ink-3">
            Control plane {account?.cloudUrl}. Tokens are kept in {account ? VAULTS[account.vault] : ''}.
          </p>
          <div>
            {account?.status === 'signed_in' ? (
              <Button onClick={() => void now().signOut()}>Sign out</Button>
            ) : (
              <Button onClick={() => void now().signIn()}>Sign in</Button>
            )}
          </div>
        </Panel>
        {workspace && (
          <Panel title={`Plan of ${workspace.name}`}>
            <PlanUsage workspaceId={workspace.id} plan={PLANS[workspace.plan].name} />
          </Panel>
        )}
        <Panel title="About">
          <dl className="grid grid-cols-[96px_1fr] gap-y-1 text-small">
            <dt className="text-ink-3">Version</dt>
            <dd>{host?.version}</dd>
            <dt className="text-ink-3">Runtime</dt>
            <dd className="truncate font-mono text-[11px]">{host?.runtimeHash}</dd>
            {host?.projectsDir && (
              <>
                <dt className="text-ink-3">Projects</dt>
                <dd className="truncate font-mono text-[11px]">{host.projectsDir}</dd>
              </>
            )}
          </dl>
        </Panel>
      </div>
    </Screen>
  );
}

function Panel({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section className="flex flex-col gap-3 rounded-panel bg-panel p-4 shadow-card">
      <h2 className="font-heading">{title}</h2>
      {children}
    </section>
  );
}

function PlanUsage({ workspaceId, plan }: { workspaceId: string; plan: string }) {
  const [meters, setMeters] = useState<MeterUsage[]>();
  const [failed, setFailed] = useState<string>();
  useEffect(() => {
    let gone = false;
    editor()
      .client.hosted.usage({ workspaceId })
      .then(
        (usage) => !gone && setMeters(usage.meters),
        (thrown: unknown) => !gone && setFailed(thrown instanceof Error ? thrown.message : 'No answer'),
      );
    return () => {
      gone = true;
    };
  }, [workspaceId]);
  return (
    <>
      <p className="text-ink-2">{plan}</p>
      {failed && (
        <Note kind="wait" title="The usage could not be read">
          {failed}
        </Note>
      )}
      {meters && <Usage meters={meters} />}
      <UpgradeButton workspaceId={workspaceId} />
    </>
  );
}
