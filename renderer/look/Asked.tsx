import type { SluiceError } from '#shared/error.ts';
import { Button } from './Button.tsx';
import { Note } from './Note.tsx';

/** Why there is nothing to show, in the place where it would be. */
export function AskFailed({ error, onAgain }: { error: SluiceError; onAgain: () => void }) {
  return (
    <Note
      kind={error.code === 'access.denied' ? 'info' : 'bad'}
      title={error.message}
      actions={
        error.code !== 'access.denied' && (
          <Button size="sm" onClick={onAgain}>
            Try again
          </Button>
        )
      }
    >
      {error.advice}
    </Note>
  );
}

export function Skeleton({ rows = 4 }: { rows?: number }) {
  return (
    <div aria-hidden data-asking className="flex flex-col rounded-panel bg-panel shadow-card">
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows that stand for rows have nothing else to be told apart by.
        <span key={index} className="flex h-11 items-center border-b border-line px-4 last:border-b-0">
          <span className="h-2.5 rounded-chip bg-press" style={{ width: `${30 + ((index * 17) % 40)}%` }} />
        </span>
      ))}
    </div>
  );
}
