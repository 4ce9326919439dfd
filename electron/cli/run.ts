import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalControl, type LocalControl } from '#runtime/agent/localControl.ts';
import { writeTape } from '#runtime/tape/tape.ts';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json } from '#shared/json.ts';
import type { Payload, RunEvent } from '#shared/run/events.ts';
import { execHash } from '#shared/workflow/hash.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { newRun } from '../host/newRun.ts';
import { hostFiles } from '../host/startHost.ts';
import { createRunners } from '../runner/runner.ts';
import { findRuntime } from '../runner/runtimePackage.ts';
import { type CliContext, EXIT, printJson, type Register, readJsonInput, usageError } from './context.ts';
import { inspectFor, patientTree } from './inspectDoor.ts';
import { commandConnections, findWorkflow, loadForRun } from './localProject.ts';
import { saveTape } from './runActions.ts';

type Options = {
  input?: string;
  trigger?: string;
  step?: string;
  env: string;
  connections?: string;
  tape?: string;
  inspectScript?: boolean;
  json?: boolean;
};

/** How often a run that another command's runner took is looked at. */
const LOOK_MS = 300;
/** How many runs of one step are told at the terminal. */
const MOST_TOLD = 10;

/** `sluice run`: one run on this computer. Naming the folder is what trusts it. */
export const registerRun: Register = (program, context, action) => {
  program
    .command('run')
    .description('run a workflow once, on this computer')
    .argument('<dir>', 'the project’s folder')
    .argument('<workflow>', 'its file name, name or id')
    .option('-i, --input <file>', 'JSON for the trigger: an object for one item, or a list; - reads standard input')
    .option('--trigger <step>', 'which trigger to start; by default the manual one, else the only one')
    .option('--step <step>', 'only this step, with what the last run or the pins gave the steps before it')
    .option('--env <name>', 'the environment with its variables', 'local')
    .option('--connections <file>', 'JSON with connections by name: { "tracker": { "connector", "secret", "hosts" } }')
    .option('--tape <file>', 'keep the run as a tape: sluice replay executes it again with no network')
    .option('--inspect-script', 'wait for a debugger, and let it step through JavaScript and TypeScript of code steps')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExample:\n  $ sluice run my-project hello\n  $ echo \'{"number":17}\' | sluice run my-project triage --input - --json',
    )
    .action(
      action(async (dir: string, workflow: string, options: Options) => {
        const project = await loadForRun(context, dir, workflow);
        const workflowId = findWorkflow(project.tree, workflow);
        const input = options.input;
        const items =
          input === undefined
            ? undefined
            : toItems(await readJsonInput(context, input, (path) => readFile(resolve(context.cwd, path), 'utf8')));
        const connections = await commandConnections(context, project.tree, options.env, options.connections);

        const runtime = findRuntime();
        const { storesDir, blobsDir } = hostFiles(context.places.dataDir);
        mkdirSync(context.places.dataDir, { recursive: true });
        const control = createLocalControl({
          file: cliRunsFile(context.places.dataDir),
          blobsDir,
          runtimeHash: runtime.hash,
          connectionsOf: () => connections,
        });
        const inspect = options.inspectScript ? await inspectFor(context, project.dir) : undefined;
        const trouble: string[] = [];
        const runners = createRunners({
          runtime,
          agent: control.agent,
          dataDir: storesDir,
          onStopped: (_id, reason) => trouble.push(reason),
          ...(inspect ? { inspect } : {}),
        });
        try {
          const projectId = project.tree.project.id;
          const part =
            options.step === undefined
              ? {}
              : { fromStepId: options.step, stopAfterStepId: options.step, ...latest(control, projectId, workflowId) };
          const wish = {
            workflowId,
            environment: options.env,
            ...part,
            ...(items ? { items } : {}),
            ...(options.trigger ? { triggerStepId: options.trigger } : {}),
          };
          const asked = await newRun(inspect ? patientTree(project.tree) : project.tree, wish, {
            pinned: project.pinned,
            problems: project.problems,
            runs: control,
          });
          const run = options.tape === undefined ? asked : { ...asked, tree: recorded(asked.tree, workflowId) };
          if (inspect) {
            runners.start(projectId);
            await inspect.ready;
          }
          const { runId } = await control.start(run);
          const show = eventPrinter(context);
          const unsubscribe = control.subscribe((message) => {
            if (message.type === 'run.event' && message.event.runId === runId && !options.json) show(message.event);
          });
          runners.start(projectId);
          const ended = await end(control, runId, context, trouble);
          unsubscribe();
          const result = await resultOf(control, ended);
          if (options.tape !== undefined) {
            const about = { control, run: ended, tree: run.tree, runtimeHash: runtime.hash };
            await keepTape(context, about, options.tape);
            context.note(`Tape  ${options.tape}`);
          }
          if (options.json) printJson(context, result);
          else showResult(context, result);
          return ended.status === 'succeeded' ? EXIT.ok : EXIT.failed;
        } finally {
          await runners.close();
          await inspect?.close();
          control.close();
        }
      }),
    );
};

/** Runs started from the command line: a file of their own, so that the desktop's runners leave them alone. */
export function cliRunsFile(dataDir: string): string {
  return join(dataDir, 'cli-runs.db');
}

function latest(control: LocalControl, projectId: string, workflowId: string): { basedOn?: string } {
  const [run] = control.list({ projectId, workflowId, limit: 1 }).data;
  return run ? { basedOn: run.id } : {};
}

