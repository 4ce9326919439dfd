import { SluiceError } from '../error.ts';
import { nearest } from '../expression/nearest.ts';
import { isExpression } from '../expression/source.ts';
import { isJsonObject, type Json } from '../json.ts';
import { isTimezone, parseCron } from '../schedule/next.ts';
import { inputPorts, outputPorts, type StepCatalog, type StepTypeInfo, stepTypeInfo } from './catalog.ts';
import { expressionFault, expressionUse } from './expressionUse.ts';
import type { Problem } from './problem.ts';
import { checkConfig } from './schemaCheck.ts';
import type { Sources } from './sources.ts';
import { type Edge, parseEdge, type Step, type Tree, type Workflow } from './tree.ts';

/** What the desktop takes; plans set lower limits at publish (domain.md 10). */
export const MAX_STEPS = 5_000;
const MAX_DEFINITION = 1_000_000;
const MAX_TREE = 20_000_000;

type Place = { path: (string | number)[]; part?: 'key' | 'value'; within?: number };
type Finding = Pick<Problem, 'code' | 'message' | 'advice'> & { severity?: Problem['severity']; field?: string };
type Report = (place: Place, finding: Finding) => void;

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
    const place = sources?.place(path, part) ?? { file: `${path.slice(0, 2).join('/')}.yaml`, line: 1, column: 1 };
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
  if (JSON.stringify(workflow).length > MAX_DEFINITION) {
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
  const { concurrencyKey } = workflow.settings;
  if (concurrencyKey !== undefined) checkExpressions(concurrencyKey, ['settings', 'concurrencyKey'], known, report);
  checkEdges(workflow, catalog, report);
  checkReach(workflow, catalog, report);
}

/** The names that expressions of a workflow may use. */
type Names = { steps: Set<string>; env: Set<string> };

function namesOf(tree: Tree, workflow: Workflow): Names {
  const vars = Object.values(tree.environments).flatMap((environment) => Object.keys(environment.vars));
  return { steps: new Set(Object.keys(workflow.steps)), env: new Set(vars) };
}

function checkNames(steps: [string, Step][], report: Report): void {
  const first = new Map<string, string>();
  for (const [stepId, { name }] of steps) {
    const other = first.get(name);
    if (other === undefined) first.set(name, stepId);
    else {
      const advice = 'Give one of them another name, so that people can tell them apart.';
      report(
        { path: ['steps', stepId, 'name'] },
        {
          code: 'step.name_taken',
          field: 'name',
          message: `The step "${other}" has the name "${name}" as well.`,
          advice,
        },
      );
    }
  }
}

