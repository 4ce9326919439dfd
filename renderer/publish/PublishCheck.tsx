import { CircleCheck, CircleX, TriangleAlert } from 'lucide-react';
import type { PublishPreview } from '#shared/contract/host/publish.ts';

const GLYPHS = { ok: CircleCheck, warning: TriangleAlert, error: CircleX };
const INKS = { ok: 'text-ok-ink', warning: 'text-wait-ink', error: 'text-bad-ink' };
const WORDS = { ok: 'Passed', warning: 'Warning', error: 'Failed' };

/** One check: its title, and where it did not pass, which value and what to do below it. */
export function PublishCheck({ title, status, detail, advice }: PublishPreview['checks'][number]) {
  const Glyph = GLYPHS[status];
  return (
    <div className="flex items-start gap-2 text-small">
      <Glyph className={`icon-s mt-px ${INKS[status]}`} aria-label={WORDS[status]} />
      <div className="min-w-0 flex-1 break-words">
        <p className={status === 'ok' ? undefined : 'font-control'}>{title}</p>
        {detail && <p className="text-ink-2">{detail}</p>}
        {status !== 'ok' && advice && <p className="text-ink-3">{advice}</p>}
      </div>
    </div>
  );
}
