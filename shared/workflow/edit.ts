import { z } from 'zod';
import { SluiceError } from '../error.ts';
import { PortName, ScriptPath, Slug, StepId, slugOf, Uuid, VarName } from '../ids.ts';
import { issueWords } from '../issueWords.ts';
import { Json, JsonObject } from '../json.ts';
import { dataFault, getIn, setIn } from './plainData.ts';
import {
  Case,
  DEFAULT_SETTINGS,
  EdgeKey,
  Environment,
  edgeKey,
  parseEdge,
  Settings,
  Step,
  Tag,
  type Tree,
  Workflow,
} from './tree.ts';

const Position = z.tuple([z.number(), z.number()]);
const ofWorkflow = { workflowId: Uuid };
const ofStep = { workflowId: Uuid, stepId: StepId };
const Name = z.string().min(1).max(120);

/** One thing that a person does to a project. Ids come from the caller, so that replaying gives the same tree. */
export const Edit = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('renameProject'), name: Name }),
  /** The slug becomes the file's name; one that is taken gets a number. */
  z.strictObject({ type: z.literal('addWorkflow'), ...ofWorkflow, name: Name, slug: Slug.optional() }),
  z.strictObject({ type: z.literal('removeWorkflow'), ...ofWorkflow }),
  z.strictObject({ type: z.literal('renameWorkflow'), ...ofWorkflow, name: Name, slug: Slug.optional() }),
  /** No tag twice; an empty list takes them all away. */
  z.strictObject({ type: z.literal('setTags'), ...ofWorkflow, tags: z.array(Tag).max(20) }),
  z.strictObject({ type: z.literal('setSettings'), ...ofWorkflow, settings: Settings }),
  z.strictObject({ type: z.literal('setInputs'), ...ofWorkflow, inputs: JsonObject.optional() }),
  z.strictObject({
    type: z.literal('addStep'),
    ...ofStep,
    uses: Step.shape.uses,
    version: z.int().min(1).optional(),
    name: Name.optional(),
    config: JsonObject.optional(),
    /** The mode of the step's type; `each` without it. */
    mode: Step.shape.mode.optional(),
    connection: Slug.optional(),
    position: Position.optional(),
    /** The port that the new step hangs on. */
    from: z.strictObject({ stepId: StepId, port: PortName }).optional(),
    /** The edge that it is put into; its own ports are `inPort` and `outPort`. */
    splitEdge: EdgeKey.optional(),
    inPort: PortName.optional(),
    outPort: PortName.optional(),
  }),
  /** A step in the middle, with one way in and one out, leaves an edge behind. */
  z.strictObject({ type: z.literal('removeStep'), ...ofStep }),
  /** The id stays. */
  z.strictObject({ type: z.literal('renameStep'), ...ofStep, name: Name }),
  /** Without `value` the field goes away. An empty path is the whole config. List positions are digits. */
  z.strictObject({
    type: z.literal('setConfig'),
    ...ofStep,
    path: z.array(z.string()).max(64),
    value: Json.optional(),
  }),
  z.strictObject({
    type: z.literal('setStep'),
    ...ofStep,
    field: z.enum(['onError', 'retry', 'timeoutMs', 'mode', 'connection', 'notes', 'disabled', 'version', 'uses']),
    value: Json.optional(),
  }),
  z.strictObject({ type: z.literal('moveSteps'), ...ofWorkflow, positions: z.record(StepId, Position) }),
  z.strictObject({ type: z.literal('addEdge'), ...ofWorkflow, edge: EdgeKey }),
  z.strictObject({ type: z.literal('removeEdge'), ...ofWorkflow, edge: EdgeKey }),
  z.strictObject({
    type: z.literal('paste'),
    ...ofWorkflow,
    steps: z.record(StepId, Step),
    edges: z.array(EdgeKey),
    layout: z.record(StepId, Position),
  }),
  /** The workflow as an edited text says it; a workflow that is not there is added. */
  z.strictObject({ type: z.literal('replaceWorkflow'), ...ofWorkflow, workflow: Workflow }),
  z.strictObject({ type: z.literal('setScript'), path: ScriptPath, text: z.string().max(500_000) }),
  z.strictObject({ type: z.literal('removeScript'), path: ScriptPath }),
  /** Without `environment` it goes away. */
  z.strictObject({ type: z.literal('setEnvironment'), name: Slug, environment: Environment.optional() }),
  z.strictObject({ type: z.literal('setVariable'), environment: Slug, name: VarName, value: Json.optional() }),
  z.strictObject({ type: z.literal('setBinding'), environment: Slug, connection: Slug, record: Slug.optional() }),
  z.strictObject({ type: z.literal('setConnection'), name: Slug, connector: z.string().min(1).max(60).optional() }),
  z.strictObject({
    type: z.literal('setPin'),
    ...ofStep,
    hash: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: z.int().min(0),
  }),
  z.strictObject({ type: z.literal('removePin'), ...ofStep }),
  z.strictObject({ type: z.literal('addCase'), slug: Slug, case: Case }),
  z.strictObject({ type: z.literal('removeCase'), slug: Slug }),
]);
export type Edit = z.infer<typeof Edit>;

