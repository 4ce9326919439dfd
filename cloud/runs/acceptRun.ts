import { SluiceError } from '#shared/error.ts';
import type { Workflow } from '#shared/workflow/tree.ts';
import { admitRun } from './admitRun.ts';
import type { Allowances, Sql } from './ports.ts';
import { insertPassings } from './runGateStore.ts';
import { insertRun, type NewRun } from './runStore.ts';

/** How many runs of a workspace may wait for their turn. */
const QUEUE_LIMIT = 1_000;

export type AcceptedRun = {
  /** Of the run that was accepted, or of the earlier one that stands for it. */
  runId: string;
  /** Nothing was started: the workflow's idempotency key had come before. */
  repeated: boolean;
  /** Runs that were ended for this one. Tell of them with the bell. */
  displaced: string[];
};

/**
 * Accepts a run, in the transaction of what causes it: its row, its claim, and its place in the allowance stand or fall
 * together. After the commit, ring.
 *
 * @param workflow as its version has it, for what its settings demand
 * @throws SluiceError queue.full, allowance_exceeded, run.rate_exceeded, run.singleton; roll back to before the call
 */
export async function acceptRun(
  sql: Sql,
  run: NewRun,
  allowances: Pick<Allowances, 'reserveRun' | 'releaseRun'>,
  workflow: Workflow | undefined,
): Promise<AcceptedRun> {
  const admitted = workflow && (await admitRun(sql, run, workflow, allowances));
  if (admitted?.repeatOf !== undefined) return { runId: admitted.repeatOf, repeated: true, displaced: [] };
  const queuedAt = await insertRun(sql, run, QUEUE_LIMIT, admitted?.hold);
  if (!queuedAt) {
    throw new SluiceError('queue.full', `${QUEUE_LIMIT} runs of this workspace are waiting already.`, {
      details: { limit: QUEUE_LIMIT, retryAfterSeconds: 30 },
      advice: 'Try again later, send more slowly, or choose a plan that runs more at once.',
    });
  }
  if (admitted && admitted.passings.length > 0) await insertPassings(sql, run.workspaceId, admitted.passings);
  // Last, because the counter's row is shared by everything that starts in this workspace.
  await allowances.reserveRun(sql, run.workspaceId, queuedAt);
  return { runId: run.id, repeated: false, displaced: admitted?.displaced ?? [] };
}
