import type { Permission } from '#shared/permission.ts';

const READ: Permission[] = ['workspace:read', 'workflow:read', 'run:read', 'usage:read', 'connection:read'];

/** What keys are mostly made for, each with what it takes and nothing more. */
export const KEY_PRESETS: Record<string, { title: string; scopes: Permission[] }> = {
  publish: {
    title: 'Sync and publish from a build',
    scopes: [...READ, 'project:write', 'workflow:write', 'sync:write', 'deployment:write', 'script:write'],
  },
  run: { title: 'Start, follow and cancel runs', scopes: [...READ, 'workflow:execute', 'run:cancel'] },
  read: { title: 'Only look', scopes: READ },
};
