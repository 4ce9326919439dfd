import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { SluiceError } from '#shared/error.ts';
import type { RunEvent, RunLogLine } from '#shared/run/events.ts';
import { boundCloud } from './cloudProject.ts';
import type { CliContext } from './context.ts';

export type RunSeen = { run: RunSummary; events: RunEvent[]; logs: RunLogLine[] };

/** The runs of a project in the cloud, newest first. */
export async function listHostedRuns(
  context: CliContext,
  folder: string,
  filter: { workflowId?: string; limit: number },
): Promise<RunSummary[]> {
  const { projectId, cloud } = await boundCloud(context, folder);
  return (await cloud.runs.list({ projectId, ...filter })).data;
}

/**
 * Looks at one hosted run, again and again: what was seen before is not fetched again.
 *
 * @param wanted its id; by default the newest
 * @throws SluiceError run.not_found
 */
export async function hostedRun(context: CliContext, folder: string, wanted?: string): Promise<() => Promise<RunSeen>> {
  const { projectId, cloud } = await boundCloud(context, folder);
  const newest = async () => (await cloud.runs.list({ projectId, limit: 1 })).data[0]?.id;
  const runId = wanted ?? (await newest());
  if (runId === undefined) {
    throw new SluiceError('run.not_found', 'Nothing of this project has run in the cloud yet.', {
      advice: 'Publish it first.',
    });
  }
  const events: RunEvent[] = [];
  return async () => {
    const run = await cloud.runs.get({ runId });
    for (;;) {
      const page = (await cloud.runs.events({ runId, after: events.at(-1)?.seq ?? 0 })).events;
      events.push(...page);
      if (page.length === 0) break;
    }
    return { run, events, logs: await cloud.runs.logs({ runId }) };
  };
}
