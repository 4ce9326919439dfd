import type { Logger } from '#shared/log.ts';
import type { RunQueue } from '../platform/queue.ts';
import type { Signals } from './signals.ts';

/** Tells whoever can execute it that a run was accepted. Call it after the commit; losing it costs seconds. */
export type Ringer = (run: {
  workspaceId: string;
  projectId: string;
  runId: string;
  priority: number;
  /** Runs of the project that were ended for it. */
  displaced?: readonly string[];
}) => void;

/** One doorbell wakes a container for all the runs of this time. */
const RING_MS = 100;

/**
 * A runtime that waits is woken at once; the doorbell in the queue makes sure that there is one. Nobody waits for the
 * queue: what it loses, the reconciler finds.
 */
export function createRinger({
  signals,
  queue,
  logger,
  isAttended = () => false,
}: {
  signals: Signals;
  queue: RunQueue;
  logger: Logger;
  /** Whether a runtime of the workspace waits in this very process: it needs no doorbell. */
  isAttended?: (workspaceId: string) => boolean;
}): Ringer {
  const rung = new Map<string, number>();
  return ({ workspaceId, projectId, runId, priority, displaced = [] }) => {
    const attended = isAttended(workspaceId);
    signals.publish({ kind: 'work', workspaceId });
    signals.publish({ kind: 'run', workspaceId, projectId, runId, changed: true });
    for (const ended of displaced) {
      signals.publish({ kind: 'run', workspaceId, projectId, runId: ended, changed: true });
      signals.publish({ kind: 'answer', workspaceId, runId: ended });
    }
    if (attended) return;
    const now = performance.now();
    if (now - (rung.get(workspaceId) ?? Number.NEGATIVE_INFINITY) < RING_MS) return;
    if (rung.size > 10_000) rung.clear();
    rung.set(workspaceId, now);
    queue.ring(runId, workspaceId, { priority }).catch((error: Error) => {
      logger.warn('A doorbell did not ring; the reconciler will find the run.', { runId, error: error.message });
    });
  };
}
