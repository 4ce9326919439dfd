import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Problem } from '#shared/workflow/problem.ts';

/** @throws SluiceError project.changed where the head is not the one the person looked at */
export function ensureUnchanged(head: { revision: number }, expectedRevision: number): void {
  if (head.revision === expectedRevision) return;
  throw new SluiceError('project.changed', 'The project changed since you last saw it.', {
    details: { revision: head.revision, expectedRevision },
    advice: 'Look at what changed, then publish again.',
  });
}

/** @throws SluiceError project.conflicts_open */
export function ensureDecided(openConflicts: number): void {
  if (openConflicts === 0) return;
  const some = openConflicts === 1 ? 'A conflict waits' : `${openConflicts} conflicts wait`;
  throw new SluiceError('project.conflicts_open', `${some} for somebody to decide.`, {
    details: { open: openConflicts },
    advice: 'Decide them, then publish again. Nothing was published.',
  });
}

/** @throws SluiceError project.invalid with the errors in `details.problems` */
export function ensureSound(problems: Problem[]): void {
  const errors = problems.filter(({ severity }) => severity === 'error');
  const first = errors[0];
  if (!first) return;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  throw new SluiceError('project.invalid', `The project cannot be published: ${first.message}${more}`, {
    details: { problems: errors.slice(0, 100) as unknown as Json },
    advice: first.advice,
  });
}
