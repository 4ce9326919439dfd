import type { Router } from 'express';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { type MountDeps, mount } from '../server/mount.ts';
import { type ConnectionDeps, createConnectionService } from './connectionService.ts';

export function connectionRouter(deps: ConnectionDeps, http: MountDeps): Router {
  return mount('connections', cloudApi.connections, createConnectionService(deps), http);
}
