import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { out, root } from './paths.ts';

/** A hash over the content of files, named by patterns below the checkout. Tests change nothing that is built. */
export function hashOf(patterns: string[]): string {
  const files = globSync(patterns, { cwd: root, exclude: (name) => String(name).includes('node_modules') })
    .filter((file) => !/\.test\.tsx?$/.test(file) && /\.[a-z0-9]+$/i.test(file))
    .sort();
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  return hash.digest('hex');
}

/** Whether a target was built from these very inputs, and what was built is there. */
export function isFresh(target: string, inputs: string, output: string): boolean {
  const file = stampOf(target);
  return existsSync(output) && existsSync(file) && readFileSync(file, 'utf8') === inputs;
}

/** A build that breaks off leaves no stamp. */
export function forget(target: string): void {
  rmSync(stampOf(target), { force: true });
}

export function remember(target: string, inputs: string): void {
  mkdirSync(join(out, '.stamps'), { recursive: true });
  writeFileSync(stampOf(target), inputs);
}

function stampOf(target: string): string {
  return join(out, '.stamps', target);
}
