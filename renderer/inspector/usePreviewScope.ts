import { useMemo } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { Scope } from '#shared/expression/expression.ts';
import { isJsonObject } from '#shared/json.ts';
import type { Item, Workflow } from '#shared/workflow/tree.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { shownRunOf } from '../state/runSlice.ts';
import { outputAtHand, useStepInput } from '../state/stepData.ts';
import { stepNames } from '../state/stepLists.ts';
import { now, useEditor } from '../state/store.ts';
import { previewScope } from './preview.ts';

export type FieldScope = {
  scope: Scope;
  /** How many items there are to look at; none where nothing has run yet. */
  count: number;
  index: number;
  steps: { id: string; name: string }[];
};

/** For fields that are literal, as those of connections and environments: nothing in them is an expression. */
export const NO_DATA: FieldScope = {
  scope: previewScope({
    items: [],
    itemIndex: 0,
    outputOf: () => undefined,
    stepExists: () => false,
    trigger: {},
    env: {},
    workflow: { id: '', name: '' },
    timezone: 'UTC',
    now: () => 0,
  }),
  count: 0,
  index: 0,
  steps: [],
};

const NOTHING: Record<string, never> = {};

/** The data that the fields of a step are tried on: the last run's items for the item that is looked at. */
export function useFieldScope(stepId: string): FieldScope {
  const { items } = useStepInput(stepId);
  const run = useEditor((state) => shownRunOf(state)?.run);
  const itemIndex = useEditor((state) => state.itemIndex);
  const name = useEditor((state) => openWorkflow(state)?.name ?? '');
  const timezone = useEditor((state) => openWorkflow(state)?.settings.timezone ?? 'UTC');
  const workflowId = useEditor((state) => state.workflowId);
  const env = useEditor((state) => state.doc?.tree.environments[run?.environment ?? 'local']?.vars ?? NOTHING);
  const steps = useNames();
  return useMemo(() => {
    const byRef = (ref: string) => steps.find((step) => step.id === ref || step.name === ref)?.id;
    const trigger = run?.triggerStepId ? outputAtHand(now(), run.triggerStepId)?.[0]?.json : undefined;
    const index = Math.min(itemIndex, Math.max(0, items.length - 1));
    const scope = previewScope({
      items,
      itemIndex: index,
      outputOf: (ref) => {
        const id = byRef(ref);
        return id === undefined ? undefined : outputAtHand(now(), id);
      },
      stepExists: (ref) => byRef(ref) !== undefined,
      trigger: trigger ?? {},
      env,
      workflow: { id: workflowId ?? '', name },
      timezone,
      now: Date.now,
    });
    return { scope, count: items.length, index, steps };
  }, [items, itemIndex, run, env, steps, workflowId, name, timezone]);
}

/**
 * The data that keys of a workflow's settings are tried on: what its trigger brought last, or its sample items. They are read
 * before a run begins, so they know no steps.
 */
export function useTriggerScope(): FieldScope {
  const workflow = useEditor(openWorkflow);
  const workflowId = useEditor((state) => state.workflowId);
  const run = useEditor((state) => shownRunOf(state)?.run);
  const itemIndex = useEditor((state) => state.itemIndex);
  const env = useEditor((state) => state.doc?.tree.environments[run?.environment ?? 'local']?.vars ?? NOTHING);
  return useMemo(() => {
    const items = (run?.triggerStepId && outputAtHand(now(), run.triggerStepId)) || samples(workflow);
    const index = Math.min(itemIndex, Math.max(0, items.length - 1));
    const scope = previewScope({
      items,
      itemIndex: index,
      outputOf: () => undefined,
      stepExists: () => false,
      trigger: items[0]?.json ?? {},
      env,
      workflow: { id: workflowId ?? '', name: workflow?.name ?? '' },
      timezone: workflow?.settings.timezone ?? 'UTC',
      now: Date.now,
    });
    return { scope, count: items.length, index, steps: [] };
  }, [workflow, workflowId, run, itemIndex, env]);
}

function samples(workflow: Workflow | undefined): Item[] {
  const manual = Object.values(workflow?.steps ?? {}).find(({ uses }) => uses === 'trigger.manual');
  const items = Array.isArray(manual?.config.items) ? manual.config.items : [];
  return items.filter(isJsonObject).map((json) => ({ json }));
}

/** The names of the steps, the same list while no name changes. */
function useNames(): { id: string; name: string }[] {
  const names = useEditor(useShallow((state) => stepNames(openWorkflow(state))));
  return useMemo(() => Object.entries(names).map(([id, name]) => ({ id, name })), [names]);
}
