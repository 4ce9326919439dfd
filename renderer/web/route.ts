import { useSyncExternalStore } from 'react';
import { projectOfPath, WEB_SCREENS, type WebScreen } from '#shared/webScreens.ts';

export const SCREENS = WEB_SCREENS;
export type ScreenName = WebScreen;

export type Route = { kind: 'project'; projectId: string } | { kind: 'screen'; screen: ScreenName };

export function routeOf(path: string): Route {
  const projectId = projectOfPath(path);
  if (projectId) return { kind: 'project', projectId };
  const [, , name] = path.split('/');
  const screen = SCREENS.find((one) => one === name) ?? 'projects';
  return { kind: 'screen', screen };
}

export const pathOf = (screen: ScreenName): string => (screen === 'projects' ? '/app' : `/app/${screen}`);
export const pathOfProject = (projectId: string): string => `/app/p/${projectId}`;

const listeners = new Set<() => void>();

/** Goes to an address of the web without loading the page anew. */
export function navigate(path: string, { replace = false } = {}): void {
  if (path === window.location.pathname) return;
  if (replace) window.history.replaceState(null, '', path);
  else window.history.pushState(null, '', path);
  for (const listener of listeners) listener();
}

export function usePath(): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      window.addEventListener('popstate', listener);
      return () => {
        listeners.delete(listener);
        window.removeEventListener('popstate', listener);
      };
    },
    () => window.location.pathname,
  );
}
