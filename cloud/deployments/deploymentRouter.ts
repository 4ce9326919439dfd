import type { Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { type MountDeps, mount } from '../server/mount.ts';
import { createDeploymentService, type DeploymentDeps } from './deploymentService.ts';

export function deploymentRouter(deps: DeploymentDeps, http: MountDeps): Router {
  return mount('deployments', cloudApi.deployments, createDeploymentService(deps), http);
}
