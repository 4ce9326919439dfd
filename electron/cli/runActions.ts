import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { boundCloud } from './cloudProject.ts';
import { type CliContext, EXIT, printJson, type Register, usageError } from './context.ts';

type RetryOptions = { step?: string; fromStart?: boolean; latest?: boolean; json?: boolean };
type AnswerOptions = { step: string; iteration: string; reject?: boolean; comment?: string; json?: boolean };

/** `sluice retry`, `approve` and `tape`: what a person does with runs in the cloud. */
export const registerRunActions: Register = (program, context, action) => {
  program
    .command('retry')
    .description('do hosted runs again, from where they failed')
    .argument('<dir>', 'the project’s folder')
    .argument('<run...>', 'the ids of runs that have ended')
    .option('--step <step>', 'from this step instead')
    .option('--from-start', 'from the start: nothing is taken over')
    .option('--latest', 'on the version that is deployed now, not on the run’s own')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice retry my-project 0199f2c4-7000-7000-8000-000000000001 --latest')
    .action(
      action(async (dir: string, runIds: string[], options: RetryOptions) => {
        if (options.step !== undefined && options.fromStart) {
          throw usageError('--step and --from-start cannot go together.', 'Leave one out.');
        }
        const { cloud } = await boundCloud(context, dir);
        const from = options.fromStart ? 'start' : 'failed';
        const version = options.latest ? 'latest' : 'same';
        const { step } = options;
        const results =
          step === undefined
            ? (await cloud.runs.retryMany({ runIds, from, version })).results
            : await Promise.all(
                runIds.map(async (runId) => ({
                  runId,
                  retry: await cloud.runs.retry({ runId, from, version, fromStepId: step }),
                })),
              );
        if (options.json) printJson(context, { results });
        else for (const one of results) context.out(lineOf(one));
        return results.every(({ retry }) => retry) ? EXIT.ok : EXIT.failed;
      }),
    );

  program
    .command('approve')
    .description('decide an approval that a hosted run waits for')
    .argument('<dir>', 'the project’s folder')
    .argument('<run>', 'the run’s id')
    .requiredOption('--step <step>', 'the step that waits')
    .option('--iteration <n>', 'which of its runs', '0')
    .option('--reject', 'say no')
    .option('--comment <text>', 'why')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExample:\n  $ sluice approve my-project 0199f2c4-7000-7000-8000-000000000001 --step ask_k2m3',
    )
    .action(
      action(async (dir: string, runId: string, options: AnswerOptions) => {
        const iteration = Number(options.iteration);
        if (!Number.isInteger(iteration) || iteration < 0) {
          throw usageError(`"${options.iteration}" is not a run of a step.`, 'They count from 0.');
        }
        const { cloud } = await boundCloud(context, dir);
        const input: Json = { approved: !options.reject, ...(options.comment ? { comment: options.comment } : {}) };
        const run = await cloud.runs.resume({ runId, stepId: options.step, iteration, input });
        if (options.json) printJson(context, { run });
        else context.out(`${options.reject ? 'Rejected' : 'Approved'}: run ${runId} goes on.`);
        return EXIT.ok;
      }),
    );

  program
    .command('tape')
    .description('fetch the tape of a hosted run, to replay it here with no network')
    .argument('<dir>', 'the project’s folder')
    .argument('<run>', 'the run’s id')
    .option('-o, --out <file>', 'where to put it; by default a name of its own in this folder')
    .addHelpText(
      'after',
      '\nExample:\n  $ sluice tape my-project 0199f2c4-7000-7000-8000-000000000001 --out failed.sluicetape\n  $ sluice replay failed.sluicetape',
    )
    .action(
      action(async (dir: string, runId: string, options: { out?: string }) => {
        const { cloud } = await boundCloud(context, dir);
        const { name, base64 } = await cloud.runs.tape({ runId });
        const file = options.out ?? name;
        await saveTape(context, file, Buffer.from(base64, 'base64'));
        context.out(`${file}  replay it with: sluice replay ${file}`);
        return EXIT.ok;
      }),
    );
};

/** Writes a tape where a person said. @throws SluiceError disk.failed */
export async function saveTape(context: CliContext, file: string, bytes: Uint8Array): Promise<void> {
  await writeFile(resolve(context.cwd, file), bytes).catch((cause: NodeJS.ErrnoException) => {
    throw new SluiceError('disk.failed', `The tape cannot be written to ${file}: the system answered ${cause.code}.`, {
      advice: 'Name a file in a folder that exists and that you may write to.',
      cause,
    });
  });
}

function lineOf({ runId, retry, error }: { runId: string; retry?: RunSummary; error?: { message: string } }): string {
  return retry ? `${runId}  done again as ${retry.id}` : `${runId}  ${error?.message ?? 'not done again'}`;
}
