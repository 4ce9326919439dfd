import { useEffect, useMemo } from 'react';
import type { Payload } from '#shared/run/events.ts';
import type { StepRunState } from '#shared/run/foldRun.ts';
import type { Item, Workflow } from '#shared/workflow/tree.ts';
import { openWorkflow } from './documentSlice.ts';
import { edgesTo } from './edges.ts';
import type { OpenWait } from './openWaits.ts';
import { shownRunOf } from './runSlice.ts';
import { type InputPart, inputOf, itemsOf, missingBlobs, type RunView } from './runView.ts';
import { type EditorState, now, useEditor } from './store.ts';

/** The step run that the data views show: the iteration that was chosen, else the latest. */
export const stepRunOf =
  (stepId: string | undefined) =>
  (state: EditorState): StepRunState | undefined => {
    if (!stepId) return undefined;
    const runs = shownRunOf(state)?.run.steps[stepId]?.runs ?? [];
    return runs.find((run) => run.iteration === state.iteration[stepId]) ?? runs.at(-1);
  };

/** What the step run that the data views show waits for. */
export const openWaitOf =
  (stepId: string) =>
  (state: EditorState): OpenWait | undefined => {
    const iteration = stepRunOf(stepId)(state)?.iteration;
    return shownRunOf(state)?.waits.open.find(
      (one) => one.stepId === stepId && !one.path?.length && one.iteration === iteration,
    );
  };

export type StepInput = { items: Item[]; from: string | undefined; waiting: boolean };

/** What a step was given; where it has not run yet, what the steps before it would give it. */
export function inputParts(
  workflow: Pick<Workflow, 'edges'> | undefined,
  view: RunView | undefined,
  stepId: string,
  run: StepRunState | undefined,
): InputPart[] {
  if (!view || !workflow) return [];
  if (run && run.from.length > 0) {
    const ports = inputOf(view, run);
    return ports.main ?? Object.values(ports)[0] ?? [];
  }
  const parts: InputPart[] = [];
  for (const { from, outPort, inPort } of edgesTo(workflow, stepId)) {
    const payload = inPort !== 'next' ? view.run.steps[from]?.runs.at(-1)?.outputs?.[outPort] : undefined;
    if (payload) parts.push({ payload, stepId: from });
  }
  return parts.slice(0, 1);
}

/** The items before a step, fetched where they are kept apart. */
export function useStepInput(stepId: string): StepInput {
  // Whatever else of the workflow changes, the items before a step are the same.
  const edges = useEditor((state) => openWorkflow(state)?.edges);
  const view = useEditor(shownRunOf);
  const run = useEditor(stepRunOf(stepId));
  const parts = useMemo(() => inputParts(edges && { edges }, view, stepId, run), [edges, view, stepId, run]);
  const items = useParts(view, parts);
  return { items: items ?? [], from: parts[0]?.stepId, waiting: items === undefined };
}

/** The items of an output, by port. */
export function useOutput(stepId: string, payload: Payload | undefined): { items: Item[]; waiting: boolean } {
  const view = useEditor(shownRunOf);
  const parts = useMemo(() => (payload ? [{ payload, stepId }] : []), [payload, stepId]);
  const items = useParts(view, parts);
  return { items: items ?? [], waiting: items === undefined };
}

function useParts(view: RunView | undefined, parts: InputPart[]): Item[] | undefined {
  const blobs = useEditor((state) => state.blobs);
  const missing = view ? missingBlobs(parts, blobs).join(' ') : '';
  const runId = view?.runId;
  useEffect(() => {
    if (runId) for (const blob of missing.split(' ').filter(Boolean)) void now().fetchBlob(runId, blob);
  }, [runId, missing]);
  return useMemo(() => itemsOf(parts, blobs), [parts, blobs]);
}

/** The latest output of a step on its first port, as far as it is at hand. */
export function outputAtHand(state: EditorState, stepId: string): Item[] | undefined {
  const outputs = shownRunOf(state)?.run.steps[stepId]?.runs.at(-1)?.outputs;
  const payload = outputs?.main ?? Object.entries(outputs ?? {}).find(([port]) => port !== 'error')?.[1];
  return payload ? itemsOf([{ payload, stepId }], state.blobs) : undefined;
}