const refuse = (reason: string, advice = 'Nothing was changed.'): never => {
  throw new SluiceError('edit.invalid', reason, { advice });
};

/**
 * The tree after an edit. Pure: what did not change is shared with the tree that came in.
 *
 * @throws SluiceError edit.invalid with the reason; the tree that came in is never changed
 */
export function applyEdit(tree: Tree, edit: Edit): Tree {
  const fault = dataFault(edit);
  if (fault !== undefined) refuse(`This cannot be kept in a project: ${fault}.`);
  const put = (path: string[], value: unknown): Tree =>
    setIn(tree, path, value as Json | undefined) ?? refuse(`There is no ${path.slice(0, -1).join('/')}.`);
  const has = (kind: 'scripts' | 'connections' | 'environments' | 'tests', id: string) =>
    Object.hasOwn(tree[kind], id) || refuse(`There is no "${id}" in ${kind}.`);

  switch (edit.type) {
    case 'renameProject':
      return put(['project', 'name'], edit.name);
    case 'addWorkflow': {
      const { workflowId, name } = edit;
      if (tree.workflows[workflowId]) refuse('A workflow with this id is there already.');
      const slug = freeSlug(tree, edit.slug ?? slugOf(name), workflowId);
      return put(['workflows', workflowId], {
        slug,
        name,
        settings: DEFAULT_SETTINGS,
        steps: {},
        edges: {},
        layout: {},
      });
    }
    case 'removeWorkflow': {
      workflowOf(tree, edit.workflowId);
      const without = put(['workflows', edit.workflowId], undefined);
      return setIn(without, ['pins', edit.workflowId], undefined) ?? without;
    }
    case 'replaceWorkflow': {
      const { workflowId, workflow } = edit;
      return put(['workflows', workflowId], { ...workflow, slug: freeSlug(tree, workflow.slug, workflowId) });
    }
    case 'setScript':
      return put(['scripts', edit.path], edit.text.replaceAll('\r\n', '\n'));
    case 'removeScript':
      return has('scripts', edit.path) && put(['scripts', edit.path], undefined);
    case 'setEnvironment':
      if (edit.environment === undefined) has('environments', edit.name);
      return put(['environments', edit.name], edit.environment);
    case 'setVariable':
    case 'setBinding': {
      const known = tree.environments[edit.environment] ?? { vars: {}, bindings: {} };
      const path = edit.type === 'setVariable' ? ['vars', edit.name] : ['bindings', edit.connection];
      const changed = setIn(known, path, edit.type === 'setVariable' ? edit.value : edit.record);
      return put(['environments', edit.environment], changed);
    }
    case 'setConnection':
      if (edit.connector === undefined) has('connections', edit.name);
      return put(['connections', edit.name], edit.connector === undefined ? undefined : { connector: edit.connector });
    case 'addCase':
      return put(['tests', edit.slug], edit.case);
    case 'removeCase':
      return has('tests', edit.slug) && put(['tests', edit.slug], undefined);
    case 'setPin': {
      stepOf(workflowOf(tree, edit.workflowId), edit.stepId);
      const pins = { ...tree.pins[edit.workflowId], [edit.stepId]: { hash: edit.hash, bytes: edit.bytes } };
      return put(['pins', edit.workflowId], pins);
    }
    case 'removePin':
      return withoutPin(tree, edit.workflowId, edit.stepId);
    case 'removeStep': {
      const changed = put(['workflows', edit.workflowId], removeStep(workflowOf(tree, edit.workflowId), edit.stepId));
      return withoutPin(changed, edit.workflowId, edit.stepId);
    }
    default: {
      const workflow = workflowOf(tree, edit.workflowId);
      const slug =
        edit.type === 'renameWorkflow' && edit.slug ? freeSlug(tree, edit.slug, edit.workflowId) : workflow.slug;
      return put(['workflows', edit.workflowId], editWorkflow(workflow, edit, slug));
    }
  }
}

