import { basename, relative, resolve } from 'node:path';
import { v7 as uuid } from 'uuid';
import { createFromTemplate, listTemplates } from '../host/templates.ts';
import { EXIT, printJson, type Register } from './context.ts';
import { loadProject } from './localProject.ts';

/** `sluice new`: a project to start from. */
export const registerNew: Register = (program, context, action) => {
  program
    .command('new')
    .description('make a project from a template')
    .argument('<dir>', 'a folder that is empty or not there yet')
    .option('-t, --template <name>', 'hello, issue-triage or blank', 'hello')
    .option('-n, --name <name>', 'the project’s name; by default the folder’s')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ sluice new triage --template issue-triage')
    .action(
      action(async (folder: string, options: { template: string; name?: string; json?: boolean }) => {
        const dir = resolve(context.cwd, folder);
        await createFromTemplate({ dir, name: options.name ?? basename(dir), template: options.template }, { uuid });
        const { tree } = await loadProject(context, dir);
        if (options.json) {
          printJson(context, { id: tree.project.id, dir });
          return EXIT.ok;
        }
        const near = relative(context.cwd, dir) || '.';
        const shown = near.startsWith('..') ? dir : near;
        const template = (await listTemplates()).find(({ name }) => name === options.template);
        context.out(`Made ${shown} from "${template?.title ?? options.template}".`);
        context.out(`Next:  sluice validate ${shown}`);
        // What starts by hand is run; what waits for a call is served.
        const byHand = Object.values(tree.workflows).find(({ steps }) =>
          Object.values(steps).some(({ uses }) => uses === 'trigger.manual'),
        );
        context.out(byHand ? `       sluice run ${shown} ${byHand.slug}` : `       sluice serve ${shown}`);
        return EXIT.ok;
      }),
    );
};
