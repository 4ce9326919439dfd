import { rewriteReferences } from '../expression/references.ts';
import { isExpression } from '../expression/source.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { type StepCatalog, stepTypeInfo } from './catalog.ts';
import { edgeText, parseEdgeText } from './edgeText.ts';
import { SETTING_FIELDS, STEP_FIELDS } from './fileShapes.ts';
import { SETTING_EXPRESSIONS } from './settingExpressions.ts';
import { DEFAULT_SETTINGS, type Step, type Workflow } from './tree.ts';

const plain = (fields: Record<string, unknown>): JsonObject =>
  Object.assign(Object.create(null) as JsonObject, fields as JsonObject);

/** The mode that a step of this type has where its file does not say one; `each` where the type is not known. */
export function defaultMode(catalog: StepCatalog, uses: Json | undefined): 'each' | 'once' {
  return (typeof uses === 'string' && stepTypeInfo(catalog, uses)?.mode) || 'each';
}

/** A workflow as its file says it, with everything left out that is the default. */
export function workflowToDisk(id: string, workflow: Workflow, catalog: StepCatalog): JsonObject {
  const disk = plain({ id, name: workflow.name });
  if (workflow.tags !== undefined && workflow.tags.length > 0) disk.tags = workflow.tags;
  const settings = plain({});
  for (const field of SETTING_FIELDS) {
    const value = workflow.settings[field];
    if (value !== undefined && value !== (DEFAULT_SETTINGS as Record<string, unknown>)[field])
      settings[field] = value as Json;
  }
  if (Object.keys(settings).length > 0) disk.settings = settings;
  if (workflow.inputs !== undefined) disk.inputs = workflow.inputs;
  const steps = plain({});
  for (const [stepId, step] of Object.entries(workflow.steps)) steps[stepId] = stepToDisk(stepId, step, catalog);
  if (Object.keys(steps).length > 0) disk.steps = steps;
  const edges = Object.keys(workflow.edges);
  if (edges.length > 0) disk.edges = edges.map(edgeText);
  if (Object.keys(workflow.layout).length > 0) disk.layout = workflow.layout as unknown as JsonObject;
  return disk;
}

function stepToDisk(id: string, step: Step, catalog: StepCatalog): JsonObject {
  const known = stepTypeInfo(catalog, step.uses);
  const isDefault = (field: string, value: unknown) =>
    value === undefined ||
    (field === 'version' && value === 1) ||
    (field === 'name' && value === id) ||
    (field === 'config' && Object.keys(step.config).length === 0) ||
    (field === 'onError' && value === 'stop') ||
    // A type that is not here today may have another default tomorrow, so its mode is always said.
    (field === 'mode' && known !== undefined && value === known.mode);
  const disk = plain({});
  for (const field of STEP_FIELDS) if (!isDefault(field, step[field])) disk[field] = step[field] as Json;
  return disk;
}

/** Something in a workflow's data that could not be read, by its path in the file. */
export type DataFault = { path: (string | number)[]; code: string; message: string; advice: string };

export type WorkflowCandidate = {
  id: string | undefined;
  /** In the tree's shape, for the schema to check. Fields that nobody knows are still there. */
  workflow: JsonObject;
  faults: DataFault[];
  /** The position in the file's list, by edge. */
  edgeAt: Map<string, number>;
};

/**
 * What a workflow file says, in the tree's shape: defaults filled in, edges whole, and hand-typed names of steps and
 * slugs of workflows turned into ids.
 */
