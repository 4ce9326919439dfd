import { TriangleAlert } from 'lucide-react';
import { cx } from './cx.ts';
import { formatDay } from './format.ts';

const SOON_MS = 14 * 86_400_000;

/** The day on which something ends, said louder while there is still time to do something about it. */
export function Until({ at, time }: { at: string; time: number }) {
  const left = Date.parse(at) - time;
  const soon = left < SOON_MS;
  return (
    <span
      title={at}
      className={cx('inline-flex items-center gap-1 whitespace-nowrap', soon && 'font-control text-wait-ink')}
    >
      {soon && <TriangleAlert className="icon-xs" aria-label={left > 0 ? 'Ends soon' : 'Has ended'} />}
      {formatDay(at)}
    </span>
  );
}
