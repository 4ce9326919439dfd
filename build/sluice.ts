import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { buildAll } from './build.ts';
import { out } from './paths.ts';

/** `npm run -s sluice -- …`: the command line from the checkout, built first where it has changed. */
await buildAll(['runtime', 'prisma', 'cloud', 'host']);
const child = spawn(process.execPath, [join(out, 'host', 'cli.js'), ...process.argv.slice(2)], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
