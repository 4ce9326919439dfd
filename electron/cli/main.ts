import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { SluiceError } from '#shared/error.ts';
import { openServices } from '../host/services.ts';
import { VERSION } from '../host/version.ts';
import { diskFailure } from '../store/atomicFile.ts';
import { findPlaces } from '../store/dataDir.ts';
import { registerCloud } from './cloud.ts';
import { registerAccount, registerPublish } from './cloudCommands.ts';
import { type ActionWrapper, type CliContext, EXIT, printJson, type Register, usageError } from './context.ts';
import { registerMergeDriver } from './mergeDriver.ts';
import { registerNew } from './new.ts';
import { registerReplay } from './replay.ts';
import { registerRun } from './run.ts';
import { registerRunActions } from './runActions.ts';
import { registerRuns } from './runs.ts';
import { registerServe } from './serve.ts';
import { registerTest } from './test.ts';
import { registerValidate } from './validate.ts';

/** Every command, in the order in which `--help` lists them. */
const COMMANDS: Register[] = [
  registerNew,
  registerValidate,
  registerMergeDriver,
  registerRun,
  registerReplay,
  registerTest,
  registerServe,
  registerRuns,
  registerRunActions,
  registerAccount,
  registerPublish,
  registerCloud,
];

/** What the system answers where a disk or its permissions are in the way. */
const DISK_CODES = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'EEXIST']);

/**
 * The command line.
 *
 * @param args without program and script
 * @returns the exit code: 0 success, 1 what was asked for failed, 2 wrong usage
 */
async function main(args: string[]): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  const places = findPlaces(process.env);
  let services: ReturnType<typeof openServices> | undefined;
  const context: CliContext = {
    env: process.env,
    cwd: process.cwd(),
    places,
    out: (line) => process.stdout.write(`${line}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
    stdin: process.stdin,
    services: () => {
      services ??= openServices({
        places,
        env: process.env,
        cloudUrl: process.env.SLUICE_URL ?? 'http://127.0.0.1:4400',
        ...(process.env.SLUICE_API_KEY ? { apiKey: process.env.SLUICE_API_KEY.trim() } : {}),
      });
      return services;
    },
    stop: stop.signal,
  };
  let exitCode: number = EXIT.ok;
  const action: ActionWrapper =
    (work) =>
    async (...given) => {
      try {
        exitCode = (await work(...given)) ?? EXIT.ok;
      } catch (thrown) {
        exitCode = report(context, thrown, args.includes('--json'));
      }
    };

  const program = new Command('sluice')
    .description('Draw a workflow, run it here, publish it into a container of your own.')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('Run the command with --help to see how it is used.')
    .addHelpText('after', '\nExample:\n  $ sluice new my-project && sluice run my-project hello');
  for (const register of COMMANDS) register(program, context, action);
  for (const command of program.commands) command.copyInheritedSettings(program);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    // It has said what was wrong; asking for help or for the version is no mistake.
    if (thrown.exitCode === 0) return EXIT.ok;
    if (args.includes('--json')) {
      const message = thrown.message.replace(/^error: /, '').replaceAll('\n', ' ');
      printJson(context, { error: usageError(message, 'Run the command with --help to see how it is used.').toWire() });
    }
    return EXIT.usage;
  } finally {
    if (services) await (await services).cloud.close();
  }
  return exitCode;
}

/** Says what went wrong, and gives the exit code for it. */
function report(context: CliContext, thrown: unknown, json: boolean): number {
  const error = forTerminal(
    isSystemError(thrown) ? diskFailure(thrown.path ?? 'A file', thrown) : explained(context, thrown),
  );
  if (json) context.out(JSON.stringify({ error: error.toWire() }, null, 2));
  else context.note(`${error.message}${error.advice ? `\n${error.advice}` : ''}`);
  return error.code === 'request.invalid' ? EXIT.usage : EXIT.failed;
}

/** A command keeps nothing to be written later, as the editor does. */
function forTerminal(error: SluiceError): SluiceError {
  const { code, message, details, advice } = error;
  if (code !== 'disk.failed' || !advice?.startsWith('Free some space')) return error;
  return new SluiceError(code, message, {
    details,
    advice: 'Free some space, then run the command again.',
    cause: error,
  });
}

function isSystemError(thrown: unknown): thrown is NodeJS.ErrnoException {
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  return DISK_CODES.has(code ?? '') && syscall !== undefined;
}

/** A bug of ours: what is needed to find it goes into a file, and the person is told which. */
function explained({ places }: CliContext, thrown: unknown): SluiceError {
  const error = SluiceError.from(thrown);
  if (error.code !== 'internal') return error;
  const cause = error.cause ?? error;
  const what = `${new Date().toISOString()}  ${String((cause as Error)?.stack ?? cause)}\n`;
  const file = join(places.dataDir, 'logs', 'sluice.log');
  try {
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, what);
    return new SluiceError('internal', error.message, { advice: `What we know of it is in ${file}.`, cause });
  } catch {
    return new SluiceError('internal', error.message, { advice: what.trimEnd(), cause });
  }
}

process.exitCode = await main(process.argv.slice(2));
