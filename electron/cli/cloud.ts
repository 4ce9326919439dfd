import { spawn } from 'node:child_process';
import { stopChild } from '../runner/runner.ts';
import { EXIT, type Register, readPort } from './context.ts';
import { findControlPlane } from './controlPlane.ts';

/** The control plane drains for up to 30 s. */
const STOP_MS = 35_000;

/** `sluice cloud`: the control plane in a process of its own, until somebody stops it. */
export const registerCloud: Register = (program, context, action) => {
  program
    .command('cloud')
    .description('start a control plane on this computer; without settings it brings its own Postgres')
    .option('-p, --port <n>', 'the port; by default PORT, else 4400')
    .addHelpText(
      'after',
      '\nExample:\n  $ sluice cloud --port 4400\n  $ DATABASE_URL=postgres://… REDIS_URL=redis://… sluice cloud',
    )
    .action(
      action(async (options: { port?: string }) => {
        const { env, places } = context;
        if (options.port !== undefined) readPort(options.port);
        const child = spawn(process.execPath, [findControlPlane(places.checkout)], {
          env: { ...env, SLUICE_DATA: places.dataDir, ...(options.port === undefined ? {} : { PORT: options.port }) },
          stdio: ['ignore', 'inherit', 'inherit'],
        });
        context.stop.addEventListener('abort', () => void stopChild(child, STOP_MS), { once: true });
        const code = await new Promise<number>((resolve, reject) => {
          child.once('error', reject);
          child.once('exit', (exitCode) => resolve(exitCode ?? EXIT.failed));
        });
        return code === 0 ? EXIT.ok : EXIT.failed;
      }),
    );
};
