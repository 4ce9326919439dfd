import { ArrowRight, Building2, ChevronRight, Globe, Rocket } from 'lucide-react';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { Deployment } from '#shared/contract/cloud/common.ts';
import type { PublishPreview } from '#shared/contract/host/publish.ts';
import { SluiceError } from '#shared/error.ts';
import { PLANS } from '#shared/plan.ts';
import { UpgradeButton } from '../account/UpgradeButton.tsx';
import { Count } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { Dialog } from '../look/Dialog.tsx';
import { formatMoney, plural } from '../look/format.ts';
import { TextArea } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { Select } from '../look/Select.tsx';
import { openConflicts } from '../state/conflictsSlice.ts';
import { editor, now, useEditor } from '../state/store.ts';
import { ChooseWorkspace, SignInFirst } from './BeforePublish.tsx';
import { ChangeCounts, Changes } from './Changes.tsx';
import { DeploymentProgress } from './DeploymentProgress.tsx';
import { PublishCheck } from './PublishCheck.tsx';
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

function Publish({ workspaceId, onClose }: { workspaceId: string; onClose: () => void }) {
  const projectId = useEditor((state) => state.doc?.info.id);
  const project = useEditor((state) => state.doc?.tree.project.name);
  const environments = useEditor((state) => Object.keys(state.doc?.tree.environments ?? {}).join(' '));
  const deployments = useEditor((state) => state.deployments);
  const conflicts = useEditor((state) => openConflicts(state).length);
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
  // What keeps the version back comes before what it costs.
  const trouble = conflicts > 0 || preview?.checks.some((check) => check.status !== 'ok');
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
        <span className="flex min-w-0 flex-1 flex-wrap items-center gap-2 text-small text-ink-3 sm:pl-1">
          to
          <span className="flex h-6 min-w-0 items-center gap-1.5 rounded-control px-2 font-control text-ink shadow-[inset_0_0_0_1px_var(--line-2)]">
            <Building2 className="icon-s flex-none" aria-hidden />
            <span className="truncate">{preview?.workspace.name ?? 'workspace'}</span>
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
            : 'A runtime of your own starts with the first publish.'
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
                : conflicts > 0
                  ? 'Answer the conflicts first.'
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
      <div className="grid min-h-0 flex-1 grid-cols-[minmax(0,1fr)_340px] grid-rows-[minmax(0,1fr)] max-md:flex max-md:flex-col max-md:overflow-auto">
        <section aria-label="What changes" className="flex min-h-90 min-w-0 flex-col max-md:min-h-0 max-md:flex-none">
          <header className="flex h-10 flex-none items-center gap-2 border-b border-line px-5">
            <h3 className="font-heading">What changes</h3>
            {preview && <Count>{preview.changes.length}</Count>}
            {preview && <ChangeCounts changes={preview.changes} />}
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
        <aside className="flex min-h-0 min-w-0 flex-col border-l border-line bg-app max-md:flex-none max-md:border-t max-md:border-l-0">
          <div className="flex min-h-0 flex-1 flex-col overflow-auto">
            <section aria-label="Usage" className="flex flex-col gap-3.5 border-b border-line p-4">
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
            <section
              aria-label="Checks"
              className={cx('flex flex-col gap-2 p-4', trouble && 'order-first border-b border-line')}
            >
              <h3 className="font-heading">Checks</h3>
              {conflicts > 0 && (
                <Note
                  kind="wait"
                  title={`${plural(conflicts, 'conflict waits', 'conflicts wait')} for an answer`}
                  actions={
                    <Button
                      size="sm"
                      onClick={() => {
                        onClose();
                        now().openConflict(now().conflictId);
                      }}
                    >
                      Look at both answers
                    </Button>
                  }
                >
                  What is published must be what somebody chose.
                </Note>
              )}
              {preview?.checks.map((check) => (
                <PublishCheck key={check.title} {...check} />
              ))}
            </section>
          </div>
          <div className="flex flex-none flex-col gap-1.5 border-t border-line p-4">
            <label htmlFor="publish-note" className="text-small font-control text-ink-2">
              Note for this version <span className="font-normal text-ink-3">optional</span>
            </label>
            <TextArea
              id="publish-note"
              rows={2}
              maxLength={280}
              value={note}
              onChange={(event) => setNote(event.target.value)}
              data-later
            />
          </div>
        </aside>
      </div>
    </Dialog>
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
