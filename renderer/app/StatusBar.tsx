import { CircleAlert, CircleCheck, LoaderCircle } from 'lucide-react';
import { SyncStatus } from '../changes/SyncStatus.tsx';
import { plural } from '../look/format.ts';
import { isRunning, shownRunOf } from '../state/runSlice.ts';
import { now, useEditor } from '../state/store.ts';

export function StatusBar() {
  const problems = useEditor((state) => state.doc?.problems.length ?? 0);
  const errors = useEditor((state) => state.doc?.problems.some((one) => one.severity === 'error') ?? false);
  const saving = useEditor((state) => state.saving);
  const running = useEditor(isRunning);
  const where = useEditor((state) => shownRunOf(state)?.where);
  const live = useEditor((state) => state.deployments.find((one) => one.status === 'active'));
  return (
    <footer className="flex items-center gap-3.5 overflow-hidden border-t border-line bg-app px-3 text-[11.5px]/none whitespace-nowrap text-ink-3">
      <SyncStatus look="status" />
      <button
        type="button"
        onClick={() => now().setBottom({ open: true, tab: 'problems' })}
        className={
          problems === 0
            ? 'flex items-center gap-1.25 text-ok-ink'
            : errors
              ? 'flex items-center gap-1.25 text-bad-ink'
              : 'flex items-center gap-1.25 text-wait-ink'
        }
      >
        {problems === 0 ? (
          <CircleCheck className="icon-xs" aria-hidden />
        ) : (
          <CircleAlert className="icon-xs" aria-hidden />
        )}
        {problems === 0 ? 'No problems' : plural(problems, 'problem')}
      </button>
      <span className="ml-auto flex items-center gap-3.5">
        {running && (
          <span className="flex items-center gap-1.25 text-run-ink">
            <LoaderCircle className="icon-xs spin" aria-hidden />
            {where === 'hosted' ? 'Hosted run' : 'Local run'}
          </span>
        )}
        {live && (
          <span className="max-md:hidden">
            {live.environment} v{live.versionNumber}
          </span>
        )}
        <span className={saving.state === 'cannot_save' ? 'text-bad-ink' : undefined} role="status">
          {saving.state === 'saved' ? 'Saved' : saving.state === 'saving' ? 'Saving' : 'Cannot save'}
        </span>
      </span>
    </footer>
  );
}
