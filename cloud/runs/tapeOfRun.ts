import { writeTape } from '#runtime/tape/tape.ts';
import { SluiceError } from '#shared/error.ts';
import { execHash } from '#shared/workflow/hash.ts';
import { connectionsOf } from '../deployments/triggers.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { readEvents } from './journalStore.ts';
import type { Sql } from './ports.ts';
import { findPlace } from './runStore.ts';

/** Packed: it travels in one answer. */
const MOST_BYTES = 50 * 1024 * 1024;

/**
 * The tape of a hosted run: its journal, its version and the blobs that its events name.
 *
 * @throws SluiceError run.not_found, limit.exceeded
 */
export async function tapeOfRun(
  sql: Sql,
  { workspaceId, runId }: { workspaceId: string; runId: string },
  { versionTrees, blobs }: { versionTrees: VersionTrees; blobs: Blobs },
): Promise<{ name: string; base64: string }> {
  const run = await findPlace(sql, workspaceId, runId);
  if (!run) throw new SluiceError('run.not_found', 'There is no such run in this workspace.');
  const { tree } = await versionTrees.read(sql, workspaceId, run.versionId);
  const events = await readEvents(sql, workspaceId, runId);
  const started = events.find((event) => event.type === 'run.started');
  if (started?.type !== 'run.started') {
    throw new SluiceError('run.not_waiting', 'The run has not begun, so there is nothing on its tape yet.', {
      advice: 'Wait until it has begun.',
    });
  }
  const bytes = await writeTape({
    runId,
    workflowId: run.workflowId,
    execHash: execHash(tree),
    runtimeHash: started.runtimeHash,
    tree,
    redacted: connectionsOf(tree, run.workflowId),
    events,
    blob: (hash) => blobs.get(workspaceId, hash),
  });
  if (bytes.length > MOST_BYTES) {
    throw new SluiceError('limit.exceeded', `The tape has ${bytes.length} bytes; ${MOST_BYTES} can be sent.`, {
      advice: 'Let the run carry less data: files and long lists make tapes large.',
      details: { limit: MOST_BYTES },
    });
  }
  const slug = tree.workflows[run.workflowId]?.slug ?? 'run';
  return { name: `${slug}-${runId.slice(-12)}.sluicetape`, base64: Buffer.from(bytes).toString('base64') };
}
