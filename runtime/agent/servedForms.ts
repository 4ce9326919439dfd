import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { FormConfig } from '../connectors/trigger/formConfig.ts';
import { triggersOf } from './servedTriggers.ts';

/** A form of a served project. `path`: without the slash before it. */
export type Form = { workflowId: string; workflowName: string; stepId: string; path: string; config: FormConfig };

/** The enabled forms of a project, by path. @throws SluiceError config.invalid, also where two have one path */
export function formsOf(tree: Tree): Map<string, Form> {
  const forms = new Map<string, Form>();
  for (const { workflowId, workflowName, stepId, step } of triggersOf(tree, 'trigger.form')) {
    const config = parse(FormConfig, step.config, `The form ${stepId} of ${workflowName}`, 'config.invalid');
    const path = config.path.replace(/^\//, '');
    const other = forms.get(path);
    if (other) {
      throw new SluiceError(
        'config.invalid',
        `Two forms are at /forms/${path}: ${other.stepId} of ${other.workflowName} and ${stepId} of ${workflowName}.`,
        { advice: 'Give one of them another path.', details: { path } },
      );
    }
    forms.set(path, { workflowId, workflowName, stepId, path, config });
  }
  return forms;
}