function checkStep(stepId: string, step: Step, tree: Tree, catalog: StepCatalog, known: Names, report: Report): void {
  const base = ['steps', stepId];
  const info = stepTypeInfo(catalog, step.uses);
  if (!info) {
    const near = nearest(step.uses, Object.keys(catalog));
    const advice = near ? `Did you mean "${near}"?` : 'Choose a type from the step library, or install what brings it.';
    report(
      { path: [...base, 'uses'] },
      { code: 'step.type_unknown', field: 'uses', message: `There is no step type "${step.uses}".`, advice },
    );
  } else {
    if (step.version > info.version) {
      const message = `The step was made for version ${step.version} of ${step.uses}; this Sluice has version ${info.version}.`;
      report(
        { path: [...base, 'version'] },
        { code: 'step.version_unknown', field: 'version', message, advice: 'Install the newest Sluice.' },
      );
    }
    // A config of an older version has an older shape; the type upgrades it when the step runs.
    if (step.version === info.version) {
      for (const { path, part, ...fault } of checkConfig(info.configSchema, step.config)) {
        report({ path: [...base, 'config', ...path], part }, { ...fault, field: ['config', ...path].join('.') });
      }
    }
    checkConnection(base, step, info, tree, report);
    if (step.uses === 'trigger.schedule') checkSchedule(base, step, report);
  }
  const { script, workflow } = step.config;
  if (step.uses.startsWith('code.') && typeof script === 'string') {
    const path = script.replace(/^scripts\//, '');
    if (!Object.hasOwn(tree.scripts, path)) {
      const near = nearest(path, Object.keys(tree.scripts));
      const advice = near ? `Did you mean "scripts/${near}"?` : 'Make the file, or choose another one.';
      report(
        { path: [...base, 'config', 'script'] },
        { code: 'script.not_found', field: 'config.script', message: `There is no file scripts/${path}.`, advice },
      );
    }
  }
  if (step.uses === 'flow.runWorkflow' && typeof workflow === 'string' && !Object.hasOwn(tree.workflows, workflow)) {
    const near = nearest(
      workflow,
      Object.values(tree.workflows).map(({ slug }) => slug),
    );
    const advice = near ? `Did you mean "${near}"?` : 'Choose a workflow of this project.';
    report(
      { path: [...base, 'config', 'workflow'] },
      { code: 'workflow.not_found', field: 'config.workflow', message: `There is no workflow "${workflow}".`, advice },
    );
  }
  checkExpressions(step.config, [...base, 'config'], known, report, info?.configSchema);
}

function checkConnection(base: string[], step: Step, info: StepTypeInfo, tree: Tree, report: Report): void {
  const path = [...base, 'connection'];
  const { connection } = step;
  if (connection === undefined) return;
  const there = Object.hasOwn(tree.connections, connection) ? tree.connections[connection] : undefined;
  if (!there) {
    const near = nearest(connection, Object.keys(tree.connections));
    const advice = near ? `Did you mean "${near}"?` : 'Add it to connections.yaml, or choose another one.';
    report(
      { path },
      { code: 'connection.not_found', field: 'connection', message: `There is no connection "${connection}".`, advice },
    );
  } else if (info.connector !== undefined && there.connector !== info.connector) {
    const message = `"${connection}" is a connection of ${there.connector}; ${info.title} needs one of ${info.connector}.`;
    report(
      { path },
      { code: 'connection.wrong_connector', field: 'connection', message, advice: 'Choose another connection.' },
    );
  }
}

function checkSchedule(base: string[], step: Step, report: Report): void {
  const { cron, timezone } = step.config;
  if (typeof cron !== 'string' || isExpression(cron)) return;
  try {
    parseCron(cron, typeof timezone === 'string' && !isExpression(timezone) ? timezone : undefined);
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    const field = thrown.details?.field === 'timezone' ? 'timezone' : 'cron';
    report(
      { path: [...base, 'config', field] },
      { code: thrown.code, field: `config.${field}`, message: thrown.message, advice: thrown.advice ?? '' },
    );
  }
}

/** Looks at every expression in a value, and reports the character that is wrong. */
function checkExpressions(value: Json, path: (string | number)[], known: Names, report: Report, schema?: Json): void {
  if (isJsonObject(schema) && schema.expression === false) return;
  if (Array.isArray(value)) {
    const items = isJsonObject(schema) ? schema.items : undefined;
    for (const [i, one] of value.entries()) checkExpressions(one, [...path, i], known, report, items);
  } else if (isJsonObject(value)) {
    const fields = isJsonObject(schema) && isJsonObject(schema.properties) ? schema.properties : {};
    for (const [key, one] of Object.entries(value)) {
      checkExpressions(one, [...path, key], known, report, Object.hasOwn(fields, key) ? fields[key] : undefined);
    }
  } else if (typeof value === 'string' && isExpression(value)) checkExpression(value, path, known, report);
}

function checkExpression(source: string, path: (string | number)[], known: Names, report: Report): void {
  const field = path.slice(path[0] === 'steps' ? 2 : 0).join('.');
  const fault = expressionFault(source);
  if (fault) {
    report(
      { path, within: fault.offset },
      { code: 'expression.syntax', field, message: fault.message, advice: fault.advice },
    );
    return;
  }
  const use = expressionUse(source);
  for (const { name, offset } of use.steps) {
    if (known.steps.has(name)) continue;
    const near = nearest(name, known.steps);
    const advice = near ? `Did you mean $('${near}')?` : 'Choose a step of this workflow.';
    report(
      { path, within: offset },
      { code: 'step.not_found', field, message: `The expression names a step "${name}" that is not there.`, advice },
    );
  }
  for (const { name, offset } of use.env) {
    if (known.env.has(name)) continue;
    const near = nearest(name, known.env);
    const advice = near
      ? `Did you mean $env.${near}?`
      : 'Add it to the variables of the environments, or it will be undefined.';
    const message = `No environment has a variable "${name}".`;
    report(
      { path, within: offset },
      { severity: 'warning', code: 'environment.variable_unknown', field, message, advice },
    );
  }
}

function checkEdges(workflow: Workflow, catalog: StepCatalog, report: Report): void {
  const into = new Map<string, number>();
  for (const key of Object.keys(workflow.edges)) {
    const edge = parseEdge(key);
    const at = { path: ['edges', key] };
    const wrong = (code: string, message: string, advice: string) => report(at, { code, message, advice });
    const missing = [edge.from, edge.to].filter((stepId) => !Object.hasOwn(workflow.steps, stepId));
    for (const stepId of new Set(missing)) {
      const near = nearest(stepId, Object.keys(workflow.steps));
      wrong(
        'edge.dangling',
        `The edge ${key} leads to a step "${stepId}" that is not there.`.replace(
          'leads to',
          stepId === edge.from ? 'comes from' : 'leads to',
        ),
        near ? `Did you mean "${near}"?` : 'Take the edge out.',
      );
    }
    if (missing.length > 0) continue;
    const source = workflow.steps[edge.from] as Step;
    const target = workflow.steps[edge.to] as Step;
    const from = stepTypeInfo(catalog, source.uses);
    const to = stepTypeInfo(catalog, target.uses);
    if (from) checkPort(edge.outPort, outputPorts(from, source.config), 'output', edge.from, from, wrong);
    if (!to) continue;
    if (to.trigger || inputPorts(to).length === 0) {
      wrong(
        'edge.into_trigger',
        `The edge ${key} leads into "${edge.to}", which starts runs and takes no input.`,
        'Take the edge out.',
      );
      continue;
    }
    checkPort(edge.inPort, inputPorts(to), 'input', edge.to, to, wrong);
    checkSingle(edge, to, into, wrong);
  }
}

type Wrong = (code: string, message: string, advice: string) => void;

function checkPort(
  port: string,
  ports: string[],
  kind: string,
  stepId: string,
  info: StepTypeInfo,
  wrong: Wrong,
): void {
  if (ports.includes(port)) return;
  const there = ports.length === 0 ? 'It has none.' : `It has ${ports.map((one) => `"${one}"`).join(', ')}.`;
  const near = nearest(port, ports);
  wrong(
    'edge.port_unknown',
    `"${stepId}" (${info.title}) has no ${kind} port "${port}".`,
    near ? `Did you mean "${near}"? ${there}` : there,
  );
}

function checkSingle(edge: Edge, info: StepTypeInfo, into: Map<string, number>, wrong: Wrong): void {
  if (!info.singleInputs?.includes(edge.inPort)) return;
  const port = `${edge.to}.${edge.inPort}`;
  into.set(port, (into.get(port) ?? 0) + 1);
  if ((into.get(port) as number) > 1) {
    wrong(
      'edge.port_taken',
      `The port "${edge.inPort}" of "${edge.to}" takes one edge only.`,
      'Take one of the edges out.',
    );
  }
}

function checkReach(workflow: Workflow, catalog: StepCatalog, report: Report): void {
  const steps = Object.entries(workflow.steps);
  if (steps.length === 0) return;
  const isTrigger = (step: Step) => stepTypeInfo(catalog, step.uses)?.trigger ?? step.uses.startsWith('trigger.');
  const reached = new Set(steps.filter(([, step]) => isTrigger(step)).map(([stepId]) => stepId));
  if (reached.size === 0) {
    report(
      { path: ['steps'], part: 'key' },
      {
        code: 'workflow.no_trigger',
        message: 'Nothing starts this workflow.',
        advice: 'Add a trigger, for example a manual one.',
      },
    );
    return;
  }
  const next = new Map<string, string[]>();
  for (const key of Object.keys(workflow.edges)) {
    const { from, to } = parseEdge(key);
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  for (const stepId of reached) for (const to of next.get(stepId) ?? []) reached.add(to);
  for (const [stepId] of steps) {
    if (reached.has(stepId)) continue;
    const advice = 'Connect it, or take it out.';
    report(
      { path: ['steps', stepId], part: 'key' },
      {
        severity: 'warning',
        code: 'step.not_reached',
        message: `No trigger leads to "${stepId}", so it never runs.`,
        advice,
      },
    );
  }
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
        message: 'The case names a workflow that is not there.',
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
  if (JSON.stringify(tree).length > MAX_TREE) {
    report(['project'], {
      code: 'project.too_large',
      message: 'The project is larger than 20 MB.',
      advice: 'Take scripts or pinned data out.',
    });
  }
}
