import type { Clock } from './ports.ts';

/** The machine's own time. A sleep keeps no process alive by itself. */
export const systemClock: Clock = { now: () => Date.now(), sleep, limit: sleep, alarm };

/** Longer timers overflow to 1 ms. */
const LONGEST_MS = 2_147_483_647;

function alarm(ms: number, ring: () => void): () => void {
  const timer = setTimeout(ring, Math.min(ms, LONGEST_MS));
  return () => clearTimeout(timer);
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      Math.min(ms, LONGEST_MS),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
