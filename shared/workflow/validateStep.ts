import { SluiceError } from '../error.ts';
import { nearest } from '../expression/nearest.ts';
import { isExpression } from '../expression/source.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { parseCron } from '../schedule/next.ts';
import { type StepCatalog, type StepTypeInfo, stepTypeInfo } from './catalog.ts';
import { expressionFault, expressionUse, type NameUse } from './expressionUse.ts';
import type { Problem } from './problem.ts';
import { type ConfigFault, checkConfig } from './schemaCheck.ts';
import type { Step, Tree, Workflow } from './tree.ts';

/** A place in a workflow, by its path there. */
export type Spot = { path: (string | number)[]; part?: 'key' | 'value'; within?: number };
/** What is wrong, for `validateTree` to add the place to. */
export type Finding = Pick<Problem, 'code' | 'message' | 'advice'> & {
  severity?: Problem['severity'];
  field?: string;
};
export type Report = (spot: Spot, finding: Finding) => void;

/** The names that expressions of a workflow may use. */
export type Names = { steps: Set<string>; env: Set<string> };

export function namesOf(tree: Tree, workflow: Workflow): Names {
  const vars = Object.values(tree.environments).flatMap((environment) => Object.keys(environment.vars));
  return { steps: new Set(Object.keys(workflow.steps)), env: new Set(vars) };
}

/** Names that two steps have. */
export function checkNames(steps: [string, Step][], report: Report): void {
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

/** Steps that nothing is wrong with and that name nothing else: they stay so, whatever changes around them. */
const sound = new WeakMap<Step, StepCatalog>();

/** One step: its type, config, connection, files and expressions. */
export function checkStep(
  stepId: string,
  step: Step,
  tree: Tree,
  catalog: StepCatalog,
  known: Names,
  report: Report,
): void {
  if (sound.get(step) === catalog) return;
  let found = 0;
  lookAtStep(stepId, step, tree, catalog, known, (spot, finding) => {
    found++;
    report(spot, finding);
  });
  if (found === 0 && namesNothing(step, catalog)) sound.set(step, catalog);
}

function namesNothing({ uses, connection, config }: Step, catalog: StepCatalog): boolean {
  if (connection !== undefined || uses.startsWith('code.') || uses === 'flow.runWorkflow') return false;
  const schema = stepTypeInfo(catalog, uses)?.configSchema;
  return expressionsIn(config, schema).every(
    ({ told }) => !told.fault && told.use.steps.length + told.use.env.length === 0,
  );
}

function lookAtStep(stepId: string, step: Step, tree: Tree, catalog: StepCatalog, known: Names, report: Report): void {
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
      for (const { path, part, ...fault } of faultsOf(info.configSchema, step.config)) {
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
export function checkExpressions(
  value: Json,
  path: (string | number)[],
  known: Names,
  report: Report,
  schema?: Json,
): void {
  for (const { at, told } of expressionsIn(value, schema)) checkExpression(told, [...path, ...at], known, report);
}

/** What is wrong with an expression, or else the names that it uses. */
type Told =
  | { fault: NonNullable<ReturnType<typeof expressionFault>> }
  | { fault?: undefined; use: { steps: NameUse[]; env: NameUse[] } };
/** And where in the config it stands. */
type Found = { at: (string | number)[]; told: Told };

/**
 * What a config says by itself, whatever else the project has, is found once: nobody changes one in place, and most edits
 * leave all others as they were.
 */
const remembered = new WeakMap<object, { schema: Json | undefined; found: Found[] }>();
const faults = new WeakMap<object, { schema: JsonObject; faults: ConfigFault[] }>();

function faultsOf(schema: JsonObject, config: JsonObject): ConfigFault[] {
  const known = faults.get(config);
  if (known?.schema === schema) return known.faults;
  const found = checkConfig(schema, config);
  faults.set(config, { schema, faults: found });
  return found;
}

function expressionsIn(value: Json, schema: Json | undefined): Found[] {
  if (typeof value !== 'object' || value === null) return collect(value, [], schema, []);
  const known = remembered.get(value);
  if (known && known.schema === schema) return known.found;
  const found = collect(value, [], schema, []);
  remembered.set(value, { schema, found });
  return found;
}

function collect(value: Json, at: (string | number)[], schema: Json | undefined, into: Found[]): Found[] {
  if (isJsonObject(schema) && schema.expression === false) return into;
  if (Array.isArray(value)) {
    const items = isJsonObject(schema) ? schema.items : undefined;
    for (const [i, one] of value.entries()) collect(one, [...at, i], items, into);
  } else if (isJsonObject(value)) {
    const fields = isJsonObject(schema) && isJsonObject(schema.properties) ? schema.properties : {};
    for (const [key, one] of Object.entries(value)) {
      collect(one, [...at, key], Object.hasOwn(fields, key) ? fields[key] : undefined, into);
    }
  } else if (typeof value === 'string' && isExpression(value)) {
    const fault = expressionFault(value);
    into.push({ at, told: fault ? { fault } : { use: expressionUse(value) } });
  }
  return into;
}

function checkExpression(told: Told, path: (string | number)[], known: Names, report: Report): void {
  const field = path.slice(path[0] === 'steps' ? 2 : 0).join('.');
  if (told.fault) {
    const { message, advice, offset } = told.fault;
    report({ path, within: offset }, { code: 'expression.syntax', field, message, advice });
    return;
  }
  const { use } = told;
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
