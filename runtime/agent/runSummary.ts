import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { StepError } from '#shared/run/events.ts';
import { toTime } from '#shared/time.ts';
import type { ShownRun } from '../journal/runStore.ts';

/** A stored run as lists and messages show it. */
export function toSummary(run: ShownRun): RunSummary {
  const wait = run.wait as RunSummary['wait'] | null | undefined;
  const error = run.error as StepError | null | undefined;
  const heldBy = run.status === 'queued' ? (run.heldBy ?? (run.isGroupFull ? 'concurrency' : undefined)) : undefined;
  return {
    id: run.runId,
    projectId: run.projectId,
    workflowId: run.workflowId,
    workflowName: run.workflowName,
    environment: run.environment,
    trigger: run.trigger,
    triggerStepId: run.triggerStepId,
    status: run.status,
    ...(wait ? { wait } : {}),
    ...(heldBy ? { heldBy } : {}),
    ...(error ? { error } : {}),
    ...(run.retryOf === undefined ? {} : { retryOf: run.retryOf }),
    attempt: 1,
    queuedAt: toTime(run.queuedAt),
    ...(run.startedAt === undefined ? {} : { startedAt: toTime(run.startedAt) }),
    ...(run.finishedAt === undefined ? {} : { finishedAt: toTime(run.finishedAt) }),
    ...(run.startedAt !== undefined && run.finishedAt !== undefined
      ? { durationMs: run.finishedAt - run.startedAt }
      : {}),
    stepCount: run.stepCount,
  };
}
