import type { Answer } from '#shared/run/events.ts';
import { openBlob } from '../journal/folderBlobs.ts';
import type { Reply } from './httpServer.ts';
import type { LocalControl } from './localControl.ts';

/** How long a caller is kept waiting for a `respond` step. */
const HOLD_MS = 25_000;

/** What a caller gets that is answered by the workflow (formats.md 14). */
export async function heldAnswer(control: LocalControl, blobsDir: string, runId: string): Promise<Reply> {
  const answer = await control.answered(runId, HOLD_MS);
  if (answer) return fromAnswer(answer, blobsDir);
  const status = control.status(runId);
  if (status === 'succeeded') return { status: 200, body: { runId } };
  if (status === 'failed' || status === 'cancelled' || status === 'timed_out') return { status: 500, body: { runId } };
  await control.kept(runId);
  return { status: 202, body: { runId } };
}

async function fromAnswer({ status, headers, blob, body }: Answer, blobsDir: string): Promise<Reply> {
  const reply: Reply = { status };
  if (headers) reply.headers = headers;
  if (blob) reply.stream = await openBlob(blobsDir, blob);
  else if (body !== undefined) reply.body = body;
  return reply;
}
