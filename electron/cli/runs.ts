import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalControl } from '#runtime/agent/localControl.ts';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { SluiceError } from '#shared/error.ts';
import type { RunEvent, RunLogLine } from '#shared/run/events.ts';
import { hostFiles } from '../host/startHost.ts';
import { type CliContext, EXIT, printJson, type Register, usageError } from './context.ts';
import { hostedRun, listHostedRuns, type RunSeen } from './hostedRuns.ts';
import { findWorkflow, loadProject } from './localProject.ts';
import { cliRunsFile } from './run.ts';

const LOOK_MS = 500;

/** `sluice runs` and `sluice logs`: what ran on this computer, by the desktop, `run` or `serve`. */
export const registerRuns: Register = (program, context, action) => {
  program
    .command('runs')
    .description('list the runs of a project on this computer, or in the cloud, newest first')
    .argument('<dir>', 'the project’s folder')
    .option('-w, --workflow <workflow>', 'only of this workflow')
    .option('-n, --limit <n>', 'how many', '20')
    .option('--hosted', 'those in the cloud')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice runs my-project --limit 5')
    .action(
      action(async (dir: string, options: { workflow?: string; limit: string; hosted?: boolean; json?: boolean }) => {
        const limit = Number(options.limit);
        if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
          throw usageError(`"${options.limit}" is not a number of runs.`, 'Give a number from 1 to 100.');
        }
        const { tree } = await loadProject(context, dir);
        const filter = options.workflow === undefined ? {} : { workflowId: findWorkflow(tree, options.workflow) };
        const projectId = tree.project.id;
        const local = () =>
          withHistories(context, projectId, (all) =>
            all.flatMap((one) => one.list({ projectId, limit, ...filter }).data),
          )
            .sort((a, b) => (a.id < b.id ? 1 : -1))
            .slice(0, limit);
        const data = options.hosted ? await listHostedRuns(context, dir, { limit, ...filter }) : local();
        if (options.json) {
          printJson(context, { data });
          return EXIT.ok;
        }
        for (const run of data) context.out(line(run));
        if (data.length === 0)
          context.note(`Nothing of this project has run ${options.hosted ? 'in the cloud' : 'on this computer'} yet.`);
        return EXIT.ok;
      }),
    );

  program
    .command('logs')
    .description('show what a run on this computer, or in the cloud, did')
    .argument('<dir>', 'the project’s folder')
    .argument('[run]', 'the run’s id; by default the newest')
    .option('-f, --follow', 'stay until the run has ended')
    .option('--hosted', 'one in the cloud')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice logs my-project --follow')
    .action(
      action(
        async (
          dir: string,
          wanted: string | undefined,
          options: { follow?: boolean; hosted?: boolean; json?: boolean },
        ) => {
          const { tree } = await loadProject(context, dir);
          const look = options.hosted
            ? await hostedRun(context, dir, wanted)
            : localRun(context, tree.project.id, wanted);
          let shown = { events: 0, logs: 0 };
          for (;;) {
            const found = await look();
            const over = found.run.finishedAt !== undefined || !options.follow || context.stop.aborted;
            if (options.json && over) printJson(context, found);
            if (!options.json) {
              const fresh = [
                ...found.events.slice(shown.events).map(eventLine),
                ...found.logs.slice(shown.logs).map(logLine),
              ];
              for (const { text } of fresh.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))) context.out(text);
              shown = { events: found.events.length, logs: found.logs.length };
            }
            if (over) return EXIT.ok;
            await sleep(LOOK_MS);
          }
        },
      ),
    );
};

/** Looks at one run of this computer, again and again. */
function localRun(context: CliContext, projectId: string, wanted: string | undefined): () => RunSeen {
  const runId = wanted ?? newest(context, projectId);
  return () => {
    const found = withHistories(context, projectId, (all) =>
      all.map((one) => one.get(runId)).find((one) => one !== undefined),
    );
    if (found) return found;
    throw new SluiceError('run.not_found', `This computer knows no run ${runId} of the project.`, {
      advice: 'List them with "sluice runs".',
    });
  };
}

type History = ReturnType<typeof createLocalControl>;

/** Opens each place where runs are kept, for as long as it is looked at. */
function withHistories<T>(context: CliContext, projectId: string, look: (all: History[]) => T): T {
  const { runsFile, blobsDir } = hostFiles(context.places.dataDir);
  const serveDir = join(context.places.dataDir, 'serve', projectId);
  const served = existsSync(serveDir) ? readdirSync(serveDir).filter((name) => /^[a-z0-9-]+\.db$/.test(name)) : [];
  const files = [runsFile, cliRunsFile(context.places.dataDir), ...served.map((name) => join(serveDir, name))];
  const all = files
    .filter((file) => existsSync(file))
    .map((file) => createLocalControl({ file, blobsDir, runtimeHash: '', connectionsOf: () => ({}) }));
  try {
    return look(all);
  } finally {
    for (const one of all) one.close();
  }
}

function newest(context: CliContext, projectId: string): string {
  const ids = withHistories(context, projectId, (all) =>
    all.flatMap((one) => one.list({ projectId, limit: 1 }).data.map(({ id }) => id)),
  );
  const id = ids.sort().at(-1);
  if (id !== undefined) return id;
  throw new SluiceError('run.not_found', 'Nothing of this project has run on this computer yet.', {
    advice: 'Run it with "sluice run".',
  });
}

function line({ id, status, workflowName, trigger, queuedAt, durationMs, error }: RunSummary): string {
  const took = durationMs === undefined ? '' : `  ${durationMs} ms`;
  return `${id}  ${status.padEnd(9)}  ${queuedAt}  ${workflowName}  ${trigger}${took}${error ? `  ${error.message}` : ''}`;
}

function eventLine(event: RunEvent): { at: string; text: string } {
  const step = 'stepId' in event ? `  ${event.stepId}` : '';
  const error = 'error' in event && event.error ? `  ${event.error.message}` : '';
  const status = event.type === 'run.ended' ? `  ${event.status}` : '';
  return { at: event.at, text: `${event.at}  ${event.type}${step}${status}${error}` };
}

function logLine({ at, level, stepId, message }: RunLogLine): { at: string; text: string } {
  return { at, text: `${at}  ${level}${stepId === undefined ? '' : `  ${stepId}`}  ${message}` };
}
