import { account } from './cloud/account.ts';
import { apiKeys } from './cloud/apiKeys.ts';
import { audit } from './cloud/audit.ts';
import { auth } from './cloud/auth.ts';
import { billing } from './cloud/billing.ts';
import { conflicts } from './cloud/conflicts.ts';
import { connections } from './cloud/connections.ts';
import { containers } from './cloud/containers.ts';
import { deployments } from './cloud/deployments.ts';
import { environments } from './cloud/environments.ts';
import { events } from './cloud/events.ts';
import { history } from './cloud/history.ts';
import { invitations, ownInvitations } from './cloud/invitations.ts';
import { members } from './cloud/members.ts';
import { notifications } from './cloud/notifications.ts';
import { projects } from './cloud/projects.ts';
import { runs } from './cloud/runs.ts';
import { search } from './cloud/search.ts';
import { secondFactor } from './cloud/secondFactor.ts';
import { sessions } from './cloud/sessions.ts';
import { versions } from './cloud/versions.ts';
import { workspaces } from './cloud/workspaces.ts';

/** Everything a desktop, a command line or a program may ask of the control plane. */
export const cloudApi = {
  auth,
  sessions,
  secondFactor,
  apiKeys,
  account,
  workspaces,
  members,
  invitations,
  ownInvitations,
  notifications,
  projects,
  conflicts,
  history,
  versions,
  environments,
  deployments,
  connections,
  runs,
  events,
  billing,
  containers,
  search,
  audit,
} as const;
export type CloudApi = typeof cloudApi;
