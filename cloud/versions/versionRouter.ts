import type { Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { type MountDeps, mount } from '../server/mount.ts';
import { createVersionService, type VersionDeps } from './versionService.ts';

export function versionRouter(deps: VersionDeps, http: MountDeps): Router {
  return mount('versions', cloudApi.versions, createVersionService(deps), http);
}