function toItems(value: Json): Item[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((one, index) => {
    if (isJsonObject(one)) return { json: one };
    throw usageError(
      `Entry ${index + 1} of the input is not an object.`,
      'Give an object for one item, or a list of objects.',
    );
  });
}

/** Waits for the run's end, and no longer than it can go on by itself. */
async function end(control: LocalControl, runId: string, context: CliContext, trouble: string[]): Promise<RunSummary> {
  let cancelled = false;
  for (;;) {
    const run = control.get(runId)?.run;
    if (!run) throw new SluiceError('run.not_found', 'The run is gone from this computer.');
    if (run.finishedAt) return run;
    if (run.wait && run.wait.reason !== 'delay') {
      throw new SluiceError(
        'step.stopped',
        `The run waits at "${run.wait.stepId}" (${run.wait.reason}), which nobody at a terminal can end.`,
        {
          advice: 'Open the project on the desktop, or change what the step does when it is unsure.',
        },
      );
    }
    if (trouble.length >= 3) {
      throw new SluiceError('service.unavailable', `The runner does not stay up. ${trouble.at(-1)}`, {
        advice: 'Run "npm run build", then try again.',
      });
    }
    if (context.stop.aborted && !cancelled) {
      cancelled = true;
      control.cancel(runId);
    }
    await Promise.race([control.finished(runId), sleep(LOOK_MS)]);
  }
}

/** A tape needs every step, whatever the workflow itself keeps. */
function recorded(tree: Tree, workflowId: string): Tree {
  const workflow = tree.workflows[workflowId];
  if (!workflow || workflow.settings.durability === 'step') return tree;
  const settings = { ...workflow.settings, durability: 'step' as const };
  return { ...tree, workflows: { ...tree.workflows, [workflowId]: { ...workflow, settings } } };
}

async function keepTape(
  context: CliContext,
  { control, run, tree, runtimeHash }: { control: LocalControl; run: RunSummary; tree: Tree; runtimeHash: string },
  file: string,
): Promise<void> {
  const bytes = await writeTape({
    runId: run.id,
    workflowId: run.workflowId,
    execHash: execHash(tree),
    runtimeHash,
    tree,
    redacted: Object.keys(tree.connections),
    events: control.get(run.id)?.events ?? [],
    blob: (hash) => control.blobs.get(hash),
  });
  await saveTape(context, file, bytes);
}

type Result = {
  runId: string;
  status: RunSummary['status'];
  answer?: { status: number; headers?: Record<string, string>; body?: Json };
  output: Record<string, Item[]>;
  error?: RunSummary['error'];
};

async function resultOf(control: LocalControl, run: RunSummary): Promise<Result> {
  const events = control.get(run.id)?.events ?? [];
  const result: Result = { runId: run.id, status: run.status, output: {} };
  const itemsOf = async (payload: Payload) => ('items' in payload ? payload.items : control.items(payload.blob));
  for (const event of events) {
    if (event.path?.length) continue;
    if (event.type === 'run.answered' && !result.answer) {
      const { status, headers, body } = event;
      result.answer = { status, ...(headers ? { headers } : {}), ...(body === undefined ? {} : { body }) };
    }
    if (event.type === 'run.ended') {
      for (const [stepId, payload] of Object.entries(event.output ?? {}))
        result.output[stepId] = await itemsOf(payload);
      if (event.error) result.error = event.error;
    }
  }
  return result;
}

/** Prints what steps do. One that runs over and over, in a cycle, is not told each time. */
function eventPrinter(context: CliContext): (event: RunEvent) => void {
  const times = new Map<string, number>();
  return (event) => {
    if (event.type === 'step.failed') context.note(`  failed  ${event.stepId}  ${event.error.message}`);
    if (event.type !== 'step.succeeded') return;
    const time = (times.get(event.stepId) ?? 0) + 1;
    times.set(event.stepId, time);
    if (time === MOST_TOLD + 1) context.note(`  …       ${event.stepId}  runs on; no more of it is shown`);
    if (time > MOST_TOLD) return;
    const counts = Object.entries(event.outputs).map(
      ([port, payload]) => `${port} ${'items' in payload ? payload.items.length : payload.count}`,
    );
    context.note(`  done    ${event.stepId}  ${counts.join(', ')}`);
  };
}

function showResult(context: CliContext, { status, answer, output, error, runId }: Result): void {
  for (const [stepId, items] of Object.entries(output)) {
    for (const { json } of items) context.out(`${stepId}  ${JSON.stringify(json)}`);
  }
  if (answer)
    context.out(`Answered ${answer.status}${answer.body === undefined ? '' : `  ${JSON.stringify(answer.body)}`}`);
  if (error)
    context.note(
      `${error.stepId ? `${error.stepId}: ` : ''}${error.message}${placeOf(error)}${error.detail ? `\n${error.detail}` : ''}`,
    );
  context.note(`Run ${runId} ${status}.`);
}

/** Where in an expression it went wrong; errors of other steps have no such place. */
function placeOf({ details }: NonNullable<RunSummary['error']>): string {
  const { line, column } = details ?? {};
  if (typeof line !== 'number' || typeof column !== 'number') return '';
  return ` (${line === 1 ? '' : `line ${line}, `}character ${column} of the expression)`;
}
