import type { Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { type MountDeps, mount } from '../server/mount.ts';
import { createEnvironmentService, type EnvironmentDeps } from './environmentService.ts';

export function environmentRouter(deps: EnvironmentDeps, http: MountDeps): Router {
  return mount('environments', cloudApi.environments, createEnvironmentService(deps), http);
}
