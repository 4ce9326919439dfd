import { SluiceError } from '#shared/error.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { fromTime } from '#shared/time.ts';
import type { Settings } from '#shared/workflow/tree.ts';
import { failpoint } from '../failpoint.ts';
import { toPayload } from './payload.ts';
import type { NewEvent } from './ports/ports.ts';
import type { RunDeps, RunJob } from './runJob.ts';

/** Where a run begins: its seed and its moment, as they were written down. */
export async function beginRun(
  job: RunJob,
  { journal, limits, ports }: RunDeps,
): Promise<{ seed: string; at: string; events: readonly RunEvent[] }> {
  const begun = job.events.find((event) => event.type === 'run.started');
  if (begun && durabilityOf(job) === 'none') {
    throw new SluiceError('run.lost', 'The process that executed the run ended, and nothing of the run was kept.', {
      advice: 'Start it again, or set the workflow’s durability to step.',
    });
  }
  const recorded = (job.recorded ?? []).filter((event) => journal.keeps(event.type));
  if (begun) {
    // Cut off while it took over what an earlier run recorded, it goes on with that.
    const taken = job.events.filter((event) => event.source !== undefined).length;
    return { ...begun, events: [...job.events, ...recorded.slice(taken).map(takeOver)] };
  }
  const input = await toPayload(job.input, limits, ports.blobs);
  failpoint('run.before_start');
  const started = journal.append({
    type: 'run.started',
    workflowId: job.workflowId,
    ...(job.versionId ? { versionId: job.versionId } : {}),
    execHash: job.execHash,
    runtimeHash: job.runtimeHash,
    environment: job.environment.name,
    ...(job.environment.revision === undefined ? {} : { environmentRevision: job.environment.revision }),
    triggerStepId: job.triggerStepId,
    ...(Object.keys(job.environment.vars).length > 0 ? { vars: job.environment.vars } : {}),
    ...(job.resumeUrl === undefined ? {} : { resumeUrl: job.resumeUrl }),
    input,
    seed: job.seed,
    ...(job.retryOf === undefined ? {} : { retryOf: job.retryOf }),
  });
  failpoint('run.after_start');
  const events = recorded.length > 0 ? [started, ...recorded.map(takeOver)] : job.events;
  return { seed: job.seed, at: started.at, events };

  /** Says where it was recorded, and when. */
  function takeOver({ runId, seq: _seq, at, fence: _fence, ...event }: RunEvent): RunEvent {
    return journal.append({ ...event, source: event.source ?? runId } as NewEvent, fromTime(at));
  }
}

export function durabilityOf(job: RunJob): Settings['durability'] {
  return job.tree.workflows[job.workflowId]?.settings.durability ?? 'step';
}
