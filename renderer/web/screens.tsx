import type { ComponentType } from 'react';
import { part } from '../look/part.ts';
import type { ScreenName } from './route.ts';

/** Each screen comes when it is first looked at. */
export const SCREEN_PARTS: Record<ScreenName, ComponentType> = {
  overview: part(() => import('./OverviewScreen.tsx').then((file) => file.OverviewScreen)),
  projects: part(() => import('./ProjectsScreen.tsx').then((file) => file.ProjectsScreen)),
  runs: part(() => import('./WorkspaceRuns.tsx').then((file) => file.WorkspaceRuns)),
  versions: part(() => import('./VersionsScreen.tsx').then((file) => file.VersionsScreen)),
  connections: part(() => import('./WorkspaceConnections.tsx').then((file) => file.WorkspaceConnections)),
  members: part(() => import('./MembersScreen.tsx').then((file) => file.MembersScreen)),
  keys: part(() => import('./KeysScreen.tsx').then((file) => file.KeysScreen)),
  workspace: part(() => import('./WorkspaceScreen.tsx').then((file) => file.WorkspaceScreen)),
  notifications: part(() => import('./NotificationsScreen.tsx').then((file) => file.NotificationsScreen)),
  sessions: part(() => import('./SessionsScreen.tsx').then((file) => file.SessionsScreen)),
  audit: part(() => import('./AuditScreen.tsx').then((file) => file.AuditScreen)),
};
