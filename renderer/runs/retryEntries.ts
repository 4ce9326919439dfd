import type { MenuEntry } from '../look/Menu.tsx';
import type { RetryWish } from '../state/runListSlice.ts';
import type { RunView } from '../state/runView.ts';

/** The ways of doing a run again, the likeliest first. `failed`: there is a failed step to go on from. */
export function retryEntries(
  where: RunView['where'],
  failed: boolean,
  onRetry: (wish: RetryWish) => void,
): MenuEntry[] {
  const now = where === 'local' ? 'as it is drawn now' : 'on the latest version';
  const entry = (label: string, wish: RetryWish): MenuEntry => ({ label, onSelect: () => onRetry(wish) });
  return [
    ...(failed ? [entry('From the failed step', { from: 'failed', version: 'same' })] : []),
    entry('From the start', { from: 'start', version: 'same' }),
    'line',
    ...(failed ? [entry(`From the failed step, ${now}`, { from: 'failed', version: 'latest' })] : []),
    entry(`From the start, ${now}`, { from: 'start', version: 'latest' }),
  ];
}
