/** Everything a member may be allowed to do; also the scopes of API keys (domain.md 7). */
export const PERMISSIONS = [
  'workspace:read',
  'member:read',
  'workflow:read',
  'run:read',
  'usage:read',
  'connection:read',
  'project:write',
  'workflow:write',
  'sync:write',
  'workflow:execute',
  'run:cancel',
  'run:debug',
  'approval:decide',
  'deployment:write',
  'connection:write',
  'script:write',
  'agent:write',
  'plugin:write',
  'container:control',
  'webhook:write',
  'apikey:write',
  'member:write',
  'workspace:write',
  'audit:read',
  'data:export',
  'billing:read',
  'billing:write',
  'workspace:delete',
  'ownership:transfer',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

export const ROLES = ['owner', 'admin', 'editor', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

const upTo = (last: Permission): Permission[] => PERMISSIONS.slice(0, PERMISSIONS.indexOf(last) + 1);

/** The order of PERMISSIONS is the order of the table, so each role is a stretch from its beginning. */
const GRANTED: Record<Role, ReadonlySet<Permission>> = {
  viewer: new Set(upTo('connection:read')),
  editor: new Set(upTo('plugin:write')),
  admin: new Set(upTo('billing:read')),
  owner: new Set(PERMISSIONS),
};

/** What a role may do, before a membership's own additions and removals. */
export function permissionsOf(role: Role): ReadonlySet<Permission> {
  return GRANTED[role];
}
