import { createInterface } from 'node:readline';
import { SluiceError } from '#shared/error.ts';
import { hostFiles } from '../host/startHost.ts';
import { type RuntimeInspect, spawnRuntime, stopChild } from '../runner/runner.ts';
import { findRuntime } from '../runner/runtimePackage.ts';
import type { CliContext } from './context.ts';

/**
 * Hands one document to a runtime of its own and gives the documents it answers with. What it writes to standard error is
 * passed on.
 *
 * @param inspect a debugger for scripts: the question is asked once it says so
 *
 * @throws the SluiceError the runtime answers with; service.unavailable where it ends without a word
 */
export async function* askRuntime(
  context: CliContext,
  mode: 'case' | 'replay',
  question: unknown,
  inspect?: RuntimeInspect & { ready: Promise<void> },
) {
  const child = spawnRuntime(findRuntime(), mode, hostFiles(context.places.dataDir).storesDir, inspect);
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const onStop = () => void stopChild(child);
  child.stderr?.on('data', (data: Buffer) => context.note(String(data).trimEnd()));
  context.stop.addEventListener('abort', onStop, { once: true });
  if (inspect) await Promise.race([inspect.ready, ended]);
  child.stdin?.end(JSON.stringify(question));
  try {
    if (child.stdout) {
      for await (const line of createInterface({ input: child.stdout })) {
        const document = JSON.parse(line) as { error?: { code: string; message: string; detail?: string } };
        if (document.error && Object.keys(document).length === 1) throw SluiceError.fromWire(document.error);
        yield document as unknown;
      }
    }
    if ((await ended) === 0) return;
    throw new SluiceError('service.unavailable', 'The runtime ended before it was done.', {
      advice: 'The lines above say why.',
    });
  } finally {
    context.stop.removeEventListener('abort', onStop);
    await stopChild(child);
  }
}
