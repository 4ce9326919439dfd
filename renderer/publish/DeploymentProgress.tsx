import { Check, CircleDashed, CircleX, LoaderCircle } from 'lucide-react';
import type { DeploymentStatus } from '#shared/contract/cloud/common.ts';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { Dialog } from '../look/Dialog.tsx';
import { formatDuration } from '../look/format.ts';
import { Note } from '../look/Note.tsx';
import { useNow } from '../look/useNow.ts';
import { now, useEditor } from '../state/store.ts';
import { Addresses } from './Addresses.tsx';

const STAGES: { status: DeploymentStatus; doing: string; done: string }[] = [
  { status: 'queued', doing: 'Waiting for its turn', done: 'Version frozen' },
  { status: 'validating', doing: 'Checking the version', done: 'Version checked' },
  { status: 'provisioning', doing: 'Starting the runtime', done: 'Runtime started' },
  { status: 'active', doing: 'Placing webhooks and schedules', done: 'Live' },
];

/** How a deployment goes, until it is live or says why not. */
export function DeploymentProgress({ deploymentId, onClose }: { deploymentId: string; onClose: () => void }) {
  const deployment = useEditor((state) => state.deployments.find((one) => one.id === deploymentId));
  const over = deployment === undefined || ['active', 'failed', 'stopped', 'superseded'].includes(deployment.status);
  const time = useNow(200, !over);
  if (!deployment) return null;
  const { status } = deployment;
  const at = STAGES.findIndex((stage) => stage.status === status);
  const spent = Math.max(
    0,
    (deployment.finishedAt ? Date.parse(deployment.finishedAt) : time) - Date.parse(deployment.createdAt),
  );
  const title =
    status === 'active'
      ? `v${deployment.versionNumber} is live in ${deployment.environment}`
      : status === 'failed'
        ? `v${deployment.versionNumber} did not start`
        : `Publishing v${deployment.versionNumber} to ${deployment.environment}`;
  return (
    <Dialog
      open
      onClose={onClose}
      size="form"
      title={title}
      consequence={over ? undefined : 'It goes on when you close this.'}
      actions={
        <>
          {status === 'failed' && <Button onClick={() => now().go('deployments')}>Deployments</Button>}
          <Button look={over ? 'primary' : 'plain'} onClick={onClose}>
            {over ? 'Done' : 'Close'}
          </Button>
        </>
      }
    >
      {status !== 'failed' && (
        <ol className="flex flex-col gap-2.5" aria-live="polite">
          {STAGES.map((stage, index) => {
            const done = index < at || status === 'active';
            const doing = index === at && status !== 'active';
            return (
              <li key={stage.status} className={cx('flex items-center gap-2.5', !done && !doing && 'text-ink-3')}>
                {done ? (
                  <Check className="icon-s text-ok-ink" aria-hidden />
                ) : doing ? (
                  <LoaderCircle className="icon-s spin text-run-ink" aria-hidden />
                ) : (
                  <CircleDashed className="icon-s" aria-hidden />
                )}
                {done ? stage.done : stage.doing}
                {doing && <span className="ml-auto text-small tabular-nums text-ink-3">{formatDuration(spent)}</span>}
              </li>
            );
          })}
        </ol>
      )}
      {status === 'failed' && (
        <Note kind="bad" title={deployment.error ?? 'It gave no reason.'}>
          <p className="flex items-center gap-1.5">
            <CircleX className="icon-xs" aria-hidden /> What ran before goes on running.
          </p>
        </Note>
      )}
      <Addresses deployment={deployment} />
    </Dialog>
  );
}
