import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';

const MAIN = join(import.meta.dirname, 'main.ts');
const built = existsSync(join(import.meta.dirname, '../../build/out/renderer/index.html'));

function start(dataDir: string): {
  child: ChildProcess;
  lines: string[];
  ready: Promise<void>;
  ended: Promise<number | null>;
} {
  const env = {
    PATH: process.env.PATH,
    SLUICE_DATA: dataDir,
    SLUICE_URL: 'http://127.0.0.1:1',
    SLUICE_VAULT: 'memory',
  };
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const ready = new Promise<void>((resolve) => {
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (line === 'Ready.') resolve();
    });
    void ended.then(() => resolve());
  });
  return { child, lines, ready, ended };
}

// Skipped where the editor is not built; "npm test" builds it first.
test.skipIf(!built)(
  'it says where the editor is, serves it with the sample, hands over to a second start, and ends when asked (needs the built editor)',
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-desktop-'));
    const first = start(dataDir);
    await first.ready;
    expect(first.lines).toEqual([
      expect.stringMatching(/^Editor {2}http:\/\/127\.0\.0\.1:\d+\/#token=.{40,}$/),
      'Ready.',
    ]);
    const address = new URL((first.lines[0] ?? '').slice('Editor  '.length));
    expect((await fetch(address)).status).toBe(200);

    const socket = new WebSocket(`ws://${address.host}/`, { origin: address.origin });
    const projects = await new Promise<unknown>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('open', () => {
        socket.send(JSON.stringify({ token: address.hash.slice('#token='.length) }));
        socket.send(JSON.stringify({ id: 1, name: 'projects.list', input: {} }));
      });
      socket.on('message', (data) => {
        const frame = JSON.parse(String(data)) as { id?: number; reply?: { output: unknown } };
        if (frame.id === 1) resolve(frame.reply?.output);
      });
    });
    expect(projects).toMatchObject([{ name: 'Hello', trusted: true, sync: { state: 'local_only' } }]);
    socket.close();

    const second = start(dataDir);
    expect(await second.ended).toBe(0);
    expect(second.lines).toEqual(['Sluice runs already.', first.lines[0]]);

    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
  },
);