type WorkflowEdit = Extract<
  Edit,
  {
    type:
      | 'renameWorkflow'
      | 'setTags'
      | 'setSettings'
      | 'setInputs'
      | 'addStep'
      | 'renameStep'
      | 'setConfig'
      | 'setStep'
      | 'moveSteps'
      | 'addEdge'
      | 'removeEdge'
      | 'paste';
  }
>;

function editWorkflow(workflow: Workflow, edit: WorkflowEdit, slug: string): Workflow {
  const put = (path: string[], value: unknown): Workflow =>
    setIn(workflow, path, value as Json | undefined) ?? refuse(`There is no ${path.slice(0, -1).join('/')}.`);
  switch (edit.type) {
    case 'renameWorkflow':
      return slug === workflow.slug ? put(['name'], edit.name) : { ...put(['name'], edit.name), slug };
    case 'setTags':
      return put(['tags'], edit.tags.length > 0 ? [...new Set(edit.tags)] : undefined);
    case 'setSettings':
      return put(['settings'], edit.settings);
    case 'setInputs':
      return put(['inputs'], edit.inputs);
    case 'addStep':
      return addStep(workflow, edit);
    case 'renameStep':
      stepOf(workflow, edit.stepId);
      return put(['steps', edit.stepId, 'name'], edit.name);
    case 'setConfig': {
      const step = stepOf(workflow, edit.stepId);
      const config = edit.path.length === 0 ? (edit.value ?? {}) : setConfigAt(step.config, edit.path, edit.value);
      return put(['steps', edit.stepId], checkedStep(edit.stepId, { ...step, config }));
    }
    case 'setStep': {
      const step = stepOf(workflow, edit.stepId);
      const value = edit.field === 'disabled' && edit.value === false ? undefined : edit.value;
      const changed = setIn(step, [edit.field], value);
      return put(['steps', edit.stepId], checkedStep(edit.stepId, changed));
    }
    case 'moveSteps': {
      for (const stepId of Object.keys(edit.positions)) stepOf(workflow, stepId);
      return put(['layout'], { ...workflow.layout, ...edit.positions });
    }
    case 'addEdge':
      return put(['edges'], withEdge(workflow, edit.edge));
    case 'removeEdge':
      if (!Object.hasOwn(workflow.edges, edit.edge)) refuse(`There is no edge ${edit.edge}.`);
      return put(['edges', edit.edge], undefined);
    case 'paste': {
      const taken = Object.keys(edit.steps).find((id) => Object.hasOwn(workflow.steps, id));
      if (taken !== undefined) refuse(`The id "${taken}" is taken.`, 'Give pasted steps ids of their own.');
      const pasted = { ...workflow, steps: { ...workflow.steps, ...edit.steps } };
      const edges = edit.edges.reduce((all, key) => withEdge({ ...pasted, edges: all }, key), workflow.edges);
      return { ...pasted, edges, layout: { ...workflow.layout, ...edit.layout } };
    }
  }
}

/** Sets a field at any depth; the maps on the way are made where they are missing. */
function setConfigAt(config: JsonObject, path: string[], value: Json | undefined): JsonObject {
  let at = config;
  for (let depth = 1; depth < path.length; depth++) {
    const above = path.slice(0, depth);
    const there = getIn(at, above);
    if (typeof there === 'object' && there !== null) continue;
    if (value === undefined) return config;
    if (there !== undefined && there !== null) refuse(`The config has no place ${path.join('.')}.`);
    at = setIn(at, above, {}) ?? refuse(`The config has no place ${path.join('.')}.`);
  }
  return setIn(at, path, value) ?? refuse(`The config has no place ${path.join('.')}.`);
}

