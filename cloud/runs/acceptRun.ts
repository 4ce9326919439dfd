import { SluiceError } from '#shared/error.ts';
import type { Allowances, Sql } from './ports.ts';
import { insertRun, type NewRun } from './runStore.ts';

/** How many runs of a workspace may wait for their turn. */
export const QUEUE_LIMIT = 1_000;

/**
 * Accepts a run, in the transaction of what causes it: its row, its claim, and its place in the allowance stand or fall
 * together. After the commit, ring.
 *
 * @throws SluiceError queue.full, allowance_exceeded; roll back to before the call
 */
export async function acceptRun(
  sql: Sql,
  run: NewRun,
  allowances: Pick<Allowances, 'reserveRun'>,
): Promise<{ queuedAt: Date }> {
  const queuedAt = await insertRun(sql, run, QUEUE_LIMIT);
  if (!queuedAt) {
    throw new SluiceError('queue.full', `${QUEUE_LIMIT} runs of this workspace are waiting already.`, {
      details: { limit: QUEUE_LIMIT, retryAfterSeconds: 30 },
      advice: 'Try again later, send more slowly, or choose a plan that runs more at once.',
    });
  }
  // Last, because the counter's row is shared by everything that starts in this workspace.
  await allowances.reserveRun(sql, run.workspaceId, queuedAt);
  return { queuedAt };
}