export function workflowFromDisk(
  data: JsonObject,
  slug: string,
  catalog: StepCatalog,
  workflowIdOf: (slug: string) => string | undefined,
): WorkflowCandidate {
  const { id, settings, steps, edges, layout, ...rest } = data;
  const faults: DataFault[] = [];
  const stepOf = stepNames(steps);
  const filled = plain({});
  if (isJsonObject(steps)) {
    for (const [stepId, step] of Object.entries(steps)) {
      filled[stepId] = isJsonObject(step) ? fillStep(stepId, step, catalog, stepOf, workflowIdOf) : step;
    }
  } else if (steps !== undefined && steps !== null) filled.steps = steps;
  const wholeEdges = plain({});
  const edgeAt = new Map<string, number>();
  const list = edges ?? [];
  if (Array.isArray(list)) {
    list.forEach((one, i) => {
      const key = typeof one === 'string' ? parseEdgeText(one, stepOf) : undefined;
      if (key === undefined) {
        faults.push({
          path: ['edges', i],
          code: 'edge.invalid',
          message: `${JSON.stringify(one)} is not an edge between two steps of this workflow.`,
          advice: 'Write "from.port -> to.port"; ".main" may be left out.',
        });
      } else if (!edgeAt.has(key)) {
        wholeEdges[key] = plain({});
        edgeAt.set(key, i);
      }
    });
  } else {
    const advice = 'Write one "- from.port -> to.port" a line below "edges:".';
    faults.push({ path: ['edges'], code: 'edge.invalid', message: 'The edges are not a list.', advice });
  }
  const workflow = plain({
    ...rest,
    slug,
    name: rest.name ?? slug,
    settings:
      settings === null || settings === undefined || isJsonObject(settings) ? fillSettings(settings, stepOf) : settings,
    steps: filled,
    edges: wholeEdges,
    layout: layout ?? plain({}),
  });
  return { id: typeof id === 'string' ? id : undefined, workflow, faults, edgeAt };
}

function fillSettings(settings: Json | undefined, stepOf: NameLookup): JsonObject {
  const filled = plain({ ...DEFAULT_SETTINGS, ...(isJsonObject(settings) ? settings : {}) });
  for (const [field, inner] of SETTING_EXPRESSIONS) {
    const value = filled[field];
    if (inner === undefined && typeof value === 'string') filled[field] = withIds(value, stepOf) as Json;
    else if (inner !== undefined && isJsonObject(value) && typeof value[inner] === 'string') {
      filled[field] = plain({ ...value, [inner]: withIds(value[inner], stepOf) as Json });
    }
  }
  return filled;
}

type NameLookup = (name: string) => string | undefined;

/** Finds a step by the name that only it has. An id is never taken for a name. */
export function stepNames(steps: Json | undefined): NameLookup {
  const ids = new Map<string, string | undefined>();
  if (!isJsonObject(steps)) return () => undefined;
  for (const [stepId, step] of Object.entries(steps)) {
    const name = isJsonObject(step) ? step.name : undefined;
    if (typeof name !== 'string' || Object.hasOwn(steps, name)) continue;
    ids.set(name, ids.has(name) ? undefined : stepId);
  }
  return (name) => ids.get(name);
}

function fillStep(
  stepId: string,
  step: JsonObject,
  catalog: StepCatalog,
  stepOf: NameLookup,
  workflowIdOf: NameLookup,
): JsonObject {
  const { disabled, ...given } = step;
  const filled = plain({ version: 1, name: stepId, onError: 'stop', mode: defaultMode(catalog, step.uses), ...given });
  filled.config = isJsonObject(given.config ?? {})
    ? (withIds(given.config ?? plain({}), stepOf) as Json)
    : (given.config as Json);
  if (disabled !== undefined && disabled !== false) filled.disabled = disabled;
  const config = filled.config;
  if (filled.uses === 'flow.runWorkflow' && isJsonObject(config) && typeof config.workflow === 'string') {
    const id = workflowIdOf(config.workflow);
    if (id !== undefined) filled.config = plain({ ...config, workflow: id });
  }
  return filled;
}

/** The same value with `$('name')` turned into `$('id')` in every expression; the value itself where nothing changes. */
function withIds(value: Json, stepOf: NameLookup): Json {
  if (typeof value === 'string') {
    if (!value.includes('$(') || !isExpression(value)) return value;
    return rewriteReferences(value, stepOf);
  }
  if (Array.isArray(value)) return value.map((one) => withIds(one, stepOf));
  if (!isJsonObject(value)) return value;
  const copy = plain({});
  for (const key of Object.keys(value)) copy[key] = withIds(value[key] as Json, stepOf);
  return copy;
}
