import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { SLUICE } from '../fixtures/sluice.ts';

export type Outcome = { code: number | null; out: string; err: string };

/**
 * A computer of somebody's own: a home with nothing in it, Git as it comes, and `sluice` among the programs.
 *
 * @param who who commits there
 */
export function openShell(who = 'Ada') {
  const home = mkdtempSync(join(tmpdir(), 'sluice-git-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
  const programs = join(home, 'programs');
  mkdirSync(programs);
  const program = join(programs, 'sluice');
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${SLUICE}" "$@"\n`);
  chmodSync(program, 0o755);
  const env = {
    PATH: [programs, process.env.PATH].join(delimiter),
    HOME: home,
    SLUICE_DATA: join(home, 'data'),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    ...Object.fromEntries(
      ['AUTHOR', 'COMMITTER'].flatMap((role) => [
        [`GIT_${role}_NAME`, who],
        [`GIT_${role}_EMAIL`, `${who.toLowerCase()}@example.com`],
      ]),
    ),
  };

  /** Runs a script to its end, or to its first command that fails. */
  async function sh(script: string, cwd = home): Promise<Outcome> {
    const child = spawn('/bin/sh', ['-e', '-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const outcome: Outcome = { code: null, out: '', err: '' };
    child.stdout.on('data', (data) => {
      outcome.out += String(data);
    });
    child.stderr.on('data', (data) => {
      outcome.err += String(data);
    });
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { ...outcome, code };
  }

  return { home, sh };
}
