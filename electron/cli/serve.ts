import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import { environmentOf } from '../host/newRun.ts';
import { hostFiles } from '../host/startHost.ts';
import { spawnRuntime, stopChild } from '../runner/runner.ts';
import { findRuntime } from '../runner/runtimePackage.ts';
import { takeLock } from '../store/lock.ts';
import { openSqlite } from '../store/sqlite.ts';
import { EXIT, type Register, readPort } from './context.ts';
import { holderOf } from './controlPlane.ts';
import { commandConnections, loadForRun } from './localProject.ts';

const DRAIN_MS = 20_000;

const FirstLine = z.union([
  z.strictObject({
    listening: z.object({
      url: z.string(),
      triggers: z.array(z.object({ workflow: z.string(), stepId: z.string(), kind: z.string(), address: z.string() })),
    }),
  }),
  z.strictObject({ error: z.object({ code: z.string(), message: z.string(), detail: z.string().optional() }) }),
]);

type Options = { port: string; host: string; env: string; connections?: string; json?: boolean };

/** `sluice serve`: every trigger of a project, by the same code as in its container, until somebody stops it. */
export const registerServe: Register = (program, context, action) => {
  program
    .command('serve')
    .description('listen for every trigger of a project: webhooks, events, schedules')
    .argument('<dir>', 'the project’s folder')
    .option('-p, --port <n>', 'the port; 0 takes any free one', '4480')
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--env <name>', 'the environment with its variables', 'local')
    .option('--connections <file>', 'JSON with connections by name: { "tracker": { "connector", "secret", "hosts" } }')
    .option('--json', 'print where it listens as one JSON document')
    .addHelpText(
      'after',
      '\nExample:\n  $ sluice serve my-project --port 4480\n  $ curl -d \'{"hello":1}\' http://127.0.0.1:4480/hooks/greet',
    )
    .action(
      action(async (dir: string, options: Options) => {
        const port = readPort(options.port);
        const { tree, problems } = await loadForRun(context, dir);
        const [first] = problems.filter(({ severity }) => severity === 'error');
        if (first)
          throw new SluiceError('workflow.invalid', `${first.file}:${first.line}: ${first.message}`, {
            advice: first.advice,
          });
        const environment = environmentOf(tree, options.env);
        const connections = await commandConnections(context, tree, options.env, options.connections);

        const serveDir = join(context.places.dataDir, 'serve', tree.project.id);
        mkdirSync(serveDir, { recursive: true });
        const { db } = openSqlite(join(serveDir, `${options.env}.lock.db`), '');
        let child: ReturnType<typeof spawnRuntime> | undefined;
        try {
          const lock = takeLock(db, 'sluice serve');
          const { storesDir, blobsDir } = hostFiles(context.places.dataDir);
          child = spawnRuntime(findRuntime(), 'serve', storesDir);
          const gone = new Promise<number>((resolve) => child?.once('exit', (code) => resolve(code ?? EXIT.failed)));
          // Before it listens these lines are only of use where it does not say itself what is wrong.
          let early: string[] | undefined = [];
          if (child.stderr)
            createInterface({ input: child.stderr }).on('line', (line) => {
              if (early) early.push(line);
              else context.note(logLine(line));
            });
          const config = {
            tree,
            environment,
            connections,
            dataDir: storesDir,
            runsFile: join(serveDir, `${options.env}.db`),
            blobsDir,
            port,
            host: options.host,
          };
          child.stdin?.end(JSON.stringify(config));
          const answer = await Promise.race([firstLine(child.stdout), gone.then(() => undefined)]);
          if (!answer || 'listening' in answer) for (const line of early) context.note(logLine(line));
          if (answer && 'listening' in answer) early = undefined;
          if (!answer || 'error' in answer) throw startFailure(answer?.error, port);
          const { url, triggers } = answer.listening;
          if (options.json) context.out(JSON.stringify(answer.listening, null, 2));
          else {
            context.out(`Listening  ${url}`);
            for (const { kind, address, workflow } of triggers)
              context.out(`${kind.padEnd(9)}  ${address}  ${workflow}`);
            if (triggers.length === 0)
              context.note('The project has no trigger that anything could start from outside.');
          }
          const stopped = new Promise<void>((resolve) =>
            context.stop.addEventListener('abort', () => resolve(), { once: true }),
          );
          const ended = await Promise.race([gone, stopped]);
          if (ended !== undefined)
            throw new SluiceError('service.unavailable', `The runtime ended with exit code ${ended}.`);
          await stopChild(child, DRAIN_MS);
          lock.release();
          return EXIT.ok;
        } finally {
          if (child) await stopChild(child);
          db.close();
        }
      }),
    );
};

/** A line of the runtime's log as a person reads it. */
function logLine(line: string): string {
  try {
    const { level, at, message } = JSON.parse(line) as Record<string, string>;
    if (level && at && message) return `${at}  ${level}  ${message}`;
  } catch {
    // Not a line of the log: Node's own words before it ends.
  }
  return line;
}

async function firstLine(stdout: NodeJS.ReadableStream | null) {
  if (!stdout) return undefined;
  for await (const line of createInterface({ input: stdout }))
    return parse(FirstLine, JSON.parse(line), 'The runtime’s first line', 'internal');
  return undefined;
}

function startFailure(
  error: { code: string; message: string; detail?: string } | undefined,
  port: number,
): SluiceError {
  if (!error)
    return new SluiceError('service.unavailable', 'The runtime ended before it listened.', {
      advice: 'The lines above say why.',
    });
  if (error.code !== 'port.in_use') return SluiceError.fromWire(error);
  return new SluiceError('port.in_use', `Port ${port} is taken by ${holderOf(port)}.`, {
    advice: `Stop it, or choose another: --port ${port + 1}; --port 0 takes any free one.`,
    details: { port },
  });
}
