import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { v7 as uuid } from 'uuid';
import { expect, onTestFinished } from 'vitest';
import { createFromTemplate } from '../../electron/host/templates.ts';
import { SLUICE } from '../fixtures/sluice.ts';

export type Answer = { code: number | null; out: string; err: string };

/** A folder of the test's own, gone when the test is over. */
export function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-bad-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** The command line on this computer, with a data folder of its own. */
export function terminal(env: Record<string, string> = {}) {
  const dataDir = env.SLUICE_DATA ?? join(folder(), 'data');
  const start = (args: string[], more: Record<string, string> = {}): ChildProcess =>
    spawn(process.execPath, [SLUICE, ...args], {
      env: { PATH: process.env.PATH, SLUICE_DATA: dataDir, ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });

  /** Runs a command to its end, and checks what holds for every message that a person gets. */
  async function sluice(args: string[], more: Record<string, string> = {}): Promise<Answer> {
    const child = start(args, more);
    const answer: Answer = { code: null, out: '', err: '' };
    child.stdout?.on('data', (data) => {
      answer.out += String(data);
    });
    child.stderr?.on('data', (data) => {
      answer.err += String(data);
    });
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    expectPlain(answer.err + answer.out);
    return { ...answer, code };
  }

  /** A project of the template "blank" whose only workflow has these steps and edges. */
  async function project(body: string): Promise<{ dir: string; file: string }> {
    const dir = join(folder(), 'project');
    await createFromTemplate({ dir, name: 'Project', template: 'blank' }, { uuid });
    const file = join(dir, 'workflows/main.yaml');
    const [id = ''] = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, `${id}\nname: Main\n${body}`);
    return { dir, file };
  }

  /** Starts `sluice serve` on a free port, and waits until it listens. */
  async function serve(dir: string, more: string[] = []) {
    const child = start(['serve', dir, '--port', '0', ...more]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    let err = '';
    child.stderr?.on('data', (data) => {
      err += String(data);
    });
    const url = await new Promise<string>((resolve, reject) => {
      if (child.stdout)
        createInterface({ input: child.stdout }).on('line', (line) => {
          const found = /^Listening {2}(\S+)/.exec(line)?.[1];
          if (found) resolve(found);
        });
      void ended.then(() => reject(new Error(`It ended before it listened: ${err}`)));
    });
    const stop = async () => {
      child.kill('SIGTERM');
      return ended;
    };
    return { url, pid: child.pid ?? 0, stop };
  }

  return { dataDir, start, sluice, project, serve };
}

/** No trace of the program's inside: no stack, no class, no value that was not there when the text was made. */
export function expectPlain(text: string): void {
  expect(text).not.toMatch(/^\s+at .*[:(]\d+:\d+\)?$/m);
  expect(text).not.toMatch(/\bundefined\b|\[object |\bNaN\b/);
  expect(text).not.toMatch(/\b(?:SluiceError|ZodError|YAMLParseError|ErrnoException|PrismaClient\w*|AggregateError)\b/);
  expect(text).not.toContain('Something went wrong on our side');
}

/** What an address answers, with its problem where it refuses. */
export async function call(url: string, init: RequestInit = {}) {
  const response = await fetch(url, init);
  const text = await response.text();
  expectPlain(text);
  type Problem = { code?: string; title?: string; detail?: string; details?: Record<string, unknown> };
  return { status: response.status, body: (text ? JSON.parse(text) : {}) as Problem & Record<string, unknown> };
}
