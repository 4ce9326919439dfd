import { X } from 'lucide-react';
import type { RetryResult } from '#shared/contract/host/runs.ts';
import { StateGlyph } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { formatTime } from '../look/format.ts';
import { now } from '../state/store.ts';
import { timeOfId } from './picking.ts';
import type { Where } from './RunDetail.tsx';

/** What was asked to be done again, with what the list said of it then. */
export type Retried = RetryResult & { workflowName: string; startedAt: string };

/** Of many in words: `2 of 3 runs are done again`. */
export function retriedWords(results: readonly Retried[]): string {
  const done = results.filter(({ retry }) => retry).length;
  if (results.length === 1) return done === 1 ? 'The run is done again' : 'The run could not be done again';
  if (done === results.length) return `All ${done} runs are done again`;
  return done === 0 ? 'No run could be done again' : `${done} of ${results.length} runs are done again`;
}

type RetryResultsProps = { results: readonly Retried[]; where: Where; onClose: () => void };

/** What became of each run that was to be done again; those that could not be come first and say why. */
export function RetryResults({ results, where, onClose }: RetryResultsProps) {
  const sorted = [...results].sort((a, b) => Number(a.retry !== undefined) - Number(b.retry !== undefined));
  return (
    <section aria-label="Retried runs" className="flex flex-none flex-col border-b border-line bg-app">
      <header className="flex h-9 items-center gap-2 pr-4 pl-6">
        <h2 className="text-small font-heading">{retriedWords(results)}</h2>
        <Button
          look="ghost"
          size="sm"
          className="ml-auto"
          aria-label="Close the results"
          icon={<X className="icon-s" />}
          onClick={onClose}
        />
      </header>
      <ul className="max-h-44 overflow-auto px-6 pb-2.5 text-small">
        {sorted.map(({ runId, retry, error, workflowName, startedAt }) => (
          <li key={runId} className="flex min-h-6.5 items-center gap-2">
            <StateGlyph state={retry ? 'succeeded' : 'failed'} />
            <span className="max-w-48 flex-none truncate font-name">{workflowName}</span>
            <span className="flex-none tabular-nums text-ink-3">{formatTime(startedAt)}</span>
            {retry ? (
              <Button
                look="ghost"
                size="sm"
                className="text-accent-ink!"
                onClick={() => void now().lookAt(retry, where)}
              >
                Run of {formatTime(timeOfId(retry))}
              </Button>
            ) : (
              <span className="min-w-0 text-ink-2">{error?.message}</span>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
