import type { StepState } from '#shared/run/foldRun.ts';
import { stepTypeInfo } from '#shared/workflow/catalog.ts';
import { parseEdge, type Step } from '#shared/workflow/tree.ts';
import { formFields, missingField } from '../inspector/formSchema.ts';
import type { StateName } from '../look/Badge.tsx';
import { formatDuration, plural } from '../look/format.ts';
import { openWorkflow } from './documentSlice.ts';
import { shownRunOf } from './runSlice.ts';
import { countItems, isStale, sourceOfStep, stateOfStep } from './runView.ts';
import type { EditorState } from './store.ts';
import { WAITS } from './waitWords.ts';

export const runStepById =
  (stepId: string) =>
  (state: EditorState): StepState | undefined =>
    shownRunOf(state)?.run.steps[stepId];

export const isPinned =
  (stepId: string) =>
  (state: EditorState): boolean =>
    state.workflowId !== undefined && state.doc?.tree.pins[state.workflowId]?.[stepId] !== undefined;

/** The name of the first required field that is empty. */
export const lackingField =
  (stepId: string) =>
  (state: EditorState): string | undefined => {
    const step = openWorkflow(state)?.steps[stepId];
    const info = step && stepTypeInfo(state.stepTypes, step.uses);
    if (!step) return undefined;
    if (!info) return 'Unknown step type';
    const missing = missingField(fieldsOf(info.configSchema), step.config);
    return missing && `${missing.title} is empty`;
  };

const cache = new WeakMap<object, ReturnType<typeof formFields>>();

/** The form of a step type; made once per type. */
export function fieldsOf(schema: Parameters<typeof formFields>[0]): ReturnType<typeof formFields> {
  const known = cache.get(schema);
  if (known) return known;
  const fields = formFields(schema);
  cache.set(schema, fields);
  return fields;
}

/** The one state that a card shows, from what the step is and what the run says. */
export const cardState =
  (stepId: string) =>
  (state: EditorState): StateName => {
    const ran = ranState(stepId)(state);
    return ran === 'idle' && !state.looking && lackingField(stepId)(state) ? 'lacks' : ran;
  };

/** As `cardState`, but for what the step lacks while nothing has run. */
export const ranState =
  (stepId: string) =>
  (state: EditorState): StateName => {
    const step = openWorkflow(state)?.steps[stepId];
    if (!step) return 'idle';
    if (step.disabled) return 'disabled';
    // Of another state of the project it matters how it differs.
    if (state.looking) return 'idle';
    const view = shownRunOf(state);
    const ran = stateOfStep(view?.run.steps[stepId]);
    if (ran === 'running' || ran === 'retrying' || ran === 'waiting') return ran;
    // Of a past run it matters what was pinned then.
    const pinned =
      state.readOnlyRun === undefined ? isPinned(stepId)(state) : sourceOfStep(view?.run.steps[stepId])?.kind === 'pin';
    if (pinned) return 'pinned';
    if (
      ran !== 'idle' &&
      state.readOnlyRun === undefined &&
      view?.workflow &&
      isStale(view.workflow.steps[stepId], step)
    )
      return 'stale';
    return ran;
  };

/** An edge in words: `24 items from Large order? (true) to Accept`. */
export const edgeWords =
  (key: string, count: number | undefined) =>
  (state: EditorState): string => {
    const { from, outPort, to } = parseEdge(key);
    const steps = openWorkflow(state)?.steps;
    const port = outPort === 'main' ? '' : ` (${outPort})`;
    const ends = `from ${steps?.[from]?.name ?? from}${port} to ${steps?.[to]?.name ?? to}`;
    return count === undefined ? ends : `${plural(count, 'item')} ${ends}`;
  };

/**
 * The line below a card's name: error or reason, items, connection, type; and what follows where there is room for it: the
 * time. Running times are the caller's.
 */
export function metaLine(
  step: Step,
  ran: StepState | undefined,
  state: StateName,
  lacks: string | undefined,
): [text: string, extra?: string] {
  if (state === 'succeeded' && ran) {
    const count = plural(countItems(ran.itemsOut), 'item');
    const text = ran.iterations > 1 ? `${plural(ran.iterations, 'run')}, ${count}` : count;
    const source = sourceOfStep(ran);
    if (source?.kind === 'earlier') return [text, source.partly ? 'partly earlier' : 'earlier run'];
    return ran.durationMs > 0 ? [text, formatDuration(ran.durationMs)] : [text];
  }
  return [stateWords(step, ran, state, lacks)];
}

function stateWords(step: Step, ran: StepState | undefined, state: StateName, lacks: string | undefined): string {
  switch (state) {
    case 'failed':
    case 'timed_out':
      return ran?.error?.message ?? 'Failed';
    case 'waiting':
      return ran?.wait ? WAITS[ran.wait.reason] : 'Waiting';
    case 'retrying':
      return `Attempt ${(ran?.attempt ?? 1) + 1}`;
    case 'skipped':
      return 'Branch not taken';
    case 'disabled':
      return 'Off';
    case 'stale':
      return 'Changed';
    case 'cancelled':
      return 'Cancelled';
    case 'pinned':
      return 'Pinned output';
    case 'lacks':
      return lacks ?? 'Not complete';
    default:
      return step.connection ?? step.uses;
  }
}
