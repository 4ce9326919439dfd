import { useEffect, useSyncExternalStore } from 'react';
import { cloudClient } from '../host/webLink.ts';
import { useRefresh } from './useRefresh.ts';

const REFRESH_MS = 30_000;
const listeners = new Set<() => void>();
let unread = 0;

/** Asks how many notifications are unread. Where that cannot be said, it stays as it was. */
export async function readUnread(): Promise<void> {
  const answer = await cloudClient()
    .then((cloud) => cloud.notifications.countUnread({}))
    .catch(() => undefined);
  if (!answer || answer.unread === unread) return;
  unread = answer.unread;
  for (const listener of listeners) listener();
}

/** How many notifications are unread; asked anew with each place that is opened, and now and then. */
export function useUnread(place: string): number {
  // biome-ignore lint/correctness/useExhaustiveDependencies: another place is a reason to ask again.
  useEffect(() => void readUnread(), [place]);
  useRefresh(readUnread, REFRESH_MS);
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => unread,
  );
}
