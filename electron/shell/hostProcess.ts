import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { ShellCall, ToHost, ToShell } from '../host/serveStdio.ts';
import type { Reply } from '../host/wrap.ts';

/** What the windows lend to the host. Each answers the host's question of that name. */
export type Lent = Record<ShellCall, (input: string | undefined) => Promise<unknown>>;

export type HostProcess = {
  /** Resolves when the host answers. @throws SluiceError service.unavailable with what it said */
  ready: Promise<void>;
  /** @throws SluiceError what the host answered; service.unavailable while it is gone; request.too_large, request.invalid */
  call(name: string, input: unknown): Promise<unknown>;
  subscribe(listener: (event: HostEvent) => void): () => void;
  close(): Promise<void>;
};

/** As much as the biggest call of the contract needs. */
const MAX_INPUT_CHARS = 32 * 1_048_576;
const RESTART_MS = 500;
const HEALTHY_MS = 60_000;
const MAX_RESTARTS = 5;
const CLOSE_MS = 10_000;

/**
 * Starts the host on our Node and keeps it: one that dies is started again, and whoever asked it meanwhile is told.
 *
 * @param program where Node and the host's program are
 * @param onGone told when it does not stay up
 */
export function startHostProcess(deps: {
  program: { node: string; args: string[] };
  env: Record<string, string | undefined>;
  canEncrypt: boolean;
  lent: Lent;
  onGone(reason: string): void;
}): HostProcess {
  const listeners = new Set<(event: HostEvent) => void>();
  const waiting = new Map<number, { resolve(reply: Reply): void; reject(error: SluiceError): void }>();
  const firstReady = Promise.withResolvers<void>();
  firstReady.promise.catch(() => undefined);
  let child: ChildProcess;
  let ready = false;
  let closing = false;
  let nextId = 1;
  let restarts = 0;

  const send = (message: ToHost) => {
    if (child.stdin?.writable) child.stdin.write(`${JSON.stringify(message)}\n`);
  };

  function start(): void {
    const startedAt = Date.now();
    let failure: string | undefined;
    const current = spawn(deps.program.node, deps.program.args, {
      env: deps.env,
      stdio: ['pipe', 'pipe', 'inherit'],
      windowsHide: true,
    });
    child = current;
    current.stdin?.on('error', () => undefined);
    send({ hello: { canEncrypt: deps.canEncrypt } });
    if (current.stdout) {
      createInterface({ input: current.stdout }).on('line', (line) => {
        const message = JSON.parse(line) as ToShell;
        if ('failed' in message) failure = [message.failed.message, message.failed.advice].filter(Boolean).join(' ');
        else receive(message);
      });
    }
    let ended = false;
    const onEnd = (how: string) => {
      if (ended) return;
      ended = true;
      ready = false;
      for (const one of waiting.values()) one.reject(hostGone());
      waiting.clear();
      if (closing) return;
      restarts = Date.now() - startedAt > HEALTHY_MS ? 1 : restarts + 1;
      // What it said itself will not be otherwise the next time.
      if (failure === undefined && restarts <= MAX_RESTARTS) setTimeout(start, RESTART_MS * restarts);
      else {
        firstReady.reject(new SluiceError('service.unavailable', failure ?? how));
        deps.onGone(failure ?? how);
      }
    };
    current.once('error', (error) => onEnd(`The host could not be started (${error.message}).`));
    current.once('exit', (code, signal) =>
      setImmediate(() => onEnd(`The host ended ${signal ? `by ${signal}` : `with exit code ${code}`}.`)),
    );
  }

  function receive(message: Exclude<ToShell, { failed: unknown }>): void {
    if ('ready' in message) {
      ready = true;
      firstReady.resolve();
    } else if ('event' in message) {
      for (const listener of listeners) listener(message.event);
    } else if ('reply' in message) {
      waiting.get(message.id)?.resolve(message.reply);
      waiting.delete(message.id);
    } else void lend(message.ask, message.what, message.input);
  }

  async function lend(answer: number, what: ShellCall, input: string | undefined): Promise<void> {
    try {
      send({ answer, output: (await deps.lent[what](input)) ?? null });
    } catch (thrown) {
      send({ answer, error: thrown instanceof Error ? thrown.message : String(thrown) });
    }
  }

  start();
  return {
    ready: firstReady.promise,
    call: async (name, input) => {
      checkSize(input);
      if (!ready) throw hostGone();
      const id = nextId++;
      const reply = await new Promise<Reply>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        send({ id, name, input });
      });
      if (reply.ok) return reply.output;
      throw SluiceError.fromWire(reply.error);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      closing = true;
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
      const exited = new Promise((done) => child.once('exit', done));
      // The end of its input is what tells it to write what is not written and to go.
      child.stdin?.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

function checkSize(input: unknown): void {
  let size: number;
  try {
    size = JSON.stringify(input ?? null).length;
  } catch (cause) {
    throw new SluiceError('request.invalid', 'The request is not JSON.', { cause });
  }
  if (size <= MAX_INPUT_CHARS) return;
  throw new SluiceError('request.too_large', `The request has ${size} characters; ${MAX_INPUT_CHARS} is the most.`, {
    advice: 'Change less at once.',
  });
}

function hostGone(): SluiceError {
  return new SluiceError('service.unavailable', 'The editor lost its host.', {
    advice: 'It is started again; what you changed is kept here and saved when it answers.',
  });
}

/**
 * Our Node and the host's program: in the installed app's resources, else in the checkout. Electron's own Node is not used,
 * since a run here must be what it is in its container.
 *
 * @throws SluiceError config.invalid
 */
export function findHostProgram(from: string, resourcesPath: string | undefined): { node: string; args: string[] } {
  const executable = process.platform === 'win32' ? 'node.exe' : 'node';
  if (resourcesPath !== undefined) {
    // Our Node reads no archive, so the host, its packages and the runtime lie beside it.
    const program = join(resourcesPath, 'app.asar.unpacked', 'build', 'out', 'host', 'host.js');
    const node = join(resourcesPath, 'node', executable);
    if (existsSync(node) && existsSync(program)) return { node, args: [program] };
  }
  const program = join(from, '..', 'host', 'host.js');
  for (let dir = from; dirname(dir) !== dir; dir = dirname(dir)) {
    const node = join(dir, 'node_modules', 'node', 'bin', executable);
    if (existsSync(node) && existsSync(program)) return { node, args: [program] };
  }
  throw new SluiceError('config.invalid', 'The host, or the Node it runs on, is not there.', {
    advice: 'Run "npm install" and "npm run build".',
  });
}
