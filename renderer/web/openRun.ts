import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { now } from '../state/store.ts';

/** Opens a hosted run in its project, with its data on the canvas. */
export async function openRun(run: Pick<RunSummary, 'id' | 'projectId'>): Promise<void> {
  try {
    await now().openProject(run.projectId);
    await now().lookAt(run.id, 'hosted');
  } catch (thrown) {
    now().fail(thrown, 'The run could not be opened');
  }
}
