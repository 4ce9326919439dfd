import { RotateCcw } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { Deployment, Version } from '#shared/contract/cloud/common.ts';
import { SluiceError } from '#shared/error.ts';
import { ActDialog } from '../look/ActDialog.tsx';
import { StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { formatAgo } from '../look/format.ts';
import { Note } from '../look/Note.tsx';
import { Screen } from '../look/Screen.tsx';
import { useNow } from '../look/useNow.ts';
import { DEPLOYMENTS } from '../state/statusWords.ts';
import { editor, now, useEditor } from '../state/store.ts';
import { Addresses } from './Addresses.tsx';

const NARROW_LEAVES: ReadonlySet<string> = new Set(['Environment', 'When']);

/** What was published where, newest first; an earlier version goes live again with one click. */
export function DeploymentsScreen() {
  const projectId = useEditor((state) => state.doc?.info.id);
  const bound = useEditor((state) => state.doc?.info.sync.workspaceId !== undefined);
  const signedIn = useEditor((state) => state.account?.status === 'signed_in');
  const deployments = useEditor((state) => state.deployments);
  const [versions, setVersions] = useState<Version[]>([]);
  const [error, setError] = useState<SluiceError>();
  const [selected, setSelected] = useState<string>();
  const [back, setBack] = useState<Deployment>();
  const time = useNow(10_000);
  const count = deployments.length;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new deployment may have brought a new version, so their number is a reason to ask again.
  useEffect(() => {
    if (!projectId || !bound || !signedIn) return;
    let gone = false;
    const { publish } = editor().client;
    Promise.all([publish.deployments({ projectId, limit: 50 }), publish.versions({ projectId, limit: 100 })]).then(
      ([list, all]) => {
        if (gone) return;
        editor().store.setState({ deployments: list.data });
        setVersions(all.data);
        setError(undefined);
      },
      (thrown: unknown) => !gone && setError(SluiceError.from(thrown)),
    );
    return () => {
      gone = true;
    };
  }, [projectId, bound, signedIn, count]);

  const open =
    deployments.find((one) => one.id === selected) ??
    deployments.find((one) => one.status === 'active') ??
    deployments[0];
  const noteOf = (deployment: Deployment) => versions.find((one) => one.id === deployment.versionId)?.note;
  return (
    <Screen title="Deployments">
      {error && (
        <Note kind="wait" title={error.message} className="m-4">
          {error.advice ?? 'What is deployed goes on running; the list is as it was last known.'}
        </Note>
      )}
      {deployments.length === 0 ? (
        <div className="m-auto max-w-90 p-6 text-center">
          <h2 className="text-lead font-heading">
            {!signedIn && bound ? 'Sign in to see what is deployed' : 'Nothing is published yet'}
          </h2>
          <p className="mt-1 text-ink-2">
            Publishing freezes a version of the project and runs it in a container of your own, with the same runtime as
            here.
          </p>
        </div>
      ) : (
        <div className="flex min-h-0 flex-1 max-lg:flex-col">
          <div className="min-h-30 min-w-0 flex-1 overflow-auto bg-panel">
            <table className="w-full border-separate border-spacing-0 text-list">
              <thead>
                <tr className="text-left text-micro font-control text-ink-3">
                  {['Version', 'Environment', 'State', 'By', 'When'].map((head) => (
                    <th
                      key={head}
                      scope="col"
                      className={cx(
                        'sticky top-0 h-7.5 border-b border-line bg-panel px-3 first:pl-6 max-sm:first:pl-4',
                        NARROW_LEAVES.has(head) && 'max-sm:hidden',
                        head === 'By' && 'max-lg:hidden',
                      )}
                    >
                      {head}
                    </th>
                  ))}
                  <th scope="col" className="sticky top-0 h-7.5 border-b border-line bg-panel">
                    <span className="visually-hidden">What can be done</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {deployments.map((one) => (
                  <tr
                    key={one.id}
                    onClick={() => setSelected(one.id)}
                    className={cx(one.id === open?.id ? 'bg-selected' : 'hover:bg-hover')}
                  >
                    <td className="h-9 border-b border-line px-3 py-1 pl-6 [overflow-wrap:anywhere] max-sm:pl-4">
                      <button
                        type="button"
                        aria-pressed={one.id === open?.id}
                        onClick={() => setSelected(one.id)}
                        className="font-name tabular-nums max-sm:min-h-6"
                      >
                        v{one.versionNumber}
                      </button>
                      <span className="ml-2 text-small text-ink-3 max-sm:hidden">{noteOf(one)}</span>
                      <span className="block text-small text-ink-3 sm:hidden">
                        {one.environment}, {formatAgo(one.createdAt, time)}
                      </span>
                    </td>
                    <td className="h-9 border-b border-line px-3 max-sm:hidden">{one.environment}</td>
                    <td className="h-9 border-b border-line px-3">
                      <StateBadge {...DEPLOYMENTS[one.status]} />
                    </td>
                    <td className="h-9 border-b border-line px-3 text-ink-2 max-lg:hidden">{one.requestedByName}</td>
                    <td
                      className="h-9 border-b border-line px-3 whitespace-nowrap text-ink-3 max-sm:hidden"
                      title={one.createdAt}
                    >
                      {formatAgo(one.createdAt, time)}
                    </td>
                    <td className="h-9 border-b border-line px-3 text-right">
                      {(one.status === 'superseded' || one.status === 'stopped') && (
                        <Button
                          size="sm"
                          aria-label={`Roll back to v${one.versionNumber}`}
                          icon={<RotateCcw className="icon-s" />}
                          onClick={() => setBack(one)}
                        >
                          Roll back<span className="max-sm:hidden"> to v{one.versionNumber}</span>
                        </Button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {open && (
            <aside
              aria-label="Deployment"
              className="flex w-100 flex-none flex-col gap-4 overflow-auto border-l border-line bg-panel p-5 max-lg:max-h-1/2 max-lg:w-full max-lg:border-t max-lg:border-l-0 max-sm:p-4"
            >
              <h2 className="flex flex-wrap items-center gap-2 text-lead font-heading">
                v{open.versionNumber} in {open.environment} <StateBadge {...DEPLOYMENTS[open.status]} />
              </h2>
              {open.error && (
                <Note kind="bad" title="It did not start">
                  {open.error}
                </Note>
              )}
              <Addresses deployment={open} />
              <p className="font-mono text-[11px] break-all text-ink-3">runtime {open.runtimeHash}</p>
            </aside>
          )}
        </div>
      )}
      {back && <RollBack deployment={back} onClose={() => setBack(undefined)} />}
    </Screen>
  );
}

function RollBack({ deployment, onClose }: { deployment: Deployment; onClose: () => void }) {
  const { projectId, environment, versionId, versionNumber } = deployment;
  return (
    <ActDialog
      title={`Roll back to v${versionNumber}`}
      consequence="Addresses and schedules stay."
      act={`Roll back ${environment}`}
      busy="Rolling back"
      onAct={async () =>
        now().deploymentChanged(await editor().client.publish.rollback({ projectId, environment, versionId }))
      }
      onClose={onClose}
    >
      <p>
        Version {versionNumber} goes live in {environment} again. Runs that are under way finish on the version they
        began with.
      </p>
    </ActDialog>
  );
}
