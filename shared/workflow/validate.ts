import { nearest } from '../expression/nearest.ts';
import type { Json } from '../json.ts';
import { isTimezone } from '../schedule/next.ts';
import type { StepCatalog } from './catalog.ts';
import { jsonLength } from './jsonLength.ts';
import type { Problem } from './problem.ts';
import { settingExpressions } from './settingExpressions.ts';
import type { Sources } from './sources.ts';
import type { Tree, Workflow } from './tree.ts';
import { checkEdges, checkReach } from './validateEdges.ts';
import { checkMachine } from './validateMachines.ts';
import { checkExpressions, checkNames, checkStep, type Finding, namesOf, type Report } from './validateStep.ts';

/** What the desktop takes; plans set lower limits at publish (domain.md 10). */
export const MAX_STEPS = 5_000;
const MAX_DEFINITION = 1_000_000;
const MAX_TREE = 20_000_000;

/**
 * Looks for everything that would keep a project's workflows from running as meant. Errors block running and
 * publishing, never saving.
 *
 * @param sources where the tree was read from; without it, problems name the file but not the line
 * @returns in the order of workflows and steps, with file, line, column, message and advice
 */
export function validateTree(tree: Tree, catalog: StepCatalog, sources?: Sources): Problem[] {
  const problems: Problem[] = [];
  for (const [workflowId, workflow] of Object.entries(tree.workflows)) {
    const base = ['workflows', workflowId];
    const report: Report = ({ path, part, within }, finding) => {
      const stepId = path[0] === 'steps' && typeof path[1] === 'string' ? path[1] : undefined;
      const place = sources?.place([...base, ...path], part, within) ?? {
        file: `workflows/${workflow.slug}.yaml`,
        line: 1,
        column: 1,
      };
      problems.push({
        ...place,
        severity: 'error',
        workflowId,
        ...(stepId === undefined ? {} : { stepId }),
        ...finding,
      });
    };
    validateWorkflow(workflow, tree, catalog, report);
  }
  validateRest(tree, (path, finding, part) => {
    const file = path[0] === 'project' ? 'sluice.yaml' : `${path.slice(0, 2).join('/')}.yaml`;
    const place = sources?.place(path, part) ?? { file, line: 1, column: 1 };
    problems.push({ ...place, severity: 'error', ...finding });
  });
  return problems;
}

function validateWorkflow(workflow: Workflow, tree: Tree, catalog: StepCatalog, report: Report): void {
  const steps = Object.entries(workflow.steps);
  if (steps.length > MAX_STEPS) {
    const advice = 'Move a part into a workflow of its own and call it with flow.runWorkflow.';
    report(
      { path: ['steps'] },
      {
        code: 'workflow.too_big',
        message: `The workflow has ${steps.length} steps; at most ${MAX_STEPS} are allowed.`,
        advice,
      },
    );
  }
  if (jsonLength(workflow as unknown as Json) > MAX_DEFINITION) {
    const advice = 'Move long texts into scripts and data into tables.';
    report({ path: [] }, { code: 'workflow.too_big', message: 'The workflow is larger than 1 MB.', advice });
  }
  if (workflow.settings.timezone !== undefined && !isTimezone(workflow.settings.timezone)) {
    const message = `There is no time zone "${workflow.settings.timezone}".`;
    report(
      { path: ['settings', 'timezone'] },
      {
        code: 'config.invalid',
        field: 'settings.timezone',
        message,
        advice: 'Write a name like "Europe/Berlin" or "UTC".',
      },
    );
  }
  const known = namesOf(tree, workflow);
  checkNames(steps, report);
  for (const [stepId, step] of steps) checkStep(stepId, step, tree, catalog, known, report);
  for (const { path, text } of settingExpressions(workflow.settings)) {
    checkExpressions(text, ['settings', ...path], known, report);
  }
  const { errorWorkflow } = workflow.settings;
  if (errorWorkflow !== undefined && !Object.hasOwn(tree.workflows, errorWorkflow)) {
    report(
      { path: ['settings', 'errorWorkflow'] },
      {
        code: 'workflow.not_found',
        field: 'settings.errorWorkflow',
        message: `The error workflow "${errorWorkflow}" is not there.`,
        advice: 'Write the id of a workflow of this project.',
      },
    );
  }
  checkEdges(workflow, catalog, report);
  checkReach(workflow, catalog, report);
}

function validateRest(tree: Tree, report: (path: string[], finding: Finding, part?: 'key' | 'value') => void): void {
  const names = Object.keys(tree.connections);
  for (const [environment, { bindings }] of Object.entries(tree.environments)) {
    for (const name of Object.keys(bindings)) {
      if (Object.hasOwn(tree.connections, name)) continue;
      const near = nearest(name, names);
      const advice = near ? `Did you mean "${near}"?` : 'Take the line out, or add the connection.';
      const message = `The environment binds a connection "${name}" that the project does not have.`;
      report(
        ['environments', environment, 'bindings', name],
        { severity: 'warning', code: 'connection.not_found', field: `bindings.${name}`, message, advice },
        'key',
      );
    }
  }
  for (const [slug, one] of Object.entries(tree.tests)) {
    const workflow = tree.workflows[one.workflow];
    if (!workflow) {
      report(['tests', slug, 'workflow'], {
        code: 'workflow.not_found',
        field: 'workflow',
        message: `The case names a workflow "${one.workflow}" that is not there.`,
        advice: 'Write the id of a workflow, or its file name.',
      });
      continue;
    }
    if (one.trigger !== undefined && !Object.hasOwn(workflow.steps, one.trigger)) {
      const near = nearest(one.trigger, Object.keys(workflow.steps));
      report(['tests', slug, 'trigger'], {
        code: 'step.not_found',
        field: 'trigger',
        message: `There is no step "${one.trigger}" in the workflow.`,
        advice: near ? `Did you mean "${near}"?` : 'Name a trigger of it.',
      });
    }
  }
  for (const slug of Object.keys(tree.machines)) {
    for (const { path, code, ...finding } of checkMachine(tree, slug)) {
      report(['machines', slug, ...path.map(String)], { code, field: path.join('.'), ...finding });
    }
  }
  if (jsonLength(tree as unknown as Json) > MAX_TREE) {
    report(['project'], {
      code: 'project.too_large',
      message: 'The project is larger than 20 MB.',
      advice: 'Take scripts or pinned data out.',
    });
  }
}
