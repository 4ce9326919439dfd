import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { HostServices } from '../host/services.ts';
import type { Places } from '../store/dataDir.ts';

/** What a command has to work with. */
export type CliContext = {
  env: Record<string, string | undefined>;
  cwd: string;
  places: Places;
  /** One line to standard output. */
  out(line: string): void;
  /** One line to standard error: progress and errors. */
  note(line: string): void;
  stdin: Readable;
  /** Opened when a command first needs them. */
  services(): Promise<HostServices>;
  /** Aborted by Ctrl-C or by whoever wants this process to end. */
  stop: AbortSignal;
};

/** A command: adds itself to the program. Its action returns the exit code, 0 where it returns nothing. */
export type Register = (program: Command, context: CliContext, action: ActionWrapper) => void;
/** Turns what an action gives or throws into output and exit code. */
export type ActionWrapper = <A extends unknown[]>(
  work: (...args: A) => Promise<number | undefined>,
) => (...args: A) => Promise<void>;

export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** One document on standard output, nothing else. */
export function printJson(context: CliContext, document: unknown): void {
  context.out(JSON.stringify(document, null, 2));
}

/** Wrong use of the command line: exit code 2. */
export function usageError(message: string, advice: string): SluiceError {
  return new SluiceError('request.invalid', message, { advice });
}

/** Reads JSON that a person named: a file, or `-` for standard input. */
export async function readJsonInput(
  context: CliContext,
  source: string,
  read: (path: string) => Promise<string>,
  advice = 'Give an object for one item, or a list of objects.',
): Promise<Json> {
  const text = source === '-' ? await readAll(context.stdin) : await read(source).catch(unreadable(source));
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    const where = source === '-' ? 'Standard input' : source;
    throw new SluiceError('request.invalid', `${where} is not JSON: ${(cause as Error).message}.`, {
      advice,
      cause,
    });
  }
}

function unreadable(source: string): (thrown: NodeJS.ErrnoException) => never {
  return (cause) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : `the system answered ${cause.code}`;
    throw usageError(`${source} cannot be read: ${why}.`, 'Name a file that holds JSON, from the folder you are in.');
  };
}

/** A port that a person named. */
export function readPort(text: string): number {
  const port = Number(text);
  if (text.trim() !== '' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw usageError(`"${text}" is not a port.`, 'Give a number from 0 to 65535; 0 takes any free one.');
}

async function readAll(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Buffer));
  return Buffer.concat(parts).toString('utf8');
}
