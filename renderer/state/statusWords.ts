import type { z } from 'zod';
import type { Deployment } from '#shared/contract/cloud/common.ts';
import type { CloudApi } from '#shared/contract/cloudApi.ts';
import type { StateName } from '../look/Badge.tsx';

type Container = z.output<CloudApi['containers']['get']['output']>;
type Word = { state: StateName; word: string };

/** What a deployment's status is called, wherever it is shown. */
export const DEPLOYMENTS: Record<Deployment['status'], Word> = {
  queued: { state: 'queued', word: 'Queued' },
  validating: { state: 'running', word: 'Checking' },
  provisioning: { state: 'running', word: 'Starting' },
  active: { state: 'succeeded', word: 'Live' },
  stopped: { state: 'cancelled', word: 'Stopped' },
  superseded: { state: 'cancelled', word: 'Superseded' },
  failed: { state: 'failed', word: 'Failed' },
};

/** The same of a workspace's container. */
export const CONTAINERS: Record<Container['status'], Word> = {
  running: { state: 'succeeded', word: 'Running' },
  starting: { state: 'running', word: 'Starting' },
  upgrading: { state: 'running', word: 'Changing the runtime' },
  stopping: { state: 'running', word: 'Stopping' },
  sleeping: { state: 'idle', word: 'Asleep' },
  stopped: { state: 'cancelled', word: 'Stopped' },
  suspended: { state: 'waiting', word: 'Suspended' },
  error: { state: 'failed', word: 'Failed' },
};
