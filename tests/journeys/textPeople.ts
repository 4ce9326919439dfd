import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../build/out/host/cli.js', import.meta.url));

export type Outcome = { code: number | null; out: string; err: string };

/** A person's terminal: `git` and `sluice`, with a home of their own. */
export function openTerminal(home: string, env: Record<string, string> = {}) {
  mkdirSync(home, { recursive: true });
  const who = { GIT_AUTHOR_NAME: 'Robin', GIT_AUTHOR_EMAIL: 'robin@example.com' };
  const surroundings = {
    PATH: process.env.PATH,
    HOME: home,
    ...who,
    GIT_COMMITTER_NAME: who.GIT_AUTHOR_NAME,
    GIT_COMMITTER_EMAIL: who.GIT_AUTHOR_EMAIL,
    GIT_CONFIG_NOSYSTEM: '1',
    SLUICE_DATA: join(home, 'data'),
    CI: 'true',
    ...env,
  };

  function run(command: string, args: string[], cwd: string): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, { cwd, env: surroundings, stdio: ['ignore', 'pipe', 'pipe'] });
      const said = { out: '', err: '' };
      child.stdout.on('data', (data) => {
        said.out += String(data);
      });
      child.stderr.on('data', (data) => {
        said.err += String(data);
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, ...said }));
    });
  }

  return {
    git: (dir: string, ...args: string[]) => run('git', ['-c', 'init.defaultBranch=main', ...args], dir),
    sluice: (dir: string, ...args: string[]) => run(process.execPath, [program, ...args], dir),
  };
}
