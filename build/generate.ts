import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const output = join(root, 'cloud', 'platform', 'generated');
const stamp = join(output, '.schema');

/** Makes the database client from the schema, without the internet. Does nothing where it fits the schema already. */
export function generateClient(): boolean {
  const prisma = createRequire(import.meta.url).resolve('prisma/package.json');
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'prisma', 'schema.prisma')))
    .update(readFileSync(prisma))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return false;
  rmSync(output, { recursive: true, force: true });
  const cli = join(dirname(prisma), 'build', 'index.js');
  // What it says is thrown with the error when it fails.
  execFileSync(process.execPath, [cli, 'generate'], { cwd: root, stdio: 'pipe' });
  writeFileSync(stamp, hash);
  return true;
}

if (import.meta.main) {
  console.log(generateClient() ? 'The database client is made.' : 'The database client fits the schema.');
}
