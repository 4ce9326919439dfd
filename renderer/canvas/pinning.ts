import type { Item } from '#shared/workflow/tree.ts';
import { shownRunOf } from '../state/runSlice.ts';
import { itemsOf } from '../state/runView.ts';
import { now } from '../state/store.ts';

/** What the step gave on its first port in the shown run, in the iteration that is looked at. */
export async function nearestOutput(stepId: string): Promise<Item[] | undefined> {
  const view = shownRunOf(now());
  const runs = view?.run.steps[stepId]?.runs ?? [];
  const chosen = now().iteration[stepId];
  const run = runs.find((one) => one.iteration === chosen) ?? runs.at(-1);
  const outputs = Object.entries(run?.outputs ?? {}).filter(([port]) => port !== 'error');
  const payload = (outputs.find(([port]) => port === 'main') ?? outputs[0])?.[1];
  if (!view || !payload) return undefined;
  if ('blob' in payload) await now().fetchBlob(view.runId, payload.blob);
  return itemsOf([{ payload, stepId }], now().blobs)?.map(({ json, binary }) => ({
    json,
    ...(binary ? { binary } : {}),
  }));
}
