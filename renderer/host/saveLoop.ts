import { SluiceError } from '#shared/error.ts';
import type { Change } from '../state/document.ts';

export type SaveState =
  | { state: 'saved' }
  | { state: 'saving' }
  | { state: 'cannot_save'; reason: string; advice?: string };
export type Queued = { id: number; change: Change };

export type SaveDeps = {
  /** Asks the host to keep it; answers with the revision. */
  send: (change: Change) => Promise<number>;
  onSent: (ids: number[]) => void;
  onKept: (ids: number[], revision: number) => void;
  /** The host will not have it, and asking again would change nothing. */
  onRefused: (ids: number[], error: SluiceError) => void;
  onState: (state: SaveState) => void;
  sleep: (ms: number) => Promise<void>;
};

export type SaveLoop = {
  add(entry: Queued): void;
  /** The link came back: what waits is tried now. */
  wake(): void;
  /** Resolves when nothing waits any more. */
  drained(): Promise<void>;
};

const MOST_EDITS = 500;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5_000;
/** Nothing is wrong with the change: it is kept and tried again, however long the disk is full or the folder is taken. */
const KEPT = new Set<string>(['disk.failed', 'store.failed', 'project.locked']);
const MOST_BUGS = 5;

/**
 * Sends changes to the host in the order they were made, one request at a time. Edits that wait together go together.
 * What surely or possibly did not arrive is tried again for as long as it takes; nothing is dropped but what is refused.
 */
export function createSaveLoop(deps: SaveDeps): SaveLoop {
  let queue: Queued[] = [];
  let running: Promise<void> | undefined;
  let wakeUp: (() => void) | undefined;
  /** After a refusal this many entries go one by one, so that only the one at fault is lost. */
  let apart = 0;

  /** The longest run of entries from the front that fits in one request. */
  function takeBatch(): Queued[] {
    const first = queue[0];
    if (!first || first.change.kind === 'ops' || apart > 0) return queue.slice(0, 1);
    const batch: Queued[] = [];
    let edits = 0;
    for (const entry of queue) {
      if (entry.change.kind !== 'edits' || edits + entry.change.edits.length > MOST_EDITS) break;
      edits += entry.change.edits.length;
      batch.push(entry);
    }
    return batch.length > 0 ? batch : [first];
  }

  function join(batch: Queued[]): Change {
    const [first] = batch as [Queued];
    if (first.change.kind === 'ops') return first.change;
    return { kind: 'edits', edits: batch.flatMap(({ change }) => (change.kind === 'edits' ? change.edits : [])) };
  }

  async function run() {
    let delayMs = FIRST_DELAY_MS;
    let bugs = 0;
    while (queue.length > 0) {
      const batch = takeBatch();
      const ids = batch.map((entry) => entry.id);
      if (delayMs === FIRST_DELAY_MS) deps.onState({ state: 'saving' });
      deps.onSent(ids);
      try {
        const revision = await deps.send(join(batch));
        queue = queue.slice(batch.length);
        delayMs = FIRST_DELAY_MS;
        bugs = 0;
        apart = Math.max(0, apart - 1);
        deps.onKept(ids, revision);
      } catch (thrown) {
        const error = SluiceError.from(thrown);
        if (error.code === 'internal') bugs += 1;
        const again = error.retry !== 'no' || KEPT.has(error.code) || (error.code === 'internal' && bugs < MOST_BUGS);
        if (!again && batch.length > 1) {
          apart = batch.length;
          continue;
        }
        if (!again) {
          queue = queue.slice(1);
          bugs = 0;
          apart = Math.max(0, apart - 1);
          deps.onRefused(ids, error);
          continue;
        }
        deps.onState({ state: 'cannot_save', reason: error.message, advice: error.advice });
        await Promise.race([deps.sleep(delayMs), new Promise<void>((resolve) => (wakeUp = resolve))]);
        delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS);
      }
    }
    deps.onState({ state: 'saved' });
    running = undefined;
  }

  return {
    add(entry) {
      queue.push(entry);
      running ??= Promise.resolve().then(run);
    },
    wake: () => wakeUp?.(),
    drained: async () => running,
  };
}
