import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { startDesktopProcess } from '../fixtures/desktopProcess.ts';

const out = fileURLToPath(new URL('../../build/out', import.meta.url));

/** The command line of one computer: its own data folder, one control plane. */
export function createCommandLine(env: Record<string, string>) {
  const spawnCli = (args: string[]): ChildProcess =>
    spawn(process.execPath, [join(out, 'host/cli.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, CI: 'true', ...env },
    });

  return {
    spawn: spawnCli,
    /** Runs a command and gives its exit code and what it printed; `--json` is read. */
    async run(...args: string[]): Promise<{ code: number; json: Record<string, unknown>; output: string }> {
      const child = spawnCli(args);
      const exited = new Promise<number>((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
      const [output, problems] = await Promise.all([
        child.stdout ? text(child.stdout) : '',
        child.stderr ? text(child.stderr) : '',
      ]);
      const code = await exited;
      let json: Record<string, unknown> = {};
      if (args.includes('--json') && output.trim().startsWith('{'))
        json = JSON.parse(output) as Record<string, unknown>;
      return { code, json, output: output + problems };
    },
  };
}

/** The desktop in browser mode, driven over its socket as the editor drives it. */
export type Desktop = {
  call<T>(name: string, input: unknown): Promise<T>;
  close(): Promise<void>;
};

export async function startDesktop(env: Record<string, string>): Promise<Desktop> {
  const { editorUrl, stop } = await startDesktopProcess(env);
  const address = new URL(editorUrl);
  const token = new URLSearchParams(address.hash.slice(1)).get('token');
  const socket = new WebSocket(`ws://${address.host}/`, { headers: { origin: address.origin } });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let count = 0;
  socket.on('message', (data) => {
    const { id, reply } = JSON.parse(String(data)) as {
      id?: number;
      reply?: { ok: boolean; output?: unknown; error?: { message: string } };
    };
    const waiting = id === undefined ? undefined : open.get(id);
    if (!waiting || !reply) return;
    open.delete(id as number);
    if (reply.ok) waiting.resolve(reply.output);
    else waiting.reject(new Error(reply.error?.message));
  });
  socket.send(JSON.stringify({ token }));
  return {
    call: (name, input) =>
      new Promise((resolve, reject) => {
        const id = ++count;
        open.set(id, { resolve: resolve as (value: unknown) => void, reject });
        socket.send(JSON.stringify({ id, name, input }));
      }),
    async close() {
      socket.close();
      await stop();
    },
  };
}
