import { Download } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { WorkspaceDetail } from '#shared/contract/cloud/workspaces.ts';
import { SluiceError } from '#shared/error.ts';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { formatBytes, formatMoment, plural } from '../look/format.ts';
import { Note } from '../look/Note.tsx';
import { exportWorkspace } from './exportWorkspace.ts';
import { Panel } from './Page.tsx';

type Made = { url: string; bytes: number; rows: number; at: string };

/** Everything of the workspace as a file: asked for, made while one waits, and kept until the screen is left. */
export function WorkspaceExport({ workspace }: { workspace: WorkspaceDetail }) {
  const [making, setMaking] = useState<number>();
  const [made, setMade] = useState<Made>();
  const [error, setError] = useState<SluiceError>();
  const running = useRef<AbortController>(undefined);
  const act = useRef<HTMLButtonElement>(null);
  const stop = useRef<HTMLButtonElement>(null);
  useEffect(() => () => running.current?.abort(), []);
  useEffect(() => made && (() => URL.revokeObjectURL(made.url)), [made]);
  const isMaking = making !== undefined;

  async function make() {
    const own = new AbortController();
    running.current = own;
    setMaking(0);
    setMade(undefined);
    setError(undefined);
    try {
      const { file, rows } = await exportWorkspace(workspace.id, { signal: own.signal, onRead: setMaking });
      if (own.signal.aborted) return;
      const url = URL.createObjectURL(file);
      setMade({ url, bytes: file.size, rows, at: new Date().toISOString() });
    } catch (thrown) {
      if (!own.signal.aborted) setError(SluiceError.from(thrown));
    } finally {
      // The button to stop it goes; whoever stands there goes on from the one that stays.
      if (document.activeElement === stop.current) act.current?.focus();
      if (running.current === own) setMaking(undefined);
    }
  }

  return (
    <Panel title="Export">
      <div className="flex flex-col gap-3 p-4">
        <div className="flex flex-wrap items-center gap-3">
          <p className="min-w-50 flex-1 text-ink-2">
            Every row of the workspace and its files, as lines of JSON. No secret of a connection and no key is in it.
          </p>
          {isMaking && (
            <Button ref={stop} look="ghost" onClick={() => running.current?.abort()}>
              Stop
            </Button>
          )}
          <Button ref={act} busy={isMaking && 'Making it'} onClick={() => void make()}>
            {made ? 'Export it again' : 'Export everything'}
          </Button>
        </div>
        <div role="status" className={cx(!isMaking && !made && 'visually-hidden')}>
          {isMaking && (
            <p className="text-small text-ink-2 tabular-nums">It is being made: {formatBytes(making)} so far.</p>
          )}
          {made && (
            <div className="flex flex-wrap items-center gap-x-3 gap-y-2 rounded-card bg-off-soft px-3 py-2.5 shadow-[inset_0_0_0_1px_var(--line)]">
              <p className="min-w-50 flex-1 text-small text-ink-2">
                <span className="block font-heading text-ink">
                  The export is there: {plural(made.rows, 'row')}, {formatBytes(made.bytes)}
                </span>
                Of {formatMoment(made.at)}. It is kept here until you leave this screen.
              </p>
              <a
                href={made.url}
                download={`${workspace.slug}-${made.at.slice(0, 10)}.ndjson`}
                className="inline-flex h-7 flex-none items-center gap-1.5 rounded-control bg-accent px-2.5 font-control whitespace-nowrap text-on-accent no-underline max-sm:h-9"
              >
                <Download className="icon-s" aria-hidden />
                Save the file
              </a>
            </div>
          )}
        </div>
        {error && (
          <Note kind="bad" title={error.message}>
            {error.advice}
          </Note>
        )}
      </div>
    </Panel>
  );
}
