import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Host } from './host.ts';
import { type Reply, wrap } from './wrap.ts';

/** What a shell with windows lends to its host. */
const SHELL_CALLS = ['chooseFolder', 'openExternal', 'encrypt', 'decrypt'] as const;
export type ShellCall = (typeof SHELL_CALLS)[number];

/** One line from the shell. `hello` is the first. */
export const ToHost = z.union([
  z.strictObject({ hello: z.strictObject({ canEncrypt: z.boolean() }) }),
  z.strictObject({ id: z.int(), name: z.string().max(80), input: z.unknown() }),
  z.strictObject({ answer: z.int(), output: z.unknown().optional(), error: z.string().optional() }),
]);
export type ToHost = z.infer<typeof ToHost>;

/** One line from the host. */
export type ToShell =
  | { ready: true }
  | { failed: { message: string; advice?: string } }
  | { id: number; reply: Reply }
  | { event: HostEvent }
  | { ask: number; what: ShellCall; input?: string };

export type StdioLine = {
  /** What the shell said first. Rejects where it went away before. */
  hello: Promise<{ canEncrypt: boolean }>;
  /** Resolves when the shell is gone. */
  closed: Promise<void>;
  /** @throws Error what the shell's side threw */
  ask(what: ShellCall, input?: string): Promise<unknown>;
  say(message: ToShell): void;
  /** From here on its calls are answered and it is told what happens. */
  serve(host: Pick<Host, 'call' | 'subscribe'>): void;
};

/** The host's end of a line to the shell: one JSON document a line, both ways. */
export function openStdio({ stdin, stdout }: { stdin: Readable; stdout: Writable }): StdioLine {
  const hello = Promise.withResolvers<{ canEncrypt: boolean }>();
  hello.promise.catch(() => undefined);
  const closed = Promise.withResolvers<void>();
  const asked = new Map<number, { resolve(output: unknown): void; reject(error: Error): void }>();
  let nextAsk = 1;
  let served: Pick<Host, 'call' | 'subscribe'> | undefined;

  const say = (message: ToShell) => {
    if (stdout.writable) stdout.write(`${JSON.stringify(message)}\n`);
  };
  const end = () => {
    const gone = new Error('The shell is gone.');
    hello.reject(gone);
    for (const one of asked.values()) one.reject(gone);
    asked.clear();
    closed.resolve();
  };
  // A shell that is gone closes its pipe; the end of its input tells the rest.
  stdout.on('error', () => undefined);

  createInterface({ input: stdin })
    .on('line', (line) => void receive(line))
    .on('close', end);

  async function receive(line: string): Promise<void> {
    const message = ToHost.parse(JSON.parse(line));
    if ('hello' in message) hello.resolve(message.hello);
    else if ('answer' in message) {
      const waiting = asked.get(message.answer);
      asked.delete(message.answer);
      if (message.error === undefined) waiting?.resolve(message.output);
      else waiting?.reject(new Error(message.error));
    } else {
      const { id, name, input } = message;
      say({ id, reply: await wrap(async () => callWhenReady(name, input)) });
    }
  }

  function callWhenReady(name: string, input: unknown): Promise<unknown> {
    if (!served)
      throw new SluiceError('service.unavailable', 'The host is starting.', { advice: 'Try again in a moment.' });
    return served.call(name, input);
  }

  return {
    hello: hello.promise,
    closed: closed.promise,
    say,
    ask: (what, input) =>
      new Promise((resolve, reject) => {
        const ask = nextAsk++;
        asked.set(ask, { resolve, reject });
        say({ ask, what, ...(input === undefined ? {} : { input }) });
      }),
    serve: (host) => {
      served = host;
      host.subscribe((event) => say({ event }));
      say({ ready: true });
    },
  };
}
