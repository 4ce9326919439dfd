import type { Assignment } from '#shared/contract/agentApi.ts';
import type { StepError } from '#shared/run/events.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Plan } from './plan.ts';
import type { Guide } from './ports/guide.ts';
import type { Journal, RunLimits, RunPorts } from './ports/ports.ts';

export type RunJob = Pick<
  Assignment,
  | 'runId'
  | 'workflowId'
  | 'versionId'
  | 'environment'
  | 'connections'
  | 'triggerStepId'
  | 'input'
  | 'events'
  | 'partial'
  | 'resumeUrl'
  | 'retryOf'
  | 'recorded'
  | 'effectRunId'
> & { tree: Tree; execHash: string; runtimeHash: string; seed: string };

export type RunDeps = {
  ports: RunPorts;
  journal: Journal;
  limits: RunLimits;
  /** Aborted with a SluiceError run.cancelled to cancel, with anything else to let go without ending the run. */
  signal: AbortSignal;
  planOf?(tree: Tree, workflowId: string): Plan;
  /** The run follows a recorded one: what came from outside comes from there. */
  guide?: Guide;
};

export type RunOutcome = { status: 'succeeded' | 'failed' | 'cancelled' | 'timed_out' | 'waiting'; error?: StepError };
