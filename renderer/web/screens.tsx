import { type ComponentType, lazy } from 'react';
import type { ScreenName } from './route.ts';

/** Each screen comes when it is first looked at. */
export const SCREEN_PARTS: Record<ScreenName, ComponentType> = {
  overview: lazy(() => import('./OverviewScreen.tsx').then((file) => ({ default: file.OverviewScreen }))),
  projects: lazy(() => import('./ProjectsScreen.tsx').then((file) => ({ default: file.ProjectsScreen }))),
  runs: lazy(() => import('./WorkspaceRuns.tsx').then((file) => ({ default: file.WorkspaceRuns }))),
  versions: lazy(() => import('./VersionsScreen.tsx').then((file) => ({ default: file.VersionsScreen }))),
  connections: lazy(() =>
    import('./WorkspaceConnections.tsx').then((file) => ({ default: file.WorkspaceConnections })),
  ),
  members: lazy(() => import('./MembersScreen.tsx').then((file) => ({ default: file.MembersScreen }))),
  keys: lazy(() => import('./KeysScreen.tsx').then((file) => ({ default: file.KeysScreen }))),
  workspace: lazy(() => import('./WorkspaceScreen.tsx').then((file) => ({ default: file.WorkspaceScreen }))),
  notifications: lazy(() =>
    import('./NotificationsScreen.tsx').then((file) => ({ default: file.NotificationsScreen })),
  ),
  sessions: lazy(() => import('./SessionsScreen.tsx').then((file) => ({ default: file.SessionsScreen }))),
  audit: lazy(() => import('./AuditScreen.tsx').then((file) => ({ default: file.AuditScreen }))),
};
