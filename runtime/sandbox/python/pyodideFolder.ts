import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Where Python is: beside the bundled program, else in its package. */
export function pyodideFolder(program: string): string {
  const beside = join(dirname(program), 'pyodide');
  if (existsSync(beside)) return realpathSync(beside);
  return dirname(createRequire(program).resolve('pyodide/package.json'));
}
