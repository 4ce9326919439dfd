import { stepTypeInfo } from '#shared/workflow/catalog.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import { edgeKey, parseEdge } from '#shared/workflow/tree.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { hasComputer } from '../state/hostFacts.ts';
import { isPinned } from '../state/stepFacts.ts';
import { addStepEdit, openPort, placeOf } from '../state/steps.ts';
import { editor, now } from '../state/store.ts';
import type { AddAt } from '../state/viewSlice.ts';
import { nearestOutput } from './pinning.ts';

/** What the keys, the menus and the command bar do to the open workflow. Each does nothing while what is shown cannot be changed. */
function open() {
  const state = now();
  const workflow = openWorkflow(state);
  if (!workflow || state.workflowId === undefined || isReadOnly(state)) return undefined;
  return { state, workflow, workflowId: state.workflowId };
}

/** Opens the step search for a step after the selected one, or in the selected edge. */
export function addAfterSelection(): void {
  const here = open();
  if (!here) return;
  const { state, workflow } = here;
  const [edge] = state.selectedEdges;
  if (edge) {
    state.add({ splitEdge: edge });
    return;
  }
  const stepId = state.selection.at(-1);
  const port = stepId && openPort(state.stepTypes, workflow, stepId);
  state.add(stepId && port ? { from: { stepId, port } } : {});
}

/** Adds a step of a type and selects it. */
export function addStep(type: string, at: AddAt): void {
  const here = open();
  const info = here && stepTypeInfo(here.state.stepTypes, type);
  if (!here || !info) return;
  const { edits, stepId } = addStepEdit(here.workflowId, here.workflow, here.state.stepTypes, info, at, Math.random);
  if (here.state.edit(edits)) now().select([stepId]);
  now().add(undefined);
}

/** Deletes the selected steps and edges; a middle step leaves its edge healed. */
export function removeSelection(): void {
  const here = open();
  if (!here) return;
  const { state, workflowId } = here;
  const steps = state.selection.map((stepId): Edit => ({ type: 'removeStep', workflowId, stepId }));
  const gone = new Set(state.selection);
  const edges = state.selectedEdges
    .filter((key) => !gone.has(parseEdge(key).from) && !gone.has(parseEdge(key).to))
    .map((edge): Edit => ({ type: 'removeEdge', workflowId, edge }));
  if (steps.length + edges.length > 0 && state.edit([...edges, ...steps])) state.select([]);
}

export function toggleDisabled(stepIds: string[]): void {
  const here = open();
  if (!here) return;
  const { state, workflow, workflowId } = here;
  const off = stepIds.some((id) => !workflow.steps[id]?.disabled);
  state.edit(
    stepIds.map(
      (stepId): Edit => ({ type: 'setStep', workflowId, stepId, field: 'disabled', ...(off ? { value: true } : {}) }),
    ),
  );
}

export function moveSelection(dx: number, dy: number): void {
  const here = open();
  if (!here || here.state.selection.length === 0) return;
  const { state, workflow, workflowId } = here;
  const positions = Object.fromEntries(
    state.selection.map((id) => {
      const [x, y] = placeOf(workflow, id);
      return [id, [x + dx, y + dy] as [number, number]];
    }),
  );
  state.edit([{ type: 'moveSteps', workflowId, positions }], `move ${state.selection.join(' ')}`);
}

export function connectSteps(from: string, outPort: string, to: string, inPort: string): void {
  const here = open();
  here?.state.edit([{ type: 'addEdge', workflowId: here.workflowId, edge: edgeKey({ from, outPort, to, inPort }) }]);
}

/** Puts a step that hangs on nothing into an edge. */
export function putIntoEdge(stepId: string, key: string): void {
  const here = open();
  if (!here) return;
  const { state, workflow, workflowId } = here;
  const step = workflow.steps[stepId];
  const info = step && stepTypeInfo(state.stepTypes, step.uses);
  const inPort = info?.inputs[0];
  const outPort = openPort(state.stepTypes, workflow, stepId);
  if (!inPort || !outPort) return;
  const ends = parseEdge(key);
  state.edit([
    { type: 'removeEdge', workflowId, edge: key },
    { type: 'addEdge', workflowId, edge: edgeKey({ ...ends, to: stepId, inPort }) },
    { type: 'addEdge', workflowId, edge: edgeKey({ ...ends, from: stepId, outPort }) },
  ]);
}

/** Runs from a step: what comes before it is taken from the run that is shown. */
export function runFrom(stepId: string): void {
  const here = open();
  if (!here) return;
  const info = stepTypeInfo(here.state.stepTypes, here.workflow.steps[stepId]?.uses ?? '');
  if (info?.trigger) void here.state.start({ triggerStepId: stepId });
  else if (hasComputer(here.state)) void here.state.start({ fromStepId: stepId });
}

/** Runs this step alone, on what the steps before it gave. */
export function runOne(stepId: string): void {
  const here = open();
  if (!here || !hasComputer(here.state)) return;
  const info = stepTypeInfo(here.state.stepTypes, here.workflow.steps[stepId]?.uses ?? '');
  if (info?.trigger) void here.state.start({ triggerStepId: stepId, stopAfterStepId: stepId });
  else if (here.state.shownRun[here.workflowId]) void here.state.start({ fromStepId: stepId, stopAfterStepId: stepId });
  // Without a run to take the input from, the steps before it run too.
  else void here.state.start({ stopAfterStepId: stepId });
}

/** Keeps a step's output so that later runs give it without doing the work, or lets it go again. */
export async function togglePin(stepId: string): Promise<void> {
  const here = open();
  const { doc } = now();
  if (!here || !doc || !hasComputer(here.state)) return;
  const { state, workflowId } = here;
  const pinned = isPinned(stepId)(state);
  const items = pinned ? undefined : await nearestOutput(stepId);
  if (!pinned && !items) {
    state.say({
      kind: 'info',
      title: 'There is nothing to pin',
      text: 'Run the step once; then its output can be pinned.',
    });
    return;
  }
  try {
    await state.settled();
    await editor().client.documents.setPin({ projectId: doc.info.id, workflowId, stepId, items });
  } catch (thrown) {
    state.fail(thrown, pinned ? 'The output is still pinned' : 'The output was not pinned');
  }
}

/** Lays the cards out from left to right. The library comes only now. */
export async function tidyUp(): Promise<void> {
  const here = open();
  if (!here) return;
  const { layoutOf } = await import('./tidy.ts');
  const positions = layoutOf(here.workflow);
  if (Object.keys(positions).length > 0)
    here.state.edit([{ type: 'moveSteps', workflowId: here.workflowId, positions }]);
}
