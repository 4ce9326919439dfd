import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { type ReplayedStep, ReplayShown } from '#runtime/tape/showReplay.ts';
import { readTape } from '#runtime/tape/tape.ts';
import { caseOfTape } from '#runtime/tape/tapeCase.ts';
import { SluiceError } from '#shared/error.ts';
import { Slug } from '#shared/ids.ts';
import { parse } from '#shared/parse.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { askRuntime } from './askRuntime.ts';
import { type CliContext, EXIT, printJson, type Register, usageError } from './context.ts';
import { loadProject } from './localProject.ts';

type Options = { to?: string; walk?: boolean; case?: string; project: string; json?: boolean };

const RESULTS = {
  equal: 'The replay is equal to the tape',
  stopped: 'Equal to the tape as far as you asked',
  cut: 'Equal to the tape as far as it goes',
};
/** Items of one port that are shown at a terminal. */
const MOST_SHOWN = 3;
const WIDEST = 160;

/** `sluice replay`: a run again from its tape, by the same engine, with no network. */
export const registerReplay: Register = (program, context, action) => {
  program
    .command('replay')
    .description('run again what a tape recorded, with no network, and check that it comes out equal')
    .argument('<tape>', 'a file that sluice run --tape or sluice tape wrote')
    .option('--to <step>', 'stop behind this step; step:2 is its third run')
    .option('--walk', 'go through the step runs one by one, forward and back')
    .option('--case <name>', 'make it a saved case of a project: tests/<name>.yaml; nothing is executed')
    .option('--project <dir>', 'the project that gets the case', '.')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExample:\n  $ sluice run my-project hello --tape hello.sluicetape\n  $ sluice replay hello.sluicetape --to greet',
    )
    .action(
      action(async (file: string, options: Options) => {
        if (options.case !== undefined) {
          await saveCase(context, resolve(context.cwd, file), options.case, options.project);
          return EXIT.ok;
        }
        if (options.walk && options.json) throw usageError('--walk and --json cannot go together.', 'Leave one out.');
        const shown = await replay(context, resolve(context.cwd, file), options.to);
        if (options.json) printJson(context, shown);
        else if (options.walk) await walk(context, shown);
        else show(context, shown);
        return EXIT.ok;
      }),
    );
};

async function replay(context: CliContext, file: string, to: string | undefined): Promise<ReplayShown> {
  const question = { file, ...(to === undefined ? {} : { to: placeOf(to) }) };
  for await (const document of askRuntime(context, 'replay', question)) {
    return parse(ReplayShown, document, 'What the runtime answered', 'internal');
  }
  throw new SluiceError('service.unavailable', 'The runtime ended without an answer.');
}

/** Writes a case beside the project's others. One that is there already is left alone. */
async function saveCase(context: CliContext, file: string, name: string, folder: string): Promise<void> {
  if (!Slug.safeParse(name).success) {
    throw usageError(
      `"${name}" cannot be the name of a case.`,
      'Use small letters, digits and -, such as failed-payment.',
    );
  }
  const { dir, tree } = await loadProject(context, folder);
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new SluiceError('file.not_found', `${file} cannot be read: the system answered ${cause.code}.`, { cause });
  });
  const { saved, unanswered } = caseOfTape(readTape(bytes), name.replaceAll('-', ' '));
  if (!tree.workflows[saved.workflow]) {
    throw new SluiceError('workflow.not_found', 'The workflow of the tape is not in this project.', {
      advice: 'Name the project it was recorded in with --project.',
    });
  }
  const path = join(dir, 'tests', `${name}.yaml`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, stringify(saved, { lineWidth: 120 }), { flag: 'wx' }).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'EEXIST' ? 'there is such a case already' : `the system answered ${cause.code}`;
    throw new SluiceError('file.exists', `tests/${name}.yaml was not written: ${why}.`, {
      advice: 'Give the case another name.',
      cause,
    });
  });
  context.out(`tests/${name}.yaml  run it with: sluice test ${folder} --case ${name}`);
  for (const stepId of unanswered) {
    context.note(`Step ${stepId} read rows that were there before; a case begins with empty tables.`);
  }
}

