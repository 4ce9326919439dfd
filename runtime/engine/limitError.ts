import type { StepError } from '#shared/run/events.ts';

/** A step run, or a batch, too many. */
export function limitError(stepId: string, what: string, limit: number): StepError {
  return {
    code: 'limit.exceeded',
    message: `Step ${stepId} reached the limit of ${limit} ${what}.`,
    detail: 'Look for a cycle without an end, or split the work into batches.',
    stepId,
    details: { limit, what },
  };
}
