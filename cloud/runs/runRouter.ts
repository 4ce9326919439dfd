import type { Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { type MountDeps, mount } from '../server/mount.ts';
import { createRunService, type RunDeps } from './runService.ts';

export function runRouter(deps: RunDeps, http: MountDeps): Router {
  return mount('runs', cloudApi.runs, createRunService(deps), http);
}
