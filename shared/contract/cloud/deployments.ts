import { z } from 'zod';
import { Uuid } from '../../ids.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { Deployment } from './common.ts';

export const deployments = {
  /** Publishing and rolling back are the same call, with a new version or an old one. */
  create: {
    route: 'POST /v1/projects/:projectId/deployments',
    access: 'deployment:write',
    rate: 'write',
    input: z.strictObject({ projectId: Uuid, environmentId: Uuid, versionId: Uuid }),
    output: Deployment,
  },
  get: {
    route: 'GET /v1/projects/:projectId/deployments/:deploymentId',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, deploymentId: Uuid }),
    output: Deployment,
  },
  list: {
    route: 'GET /v1/projects/:projectId/deployments',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, ...PageInput }),
    output: page(Deployment),
  },
  stop: {
    route: 'POST /v1/projects/:projectId/deployments/:deploymentId/stop',
    access: 'deployment:write',
    rate: 'write',
    input: z.strictObject({ projectId: Uuid, deploymentId: Uuid }),
    output: Deployment,
  },
} as const satisfies HttpGroup;
