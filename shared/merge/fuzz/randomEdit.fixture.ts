import { SluiceError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { applyEdit, type Edit } from '../../workflow/edit.ts';
import { getIn, setIn } from '../../workflow/plainData.ts';
import type { Tree, Workflow } from '../../workflow/tree.ts';
import { MAIN, pinOf, SIDE, TYPED } from './project.fixture.ts';
import type { Random } from './random.fixture.ts';

/** What a person, or an editor of files, does next. Values that are put somewhere occur once in a round, by `unique`. */
export function randomEdit(tree: Tree, random: Random, unique: () => number): Tree {
  for (let tries = 0; tries < 50; tries++) {
    const next = tryEdit(tree, random, unique);
    if (next !== undefined && next !== tree) return next;
  }
  return applyEdit(tree, { type: 'renameProject', name: `Name ${unique()}` });
}

function tryEdit(tree: Tree, random: Random, unique: () => number): Tree | undefined {
  const workflowId = random.chance(0.15) ? random.pick([SIDE, ...TYPED]) : MAIN;
  const workflow = tree.workflows[workflowId];
  const kind = random.below(100);
  try {
    if (kind < 14) return fileEdit(tree, random, unique);
    if (kind < 20) return restEdit(tree, random, unique);
    if (!workflow) return addWorkflow(tree, workflowId, unique);
    if (workflowId !== MAIN && kind < 25) return applyEdit(tree, { type: 'removeWorkflow', workflowId });
    if (kind < 28) return workflowEdit(tree, workflowId, workflow, random, unique);
    const edit = stepEdit(tree, workflowId, workflow, random, unique);
    return edit && applyEdit(tree, edit);
  } catch (thrown) {
    // What does not fit this tree is nothing that a person could have done.
    if (thrown instanceof SluiceError) return undefined;
    throw thrown;
  }
}

/** A workflow that is typed as a file: whoever types one under the same name gives it the same id. */
function addWorkflow(tree: Tree, workflowId: string, unique: () => number): Tree {
  const slug = `typed-${workflowId.at(-1)}`;
  const added = applyEdit(tree, { type: 'addWorkflow', workflowId, name: `Typed ${unique()}`, slug });
  const steps = ['typed_0', 'typed_1'].map(
    (id): Edit => ({
      type: 'addStep',
      workflowId,
      stepId: id,
      uses: 'items.set',
      config: { x: `v${unique()}` },
    }),
  );
  return [...steps, { type: 'addEdge', workflowId, edge: 'typed_0.main->typed_1.main' } as Edit].reduce(
    applyEdit,
    added,
  );
}

/** What concerns a workflow as a whole; also a step's id that is typed over in its file, with all that points at it. */
function workflowEdit(
  tree: Tree,
  workflowId: string,
  workflow: Workflow,
  random: Random,
  unique: () => number,
): Tree | undefined {
  const value = `v${unique()}`;
  const kind = random.below(4);
  if (kind === 0) return applyEdit(tree, { type: 'renameWorkflow', workflowId, name: value, slug: value });
  if (kind === 1) return applyEdit(tree, { type: 'setInputs', workflowId, inputs: { type: 'object', title: value } });
  if (kind === 2) return applyEdit(tree, { type: 'setInputs', workflowId });
  const ids = Object.keys(workflow.steps);
  const [from, to] = [random.pick(ids.slice(0, 12)), `typed_${random.below(3)}`];
  if (from === undefined || Object.hasOwn(workflow.steps, to)) return undefined;
  const text = JSON.stringify(workflow)
    .replaceAll(`"${from}"`, `"${to}"`)
    .replaceAll(`"${from}.`, `"${to}.`)
    .replaceAll(`->${from}.`, `->${to}.`)
    .replaceAll(`$('${from}')`, `$('${to}')`);
  const typed = applyEdit(tree, { type: 'replaceWorkflow', workflowId, workflow: JSON.parse(text) as Workflow });
  return tree.pins[workflowId]?.[from] ? applyEdit(typed, { type: 'removePin', workflowId, stepId: from }) : typed;
}

function stepEdit(
  tree: Tree,
  workflowId: string,
  workflow: Workflow,
  random: Random,
  unique: () => number,
): Edit | undefined {
  const ids = Object.keys(workflow.steps);
  // Half of all edits meet in a few steps, so that they do meet.
  const anId = () => (random.chance(0.5) ? ids[random.below(Math.min(8, ids.length))] : random.pick(ids)) ?? '';
  const edges = Object.keys(workflow.edges);
  const stepId = anId();
  const value = `v${unique()}`;
  const position: [number, number] = [unique(), random.below(100)];
  const setAt = (path: string[], put: Json | undefined): Edit => ({
    type: 'setConfig',
    workflowId,
    stepId,
    path,
    ...(put === undefined ? {} : { value: put }),
  });
  const edits: (() => Edit)[] = [
    () => setAt([random.pick(['x', 'y', 'z'])], value),
    () => setAt([random.pick(['x', 'y', 'z'])], value),
    () => setAt(['body', random.pick(['k', 'l', 'm'])], value),
    () => setAt(['body', 'l', 'deep'], value),
    () => setAt(['list'], [value, 2]),
    () => setAt([random.pick(['x', 'body', 'from'])], undefined),
    () => setAt(['from'], `=$('${anId()}').first().json.${value}`),
    () => setAt(['url'], `{{ $('${workflow.steps[anId()]?.name}').first().json.${value} }}`),
    () => ({ type: 'renameStep', workflowId, stepId, name: value }),
    () => ({ type: 'setStep', workflowId, stepId, field: 'notes', value }),
    () => ({ type: 'setStep', workflowId, stepId, field: 'uses', value: random.pick(['items.sort', 'items.limit']) }),
    () => ({ type: 'moveSteps', workflowId, positions: { [stepId]: position } }),
    () => ({ type: 'moveSteps', workflowId, positions: { [stepId]: position, [anId()]: [unique(), 1] } }),
    () => ({ type: 'removeStep', workflowId, stepId }),
    () => ({ type: 'removeStep', workflowId, stepId }),
    () => ({ type: 'addEdge', workflowId, edge: `${anId()}.main->${anId()}.main` }),
    () => ({ type: 'addEdge', workflowId, edge: `${anId()}.error->${anId()}.main` }),
    () => ({ type: 'removeEdge', workflowId, edge: random.pick(edges) }),
    () => ({ type: 'addStep', workflowId, stepId: `n${unique()}`, uses: 'items.set', ...hung(), config: { x: value } }),
    () => ({ type: 'addStep', workflowId, stepId: anId(), uses: 'items.set', splitEdge: random.pick(edges) }),
    () => ({
      type: 'addStep',
      workflowId,
      stepId: `typed_${random.below(3)}`,
      uses: random.pick(['items.set', 'items.sort', 'items.limit']),
      ...hung(),
      config: { x: value },
    }),
    () => ({ type: 'setPin', workflowId, stepId, ...pinOf(unique()) }),
    () => ({ type: 'removePin', workflowId, stepId: pinned(tree, workflowId, random) ?? stepId }),
    () => ({ type: 'setSettings', workflowId, settings: { ...workflow.settings, concurrencyKey: `=${value}` } }),
  ];
  const hung = () => (random.chance(0.7) ? { from: { stepId: anId(), port: 'main' }, position } : {});
  return ids.length === 0 || edges.length === 0 ? undefined : random.pick(edits)();
}

function pinned(tree: Tree, workflowId: string, random: Random): string | undefined {
  const ids = Object.keys(tree.pins[workflowId] ?? {});
  return ids.length === 0 ? undefined : random.pick(ids);
}

/** A line of a script: replaced, put in or taken out; or the script under another name, taken away or added. */
function fileEdit(tree: Tree, random: Random, unique: () => number): Tree | undefined {
  const paths = Object.keys(tree.scripts);
  if (paths.length === 0 || random.chance(0.04)) {
    const text = [1, 2, 3].map(() => `line ${unique()}`).join('\n');
    return applyEdit(tree, { type: 'setScript', path: random.pick(['typed.ts', `n${unique()}.ts`]), text });
  }
  const path = random.pick(paths);
  if (random.chance(0.03)) return applyEdit(tree, { type: 'removeScript', path });
  const text = tree.scripts[path] as string;
  if (random.chance(0.08)) {
    const moved = applyEdit(tree, { type: 'setScript', path: `m${unique()}.ts`, text });
    return applyEdit(moved, { type: 'removeScript', path });
  }
  const lines = text.split('\n');
  const at = random.below(lines.length);
  const put = random.chance(0.75) ? [`line ${unique()}`] : [];
  const next = lines.toSpliced(at, random.below(2), ...put).join('\n');
  return next === text ? undefined : applyEdit(tree, { type: 'setScript', path, text: next });
}

/** Environments, connections, tests and state machines. */
function restEdit(tree: Tree, random: Random, unique: () => number): Tree | undefined {
  const value = `v${unique()}`;
  const name = random.pick(['n', 'm', 'o', 'constructor']);
  const environment = random.pick(['local', 'staging']);
  const kind = random.below(11);
  if (kind === 8) {
    const record = random.chance(0.7) ? { record: value } : {};
    return applyEdit(tree, { type: 'setBinding', environment, connection: 'tracker', ...record });
  }
  if (kind === 9) return applyEdit(tree, { type: 'setConnection', name: random.pick(['tracker', 'mail']) });
  if (kind === 10) return applyEdit(tree, { type: 'removeCase', slug: random.pick(['first', 'second']) });
  if (kind < 3) return applyEdit(tree, { type: 'setVariable', environment, name, value });
  if (kind === 3 && getIn(tree, ['environments', environment, 'vars', name]) !== undefined)
    return applyEdit(tree, { type: 'setVariable', environment, name });
  if (kind === 4) return applyEdit(tree, { type: 'setEnvironment', name: environment });
  if (kind === 5)
    return applyEdit(tree, { type: 'setConnection', name: random.pick(['tracker', 'mail']), connector: value });
  if (kind === 6) {
    const slug = random.pick(['first', 'second']);
    const trigger = random.pick(['s0', 'typed_0', 'typed_1']);
    const expect = { steps: { [trigger]: [value] }, notRun: [random.pick(['s1', 'typed_2'])] };
    return applyEdit(tree, {
      type: 'addCase',
      slug,
      case: { name: value, workflow: MAIN, trigger, items: [], expect },
    });
  }
  return setIn(tree, ['machines', 'order', 'states', random.pick(['fresh', 'paid']), 'weight'], value);
}
