import type { Readable, Writable } from 'node:stream';
import { encodeFrame, frameReader } from './frames.ts';
import type { InspectHead, ScriptHead, ScriptHost } from './script.ts';

/** Serves JavaScript and TypeScript (`inspect`: with a debugger), or Python, on the process's own input and output until the input ends. */
export async function serveLanguage(language: string | undefined, root = ''): Promise<void> {
  const input = process.stdin;
  const output = process.stdout;
  const { closeProcess } = await import('./closeProcess.ts');
  if (language === 'python') {
    const { createPythonHost } = await import('./python/pythonHost.ts');
    const host = await createPythonHost();
    closeProcess();
    return serveScripts(input, output, host);
  }
  const { createIsolateHost } = await import('./isolate.ts');
  // Whoever debugs gives the folder that the scripts lie in, as an address, so that the debugger finds them.
  const inspect =
    language === 'inspect'
      ? { root, send: (message: string) => void output.write(encodeFrame({ inspect: 'message' }, message)) }
      : undefined;
  const host = createIsolateHost(inspect);
  closeProcess();
  return serveScripts(input, output, host);
}

/**
 * The script worker: answers requests from `input` on `output`, one after the other, until `input` ends. It says
 * `{ ready: true }` first. What it cannot explain ends the process; whoever started it starts another.
 */
function serveScripts(input: Readable, output: Writable, host: ScriptHost): Promise<void> {
  let last = Promise.resolve();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const read = frameReader(({ head, body }) => {
    if (typeof head === 'object' && head !== null && 'inspect' in head) {
      // Not in turn: the code that is at work waits for just this.
      host.inspect?.((head as InspectHead).inspect === 'gone' ? undefined : body);
      return;
    }
    last = last.then(async () => {
      const answer = await host.run(head as ScriptHead, body);
      output.write(encodeFrame(answer.reply, answer.body));
    });
    last.catch(reject);
  });
  input.on('data', (bytes: Buffer) => {
    try {
      read(bytes);
    } catch (thrown) {
      reject(thrown);
    }
  });
  input.on('end', () => last.then(resolve, reject));
  input.on('error', reject);
  output.write(encodeFrame({ ready: true }));
  return promise.finally(() => host.close());
}
