import { ArrowRight, Building2, ChevronRight, CircleCheck, CircleX, Globe, Rocket, TriangleAlert } from 'lucide-react';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { Deployment } from '#shared/contract/cloud/common.ts';
import type { PublishPreview } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { PLANS } from '#shared/plan.ts';
import { SignInWait } from '../account/SignInDialog.tsx';
import { UpgradeButton } from '../account/UpgradeButton.tsx';
import { Count } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { formatMoney } from '../look/format.ts';
import { TextArea } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { Select } from '../look/Select.tsx';
import { editor, now, useEditor } from '../state/store.ts';
import { Changes } from './Changes.tsx';
import { DeploymentProgress } from './DeploymentProgress.tsx';
import { Usage } from './Usage.tsx';

const ALLOWANCE = new Set(['allowance_exceeded', 'plan.limit_exceeded']);

/** From this project to a running version: who, where, what changes, what it costs, and then how it goes. */
export function PublishDialog() {
  const project = useEditor((state) => state.doc?.tree.project.name);
  const status = useEditor((state) => state.account?.status);
  const workspaceId = useEditor((state) => state.doc?.info.sync.workspaceId);
  const close = () => {
    if (now().account?.status === 'signing_in') void now().cancelSignIn();
    now().setDialog(undefined);
  };
  if (status !== 'signed_in') return <SignInFirst title={`Publish ${project}`} onClose={close} />;
  if (!workspaceId) return <ChooseWorkspace title={`Publish ${project}`} onClose={close} />;
  return <Publish workspaceId={workspaceId} onClose={close} />;
}

function SignInFirst({ title, onClose }: { title: string; onClose: () => void }) {
  const account = useEditor((state) => state.account);
  const url = useEditor((state) => state.signInUrl);
  const waiting = account?.status === 'signing_in';
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      consequence="Nothing has left this computer yet."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={waiting && 'Waiting'} onClick={() => void now().signIn()}>
            {account?.status === 'expired' ? 'Sign in again' : 'Sign in'}
          </Button>
        </>
      }
    >
      {waiting ? (
        <SignInWait url={url} cloud={account?.cloudUrl} />
      ) : (
        <>
          <p>To publish, sign in to {account?.cloudUrl}. The sign-in opens in your browser.</p>
          {account?.status === 'unreachable' && (
            <Note kind="wait" title="The control plane does not answer">
              What you build is kept here. Try again when it is back.
            </Note>
          )}
        </>
      )}
    </Dialog>
  );
}

function ChooseWorkspace({ title, onClose }: { title: string; onClose: () => void }) {
  const workspaces = useEditor((state) => state.account?.workspaces);
  const projectId = useEditor((state) => state.doc?.info.id);
  const [chosen, setChosen] = useState(workspaces?.[0]?.id);
  const [error, setError] = useState<SluiceError>();
  const [busy, setBusy] = useState(false);

  async function bind() {
    if (!projectId || !chosen) return;
    setBusy(true);
    try {
      await now().settled();
      now().syncChanged(projectId, await editor().client.sync.bind({ projectId, workspaceId: chosen }));
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
      title={title}
      consequence="The project stays on this computer too."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            onClick={() => void bind()}
            busy={busy && 'Sending'}
            blocked={!chosen && 'You are in no workspace.'}
          >
            Send it there
          </Button>
        </>
      }
    >
      <p>Choose the workspace that keeps and runs this project. Its members see it from then on.</p>
      <Select
        aria-label="Workspace"
        value={chosen}
        icon={<Building2 className="icon-s" aria-hidden />}
        options={(workspaces ?? []).map((one) => ({ value: one.id, label: one.name, hint: one.plan }))}
        onChange={setChosen}
      />
      {error && (
        <Note kind="bad" title={error.message}>
          {error.advice}
        </Note>
      )}
    </Dialog>
  );
}

