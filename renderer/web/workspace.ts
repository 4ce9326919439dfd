import { useSyncExternalStore } from 'react';
import type { Workspace } from '#shared/contract/cloud/common.ts';
import { useEditor } from '../state/store.ts';

const KEPT_AT = 'workspace';
const listeners = new Set<() => void>();
let chosen = readKept();

function readKept(): string | undefined {
  try {
    return localStorage.getItem(KEPT_AT) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Looks at another workspace from now on, and at the next visit. */
export function chooseWorkspace(id: string): void {
  chosen = id;
  try {
    localStorage.setItem(KEPT_AT, id);
  } catch {
    // For as long as the page is open.
  }
  for (const listener of listeners) listener();
}

const NONE: Workspace = { id: '', name: 'No workspace', slug: 'none', role: 'viewer', plan: 'free' };

/** The workspace that the screens of the web are about: the chosen one, or the person's first. */
export function useWorkspace(): Workspace {
  const id = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => chosen,
  );
  const workspaces = useEditor((state) => state.account?.workspaces);
  return workspaces?.find((one) => one.id === id) ?? workspaces?.[0] ?? NONE;
}
