import type { JsonObject } from '#shared/json.ts';
import { DEFAULT_SETTINGS, emptyTree, type Tree } from '#shared/workflow/tree.ts';

export const projectId = '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55';
export const workflowId = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';

/** A project with one workflow of two steps that nothing connects, each with this config. */
export function twoStepTree(config: JsonObject = {}): Tree {
  const step = (name: string) => ({
    ...{ uses: 'items.set', version: 1, name, config },
    ...{ onError: 'stop' as const, mode: 'each' as const },
  });
  const steps = { a_0000: step('A'), b_0000: step('B') };
  const workflow = { slug: 'w', name: 'W', settings: DEFAULT_SETTINGS, steps, edges: {}, layout: {} };
  return { ...emptyTree(projectId, 'P'), workflows: { [workflowId]: workflow } };
}
