import { ChevronDown, RotateCcw } from 'lucide-react';
import { Button } from '../look/Button.tsx';
import { Menu } from '../look/Menu.tsx';
import type { RetryWish } from '../state/runListSlice.ts';
import type { RunView } from '../state/runView.ts';
import { retryEntries } from './retryEntries.ts';

type RetryButtonProps = {
  where: RunView['where'];
  /** There is a failed step to go on from. */
  failed: boolean;
  busy: boolean;
  blocked?: string | false;
  onRetry: (wish: RetryWish) => void;
};

/** Does runs again from their failed step, else from the start; the other ways are in its menu. */
export function RetryButton({ where, failed, busy, blocked, onRetry }: RetryButtonProps) {
  return (
    <span className="flex">
      <Button
        icon={<RotateCcw className="icon-s" />}
        className="rounded-r-none"
        busy={busy && 'Retrying'}
        blocked={blocked}
        onClick={() => onRetry({ from: failed ? 'failed' : 'start', version: 'same' })}
      >
        {failed ? 'Retry from failed step' : 'Run again'}
      </Button>
      <Menu
        trigger={
          <button
            type="button"
            aria-label="More ways to retry"
            disabled={busy || Boolean(blocked)}
            className="ml-px flex h-7 w-6 items-center justify-center rounded-r-control bg-raised text-ink-2 shadow-[inset_0_0_0_1px_var(--line-2)] hover:bg-hover disabled:bg-transparent disabled:text-ink-off"
          >
            <ChevronDown className="icon-xs" aria-hidden />
          </button>
        }
        entries={retryEntries(where, failed, onRetry)}
      />
    </span>
  );
}
