import { SluiceError, type WireError } from '#shared/error.ts';

/** An answer as it crosses to the editor: Electron keeps only an error's message, so errors travel as data. */
export type Reply = { ok: true; output: unknown } | { ok: false; error: WireError };

/**
 * Turns what a call gives or throws into a reply.
 *
 * @param onBug told what was thrown where it was not an error for people
 */
export async function wrap(work: () => Promise<unknown>, onBug: (thrown: unknown) => void = logBug): Promise<Reply> {
  try {
    return { ok: true, output: await work() };
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || thrown.code === 'internal') onBug(thrown);
    return { ok: false, error: SluiceError.from(thrown).toWire() };
  }
}

function logBug(thrown: unknown): void {
  console.error(thrown);
}
