import { useMemo } from 'react';
import type { Problem } from '#shared/workflow/problem.ts';
import type { Settings } from '#shared/workflow/tree.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { now, useEditor } from '../state/store.ts';

const NO_PROBLEMS: Problem[] = [];

export type SettingsOf = {
  settings: Settings;
  /** Changes some; what is undefined goes away. What is typed on in the same ones is undone together. */
  set: (change: Partial<Settings>) => void;
  /** What is wrong with a setting or below it, by where it stands: `rate.key`. */
  problemOf: (path: string) => string | undefined;
};

/** The settings of the open workflow, and how they are changed. */
export function useSettings(): SettingsOf | undefined {
  const settings = useEditor((state) => openWorkflow(state)?.settings);
  const workflowId = useEditor((state) => state.workflowId);
  const problems = useEditor((state) => state.doc?.problems ?? NO_PROBLEMS);
  return useMemo(() => {
    if (!settings || !workflowId) return undefined;
    return {
      settings,
      set(change) {
        const next = { ...settings, ...change };
        for (const key of Object.keys(next) as (keyof Settings)[]) if (next[key] === undefined) delete next[key];
        now().edit([{ type: 'setSettings', workflowId, settings: next }], `settings ${Object.keys(change).join()}`);
      },
      problemOf: (path) => settingProblem(problems, workflowId, path),
    };
  }, [settings, workflowId, problems]);
}

/** What is wrong at a setting, in words; errors before warnings. */
export function settingProblem(problems: readonly Problem[], workflowId: string, path: string): string | undefined {
  const field = `settings.${path}`;
  const here = problems.filter((one) => one.workflowId === workflowId && !one.stepId && one.field === field);
  const first = here.find(({ severity }) => severity === 'error') ?? here[0];
  return first && [first.message, first.advice].filter(Boolean).join(' ');
}
