import { Hourglass } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { formatDuration, formatTime } from '../look/format.ts';
import { ErrorLine } from '../look/Input.tsx';
import { useNow } from '../look/useNow.ts';
import type { OpenWait } from '../state/openWaits.ts';
import type { RunView } from '../state/runView.ts';
import { now } from '../state/store.ts';
import { ApprovalForm } from './ApprovalForm.tsx';
import { AttentionForm } from './AttentionForm.tsx';
import { ReplyForm } from './ReplyForm.tsx';

export type WaitingRun = Pick<RunView, 'runId' | 'where'> & { resumeUrl?: string };

/** Ends the wait; gives false where it could not, which the card says. */
export type Answer = (input: Json, said: string) => Promise<boolean>;

type WaitCardProps = { run: WaitingRun; wait: OpenWait; stepName: string; onAnswered?: () => void };

/** Why a step waits and until when, and for who may end the wait what to say. */
export function WaitCard({ run, wait, stepName, onAnswered }: WaitCardProps) {
  const [error, setError] = useState<SluiceError>();
  async function answer(input: Json, said: string): Promise<boolean> {
    setError(undefined);
    try {
      await now().answerWait(run, wait, input);
      now().announce(said);
      onAnswered?.();
      return true;
    } catch (thrown) {
      setError(SluiceError.from(thrown));
      return false;
    }
  }
  const { title, body } = shown(wait, run, answer);
  return (
    <section
      aria-label={`${stepName}: ${title}`}
      className="@container flex-none overflow-clip rounded-card shadow-[inset_0_0_0_1px_var(--wait-line)]"
    >
      <header className="flex gap-2.5 bg-wait-soft px-3 py-2.5 shadow-[inset_0_0_0_1px_var(--wait-line)]">
        <Hourglass className="icon flex-none text-wait-ink" aria-hidden />
        <div className="flex min-w-0 flex-1 flex-col @lg:flex-row @lg:flex-wrap @lg:gap-x-3">
          <h3 className="text-small font-heading text-ink">{title}</h3>
          <p className="text-small text-ink-2">
            {stepName}
            {(wait.iteration ?? 0) > 0 && `, run ${(wait.iteration ?? 0) + 1}`}
            {wait.at && `, since ${formatTime(wait.at)}`}
          </p>
          {wait.until && <Until wait={wait} until={wait.until} />}
        </div>
      </header>
      {body && <div className="flex flex-col gap-3 p-3 @lg:grid @lg:grid-cols-2 @lg:gap-5">{body}</div>}
      {error && (
        <div role="alert" className="px-3 pb-3">
          <ErrorLine>
            {error.message} {error.advice}
          </ErrorLine>
        </div>
      )}
    </section>
  );
}

function shown(wait: OpenWait, run: WaitingRun, answer: Answer): { title: string; body?: ReactNode } {
  switch (wait.reason) {
    case 'approval':
      return {
        title: 'Waits for approval',
        body: <ApprovalForm details={wait.details} hosted={run.where === 'hosted'} answer={answer} />,
      };
    case 'webhook_reply':
      return {
        title: 'Waits for a reply',
        body: <ReplyForm details={wait.details} url={run.resumeUrl} answer={answer} />,
      };
    case 'needs_attention':
      return {
        title: 'May have happened already',
        body: <AttentionForm error={wait.error} evidence={wait.details} answer={answer} />,
      };
    case 'connector_down':
      return {
        title: 'The service does not answer',
        body: wait.error && <p className="text-small break-words text-ink-2">{wait.error.message}</p>,
      };
    case 'delay':
      return { title: 'Waits for its time' };
  }
}

const ENDS: Record<OpenWait['reason'], string> = {
  delay: 'Goes on',
  connector_down: 'Tries again',
  approval: 'Expires',
  webhook_reply: 'Expires',
  needs_attention: 'Ends',
};

function Until({ wait, until }: { wait: OpenWait; until: string }) {
  const left = Date.parse(until) - useNow(1_000);
  return (
    <p className="text-small tabular-nums text-ink-2" title={until}>
      {ENDS[wait.reason]} {left > 0 ? `in ${formatDuration(left)}, at ${formatTime(until)}` : 'now'}
    </p>
  );
}