function addStep(workflow: Workflow, edit: Extract<Edit, { type: 'addStep' }>): Workflow {
  const { stepId, from, splitEdge, inPort = 'main', outPort = 'main' } = edit;
  if (Object.hasOwn(workflow.steps, stepId)) refuse(`The id "${stepId}" is taken.`);
  const step = checkedStep(stepId, {
    uses: edit.uses,
    version: edit.version ?? 1,
    name: edit.name ?? stepId,
    config: edit.config ?? {},
    ...(edit.connection === undefined ? {} : { connection: edit.connection }),
    onError: 'stop',
    mode: edit.mode ?? 'each',
  });
  const next: Workflow = { ...workflow, steps: { ...workflow.steps, [stepId]: step } };
  if (edit.position) next.layout = { ...workflow.layout, [stepId]: edit.position };
  if (splitEdge !== undefined) {
    if (!Object.hasOwn(workflow.edges, splitEdge)) refuse(`There is no edge ${splitEdge}.`);
    const { [splitEdge]: _, ...edges } = workflow.edges;
    const ends = parseEdge(splitEdge);
    next.edges = withEdge({ ...next, edges }, edgeKey({ ...ends, to: stepId, inPort }));
    next.edges = withEdge(next, edgeKey({ ...ends, from: stepId, outPort }));
  }
  if (from) next.edges = withEdge(next, edgeKey({ from: from.stepId, outPort: from.port, to: stepId, inPort }));
  return next;
}

function removeStep(workflow: Workflow, stepId: string): Workflow {
  stepOf(workflow, stepId);
  const { [stepId]: _step, ...steps } = workflow.steps;
  const { [stepId]: _place, ...layout } = workflow.layout;
  const ends = Object.keys(workflow.edges).map((key) => ({ key, ...parseEdge(key) }));
  const into = ends.filter(({ to }) => to === stepId);
  const outOf = ends.filter(({ from }) => from === stepId);
  const edges = Object.fromEntries(
    ends.filter(({ from, to }) => from !== stepId && to !== stepId).map(({ key }) => [key, {}]),
  );
  const [first, last] = [into[0], outOf[0]];
  if (first && last && into.length === 1 && outOf.length === 1 && last.outPort !== 'error' && first.from !== stepId) {
    edges[edgeKey({ from: first.from, outPort: first.outPort, to: last.to, inPort: last.inPort })] = {};
  }
  return { ...workflow, steps, edges, layout };
}

function withEdge(workflow: Workflow, key: string): Workflow['edges'] {
  const { from, to } = parseEdge(key);
  stepOf(workflow, from);
  stepOf(workflow, to);
  return Object.hasOwn(workflow.edges, key) ? workflow.edges : { ...workflow.edges, [key]: {} };
}

function withoutPin(tree: Tree, workflowId: string, stepId: string): Tree {
  const pins = tree.pins[workflowId];
  if (!pins || !Object.hasOwn(pins, stepId)) return tree;
  const { [stepId]: _, ...rest } = pins;
  const left = Object.keys(rest).length > 0 ? (rest as unknown as Json) : undefined;
  return setIn(tree, ['pins', workflowId], left) ?? tree;
}

function workflowOf(tree: Tree, workflowId: string): Workflow {
  const workflow = Object.hasOwn(tree.workflows, workflowId) ? tree.workflows[workflowId] : undefined;
  return workflow ?? refuse('There is no such workflow.', 'Somebody may have removed it. Undo brings it back.');
}

function stepOf(workflow: Workflow, stepId: string): Step {
  const step = Object.hasOwn(workflow.steps, stepId) ? workflow.steps[stepId] : undefined;
  return step ?? refuse(`There is no step "${stepId}" in "${workflow.name}".`, 'Somebody may have removed it.');
}

function checkedStep(stepId: string, step: unknown): Step {
  const checked = Step.safeParse(step);
  if (checked.success) return step as Step;
  const issue = checked.error.issues[0];
  return refuse(
    `"${issue?.path.join('.')}" of step "${stepId}" is not right: ${issue ? issueWords(issue) : 'no reason given'}.`,
  );
}

/** The slug, with a number where another workflow has it. */
function freeSlug(tree: Tree, slug: string, workflowId: string): string {
  const taken = new Set(Object.entries(tree.workflows).flatMap(([id, { slug }]) => (id === workflowId ? [] : [slug])));
  let free = slug;
  for (let n = 2; taken.has(free); n++) free = `${slug.slice(0, 58)}-${n}`;
  return free;
}
