import { resolve } from 'node:path';
import type { Problem } from '#shared/workflow/problem.ts';
import { EXIT, printJson, type Register } from './context.ts';
import { inspectFolder } from './localProject.ts';

/** `sluice validate`: reads a project and says what is wrong. Executes nothing. */
export const registerValidate: Register = (program, context, action) => {
  program
    .command('validate')
    .description('check a project’s files; executes nothing')
    .argument('<dir>', 'the project’s folder')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice validate my-project')
    .action(
      action(async (folder: string, options: { json?: boolean }) => {
        const { problems, tree } = await inspectFolder(resolve(context.cwd, folder));
        const errors = problems.filter(({ severity }) => severity === 'error').length;
        if (options.json) printJson(context, { ok: errors === 0, problems: problems.map(shape) });
        else {
          for (const problem of problems) context.out(line(problem));
          const steps = Object.values(tree?.workflows ?? {}).reduce(
            (sum, { steps }) => sum + Object.keys(steps).length,
            0,
          );
          const warnings = problems.length - errors;
          if (errors > 0) context.out(`${count(errors, 'error')}, ${count(warnings, 'warning')}.`);
          else
            context.out(
              `Valid: ${count(Object.keys(tree?.workflows ?? {}).length, 'workflow')}, ${count(steps, 'step')}, ${count(warnings, 'warning')}.`,
            );
        }
        return errors === 0 ? EXIT.ok : EXIT.failed;
      }),
    );
};

/** As formats.md 10 has it. */
function shape({ file, line, column, severity, code, stepId, message, advice }: Problem) {
  return { file, line, column, severity, code, ...(stepId === undefined ? {} : { stepId }), message, advice };
}

function line({ file, line, column, severity, message, advice }: Problem): string {
  return `${file}:${line}:${column}  ${severity}  ${message} ${advice}`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
