import { SluiceError } from '#shared/error.ts';

export type WorkspaceExport = { file: Blob; rows: number };

/** More than the last line has. */
const TAIL_CHARS = 400;

/**
 * Reads the export of a workspace, which is made while it is sent.
 *
 * @param onRead told how many bytes there are so far
 * @param address of the control plane that serves this page
 * @throws SluiceError; also where it ended early: only its last line says that it is whole. An abort is thrown as it comes
 */
export async function exportWorkspace(
  workspaceId: string,
  { signal, onRead }: { signal: AbortSignal; onRead: (bytes: number) => void },
  address = '/app/export',
): Promise<WorkspaceExport> {
  const answer = await fetch(address, {
    method: 'POST',
    headers: { 'Sluice-Workspace': workspaceId },
    signal,
  }).catch(orUnreached(signal));
  if (!answer.ok || !answer.body) throw await problemIn(answer);
  const parts: BlobPart[] = [];
  const decoder = new TextDecoder();
  const reader = answer.body.getReader();
  let bytes = 0;
  let tail = '';
  for (;;) {
    const { done, value } = await reader.read().catch(orUnreached(signal));
    if (done) break;
    parts.push(value);
    bytes += value.length;
    tail = (tail + decoder.decode(value, { stream: true })).slice(-TAIL_CHARS);
    onRead(bytes);
  }
  const rows = rowsOf(tail);
  if (rows === undefined) throw endedEarly();
  return { file: new Blob(parts, { type: 'application/x-ndjson' }), rows };
}

/** What the last line counts, where it is there. */
function rowsOf(tail: string): number | undefined {
  const found = /\n\{"end":true,"rows":(\d+)\}\n$/.exec(tail);
  return found ? Number(found[1]) : undefined;
}

const endedEarly = (cause?: unknown) =>
  new SluiceError('cloud.unreachable', 'The export ended before it was whole.', { advice: 'Start it again.', cause });

function orUnreached(signal: AbortSignal) {
  return (thrown: unknown): never => {
    if (signal.aborted) throw thrown;
    throw endedEarly(thrown);
  };
}

async function problemIn(answer: Response): Promise<SluiceError> {
  const said: unknown = await answer.json().catch(() => undefined);
  const problem = typeof said === 'object' && said !== null ? said : {};
  const { code, title, detail } = problem as Record<string, unknown>;
  return SluiceError.fromWire({
    code: typeof code === 'string' ? code : 'internal',
    message: typeof title === 'string' ? title : `The control plane answered ${answer.status}.`,
    ...(typeof detail === 'string' && { detail }),
  });
}