function Publish({ workspaceId, onClose }: { workspaceId: string; onClose: () => void }) {
  const projectId = useEditor((state) => state.doc?.info.id);
  const project = useEditor((state) => state.doc?.tree.project.name);
  const environments = useEditor((state) => Object.keys(state.doc?.tree.environments ?? {}).join(' '));
  const deployments = useEditor((state) => state.deployments);
  const names = [
    ...new Set([
      'production',
      ...environments.split(' ').filter((one) => one && one !== 'local'),
      ...deployments.map((one) => one.environment),
    ]),
  ];
  const [environment, setEnvironment] = useState(names[0] ?? 'production');
  const [preview, setPreview] = useState<PublishPreview>();
  const [error, setError] = useState<SluiceError>();
  const [note, setNote] = useState('');
  const [busy, setBusy] = useState(false);
  const [started, setStarted] = useState<Deployment>();
  const asked = useRef(0);

  const look = useCallback(async () => {
    if (!projectId) return;
    const turn = ++asked.current;
    setPreview(undefined);
    setError(undefined);
    try {
      await now().settled();
      const answer = await editor().client.publish.preview({ projectId, environment });
      if (turn === asked.current) setPreview(answer);
    } catch (thrown) {
      if (turn === asked.current) setError(SluiceError.from(thrown));
    }
  }, [projectId, environment]);
  useEffect(() => void look(), [look]);

  async function publish() {
    if (!projectId) return;
    setBusy(true);
    setError(undefined);
    try {
      const deployment = await editor().client.publish.start({ projectId, environment, note });
      now().deploymentChanged(deployment);
      setStarted(deployment);
    } catch (thrown) {
      setError(SluiceError.from(thrown));
    } finally {
      setBusy(false);
    }
  }

  if (started) return <DeploymentProgress deploymentId={started.id} onClose={onClose} />;
  const broken = preview?.checks.find((check) => check.status === 'error');
  const next = preview?.nextVersion;
  const nothing = preview && next === undefined;
  return (
    <Dialog
      open
      onClose={onClose}
      size="wide"
      bare
      title={`Publish ${project}`}
      head={
        <span className="flex min-w-0 flex-1 flex-wrap items-center gap-2 pl-1 text-small text-ink-3">
          to
          <span className="flex h-6 items-center gap-1.5 rounded-control px-2 font-control text-ink shadow-[inset_0_0_0_1px_var(--line-2)]">
            <Building2 className="icon-s" aria-hidden />
            {preview?.workspace.name ?? 'workspace'}
          </span>
          <ChevronRight className="icon-xs" aria-hidden />
          <Select
            look="button"
            aria-label="Environment"
            icon={<Globe className="icon-s" aria-hidden />}
            value={environment}
            options={names.map((name) => ({ value: name, label: name }))}
            onChange={setEnvironment}
          />
          {next !== undefined && (
            <span className="ml-auto flex items-center gap-1.5 tabular-nums">
              {preview?.currentVersion !== undefined && (
                <>
                  v{preview.currentVersion} <ArrowRight className="icon-xs" aria-label="to" />
                </>
              )}
              <b className="font-heading text-ink">v{next}</b>
            </span>
          )}
        </span>
      }
      consequence={
        nothing
          ? 'Nothing that runs has changed.'
          : preview?.currentVersion !== undefined
            ? `Running runs finish on v${preview.currentVersion}. Roll back at any time.`
            : 'A container of your own starts with the first publish.'
      }
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            icon={<Rocket className="icon-s" />}
            busy={busy && 'Publishing'}
            blocked={
              !preview
                ? 'Still looking at what changes.'
                : nothing
                  ? 'Nothing that runs has changed.'
                  : broken && `${broken.title}. ${broken.advice ?? ''}`
            }
            onClick={() => void publish()}
          >
            {next === undefined ? 'Publish' : `Publish v${next} to ${environment}`}
          </Button>
        </>
      }
    >
      <div className="grid h-full min-h-90 grid-cols-[minmax(0,1fr)_340px] max-md:grid-cols-1">
        <section aria-label="What changes" className="flex min-w-0 flex-col">
          <header className="flex h-10 flex-none items-center gap-2 border-b border-line px-5">
            <h3 className="font-heading">What changes</h3>
            {preview && <Count>{preview.changes.length}</Count>}
            {preview && (
              <span className="ml-auto flex gap-2.5 font-mono text-small">
                <span className="text-ok-ink">+{preview.changes.filter((one) => one.kind === 'added').length}</span>
                <span className="text-wait-ink">~{preview.changes.filter((one) => one.kind === 'changed').length}</span>
                <span className="text-bad-ink">−{preview.changes.filter((one) => one.kind === 'removed').length}</span>
              </span>
            )}
          </header>
          <div className="min-h-0 flex-1 overflow-auto px-4 py-3">
            {error && <PublishError error={error} workspaceId={workspaceId} onAgain={() => void look()} />}
            {!preview && !error && <Skeleton />}
            {preview?.layoutOnly && (
              <Note className="mb-2" title="Only the drawing or the notes differ">
                Publishing would change nothing that runs.
              </Note>
            )}
            {preview && <Changes changes={preview.changes} />}
          </div>
        </section>
        <aside className="flex min-w-0 flex-col border-l border-line bg-app max-md:border-t max-md:border-l-0">
          <section className="flex flex-col gap-3.5 border-b border-line p-4">
            <h3 className="flex items-baseline font-heading">
              Usage{' '}
              <span className="ml-auto text-small font-normal text-ink-3">
                {preview && `${PLANS[preview.workspace.plan].name}, ${formatMoney(preview.planPrice)} a month`}
              </span>
            </h3>
            {preview ? <Usage meters={preview.usage} /> : <Skeleton />}
            {preview?.usage.some(
              (meter) => meter.included !== undefined && meter.used + meter.reserved >= meter.included * 0.85,
            ) && <UpgradeButton workspaceId={workspaceId} />}
          </section>
          <section className="flex flex-col gap-2 border-b border-line p-4">
            <h3 className="font-heading">Checks</h3>
            {preview?.checks.map((check) => (
              <Check key={check.title} {...check} />
            ))}
          </section>
          <section className="mt-auto flex flex-col gap-1.5 p-4">
            <label htmlFor="publish-note" className="text-small font-control text-ink-2">
              Note for this version <span className="font-normal text-ink-3">optional</span>
            </label>
            <TextArea
              id="publish-note"
              rows={2}
              maxLength={280}
              value={note}
              onChange={(event) => setNote(event.target.value)}
            />
          </section>
        </aside>
      </div>
    </Dialog>
  );
}

