import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Capability } from '../server/capabilities.ts';
import { type MountedService, mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { insertWorkspace, listWorkspaces } from './workspaceStore.ts';

export function createWorkspaces(platform: Platform): Capability {
  const { db, secrets } = platform;
  const service: MountedService<typeof cloudApi.workspaces> = {
    list: (_input, { session }) => listWorkspaces(db, session.userId),
    create: ({ name }, { session, ip, userAgent, requestId }) =>
      insertWorkspace(db, secrets, { userId: session.userId, name: session.name, ip, userAgent, requestId }, name),
  };
  return { routers: [mount('workspaces', cloudApi.workspaces, service, platform)] };
}
