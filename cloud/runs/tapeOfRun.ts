import { type NewTape, writeTape } from '#runtime/tape/tape.ts';
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

type Source = { name: string; tape: Omit<NewTape, 'blob'> };

/**
 * What a run's tape is made of, but the blobs: its journal and its version.
 *
 * @throws SluiceError run.not_found, run.not_finished where it has not begun
 */
export async function readTapeSource(
  sql: Sql,
  { workspaceId, runId }: { workspaceId: string; runId: string },
  versionTrees: VersionTrees,
): Promise<Source> {
  const run = await findPlace(sql, workspaceId, runId);
  if (!run) throw new SluiceError('run.not_found', 'There is no such run in this workspace.');
  const { tree } = await versionTrees.read(sql, workspaceId, run.versionId);
  const events = await readEvents(sql, workspaceId, runId);
  const started = events.find((event) => event.type === 'run.started');
  if (started?.type !== 'run.started') {
    throw new SluiceError('run.not_finished', 'The run has not begun, so there is nothing on its tape yet.', {
      advice: 'Wait until it has begun.',
    });
  }
  const slug = tree.workflows[run.workflowId]?.slug ?? 'run';
  return {
    name: `${slug}-${runId.slice(-12)}.sluicetape`,
    tape: {
      ...{
        runId,
        workflowId: run.workflowId,
        execHash: execHash(tree),
        runtimeHash: started.runtimeHash,
        tree,
        events,
      },
      redacted: connectionsOf(tree, run.workflowId),
    },
  };
}

/**
 * The tape of a hosted run. Reading its blobs takes a while: do it outside of any transaction.
 *
 * @throws SluiceError limit.exceeded
 */
export async function tapeOfRun(
  { name, tape }: Source,
  workspaceId: string,
  blobs: Pick<Blobs, 'get'>,
): Promise<{ name: string; base64: string }> {
  const bytes = await writeTape({ ...tape, blob: (hash) => blobs.get(workspaceId, hash) });
  if (bytes.length > MOST_BYTES) {
    throw new SluiceError('limit.exceeded', `The tape has ${bytes.length} bytes; ${MOST_BYTES} can be sent.`, {
      advice: 'Let the run carry less data: files and long lists make tapes large.',
      details: { limit: MOST_BYTES },
    });
  }
  return { name, base64: Buffer.from(bytes).toString('base64') };
}