const GLYPHS = { ok: CircleCheck, warning: TriangleAlert, error: CircleX };
const INKS = { ok: 'text-ok-ink', warning: 'text-wait-ink', error: 'text-bad-ink' };

function Check({ title, status, detail, advice }: PublishPreview['checks'][number]) {
  const Glyph = GLYPHS[status];
  return (
    <div className="flex items-start gap-2 text-small">
      <Glyph className={`icon-s mt-px ${INKS[status]}`} aria-label={status} />
      <span className="min-w-0 flex-1 break-words">
        {title}
        {status !== 'ok' && advice && <span className="block text-ink-3">{advice}</span>}
      </span>
      {detail && <span className="text-right text-ink-3">{detail}</span>}
    </div>
  );
}

function PublishError({
  error,
  workspaceId,
  onAgain,
}: {
  error: SluiceError;
  workspaceId: string;
  onAgain: () => void;
}) {
  const allowance = ALLOWANCE.has(error.code);
  return (
    <Note
      kind="bad"
      className="mb-3"
      title={error.message}
      actions={
        <>
          {allowance && <UpgradeButton workspaceId={workspaceId} look="primary" />}
          <Button size="sm" onClick={onAgain}>
            Try again
          </Button>
        </>
      }
    >
      {error.advice}
    </Note>
  );
}

function Skeleton() {
  return (
    <div aria-hidden className="flex flex-col gap-3">
      {[72, 54, 63].map((width) => (
        <span key={width} className="h-2.5 rounded-chip bg-press" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}