/** `step` or `step:2`. */
function placeOf(text: string): { stepId: string; iteration?: number } {
  const match = /^([a-z][a-z0-9_]{0,63})(?::(\d{1,9}))?$/.exec(text);
  if (!match)
    throw usageError(`"${text}" is not a step.`, 'Give its id, and after a colon which of its runs: call_k2m3:0.');
  const [, stepId = '', iteration] = match;
  return { stepId, ...(iteration === undefined ? {} : { iteration: Number(iteration) }) };
}

function show(context: CliContext, shown: ReplayShown): void {
  shown.steps.forEach((step, index) => {
    context.out(lineOf(step, index));
  });
  const last = shown.result === 'stopped' ? shown.steps.at(-1) : undefined;
  if (last) showData(context, last);
  showEnd(context, shown);
}

function showEnd(context: CliContext, shown: ReplayShown): void {
  if (shown.answer) context.out(`Answered ${shown.answer.status}  ${clip(JSON.stringify(shown.answer.body ?? null))}`);
  if (shown.error) context.out(`${shown.error.stepId ? `${shown.error.stepId}: ` : ''}${shown.error.message}`);
  if (shown.otherRuntime) context.note('It was recorded by another version of the runtime than this one.');
  context.out(`${RESULTS[shown.result]}: ${shown.steps.length} step runs. The run ${shown.status.replace('_', ' ')}.`);
}

/** Forward and back through the step runs, as often as one likes. */
async function walk(context: CliContext, shown: ReplayShown): Promise<void> {
  const { steps } = shown;
  if (steps.length === 0) return showEnd(context, shown);
  let at = 0;
  const tell = () => {
    const step = steps[at] as ReplayedStep;
    context.out(lineOf(step, at));
    showData(context, step);
    context.note(`${at + 1} of ${steps.length}. n next, p back, a step or a number to go there, q to end`);
  };
  tell();
  for await (const line of createInterface({ input: context.stdin })) {
    const wish = line.trim() || 'n';
    if (wish === 'q' || context.stop.aborted) break;
    const goal = goalOf(wish, at, steps);
    if (goal === undefined) context.note(`There is no "${wish}" to go to.`);
    else {
      at = goal;
      tell();
    }
  }
  showEnd(context, shown);
}

function goalOf(wish: string, at: number, steps: readonly ReplayedStep[]): number | undefined {
  const index =
    wish === 'n'
      ? at + 1
      : wish === 'p'
        ? at - 1
        : /^\d+$/.test(wish)
          ? Number(wish) - 1
          : steps.findIndex(({ stepId, iteration }) => wish === stepId || wish === `${stepId}:${iteration}`);
  return index >= 0 && index < steps.length ? index : undefined;
}

function lineOf({ stepId, iteration, path, outputs, error, attempts }: ReplayedStep, index: number): string {
  const name = `${path ? `${path.join(' > ')} > ` : ''}${stepId}${iteration > 0 ? `:${iteration}` : ''}`;
  const counts = Object.entries(outputs ?? {}).map(([port, items]) => `${port} ${items.length}`);
  const what = error ? `failed: ${error.message}` : counts.join(', ') || 'nothing';
  return `${String(index + 1).padStart(4)}  ${name}  ${what}${attempts > 1 ? `  (${attempts} attempts)` : ''}`;
}

function showData(context: CliContext, { from, outputs }: ReplayedStep): void {
  for (const { port, stepId, iteration, outPort, batch } of from) {
    const source = `${stepId}${iteration > 0 ? `:${iteration}` : ''}.${outPort}`;
    context.out(`      ${port} from ${source}${batch === undefined ? '' : `, batch ${batch + 1}`}`);
  }
  for (const [port, items] of Object.entries(outputs ?? {})) {
    for (const item of items.slice(0, MOST_SHOWN)) context.out(`      ${port}  ${textOf(item)}`);
    if (items.length > MOST_SHOWN) context.out(`      ${port}  and ${items.length - MOST_SHOWN} more`);
  }
}

function textOf({ json, binary }: Item): string {
  const files = Object.entries(binary ?? {}).map(([name, { bytes, mime }]) => ` [${name}: ${mime}, ${bytes} bytes]`);
  return `${clip(JSON.stringify(json))}${files.join('')}`;
}

const clip = (text: string): string => (text.length > WIDEST ? `${text.slice(0, WIDEST)}…` : text);
