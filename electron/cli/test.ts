import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { Json } from '#shared/json.ts';
import { parse } from '#shared/parse.ts';
import { environmentOf } from '../host/newRun.ts';
import { askRuntime } from './askRuntime.ts';
import { type CliContext, EXIT, printJson, type Register } from './context.ts';
import { inspectFor, patientTree } from './inspectDoor.ts';
import { type LocalProject, loadForRun } from './localProject.ts';

const CaseResult = z.object({
  id: z.string(),
  name: z.string(),
  passed: z.boolean(),
  differences: z.array(z.object({ where: z.string(), expected: Json.optional(), actual: Json.optional() })),
});
type CaseResult = z.infer<typeof CaseResult>;

type Options = { case?: string[]; env: string; inspectScript?: boolean; json?: boolean };

/** `sluice test`: the project's saved cases, with the answers and the clock that each brings. Nothing is sent anywhere. */
export const registerTest: Register = (program, context, action) => {
  program
    .command('test')
    .description('run the project’s saved cases; nothing is sent anywhere')
    .argument('<dir>', 'the project’s folder')
    .option('--case <name...>', 'only these, by file name')
    .option('--env <name>', 'the environment with its variables', 'local')
    .option('--inspect-script', 'wait for a debugger, and let it step through JavaScript and TypeScript of code steps')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice test my-project')
    .action(
      action(async (dir: string, options: Options) => {
        const project = await loadForRun(context, dir);
        const known = Object.keys(project.tree.tests);
        const missing = options.case?.find((one) => !known.includes(one));
        if (missing !== undefined) {
          throw new SluiceError('request.invalid', `The project has no case "${missing}".`, {
            advice: `It has ${known.join(', ') || 'none'}.`,
          });
        }
        const cases = known.length === 0 ? [] : await runCases(context, project, options);
        const failed = cases.filter(({ passed }) => !passed).length;
        if (options.json) printJson(context, { passed: cases.length - failed, failed, cases });
        else {
          for (const one of cases) showCase(context, one);
          context.out(`${cases.length - failed} passed, ${failed} failed`);
        }
        return failed === 0 ? EXIT.ok : EXIT.failed;
      }),
    );
};

async function runCases(context: CliContext, { tree, dir }: LocalProject, options: Options): Promise<CaseResult[]> {
  const { vars } = environmentOf(tree, options.env);
  const results: CaseResult[] = [];
  const inspect = options.inspectScript ? await inspectFor(context, dir) : undefined;
  const only = options.case ? { only: options.case } : {};
  try {
    const asked = { tree: inspect ? patientTree(tree) : tree, vars, ...only };
    for await (const document of askRuntime(context, 'case', asked, inspect)) {
      results.push(parse(CaseResult, document, 'A result of the runtime', 'internal'));
    }
  } finally {
    await inspect?.close();
  }
  const wanted = options.case?.length ?? Object.keys(tree.tests).length;
  if (results.length === wanted) return results;
  throw new SluiceError('service.unavailable', `The runtime ended after ${results.length} of ${wanted} cases.`, {
    advice: 'The lines above say why.',
  });
}

function showCase(context: CliContext, { id, name, passed, differences }: CaseResult): void {
  context.out(`${passed ? 'passed' : 'FAILED'}  ${id}  ${name}`);
  for (const { where, expected, actual } of differences) {
    context.out(
      `        ${where}: expected ${JSON.stringify(expected) ?? 'nothing'}, got ${JSON.stringify(actual) ?? 'nothing'}`,
    );
  }
}
