import { createHash } from 'node:crypto';
import { v4 as randomId } from 'uuid';
import type { FeedRequest, Present } from '#shared/contract/feed.ts';

/** Where somebody is: what a desktop says of itself. */
export type Shown = Omit<Extract<FeedRequest, { type: 'presence' }>, 'type'>;

/** Told to every process, kept by none longer than the connection lasts. Without `shown` they have left the project. */
export type PresenceSignal = {
  kind: 'presence';
  workspaceId: string;
  projectId: string;
  who: Present;
  shown?: Shown;
};

export type PresenceSender = {
  who: Present;
  /** Takes the newest; at most one in 100 ms goes out, and the last one always does. */
  say(shown: Shown): void;
  /** Somebody came who has not heard of us yet. */
  sayAgain(projectId: string): void;
  /** No longer in this project, or nowhere any more. */
  leave(projectId?: string): void;
};

const EVERY_MS = 100;
/** More ids than this would not fit into one notification between processes. */
const SELECTION = 50;

/** One desktop as others see it: in one project at a time, like a person. */
export function createPresenceSender(
  { userId, name, workspaceId }: { userId: string; name: string; workspaceId: string },
  publish: (signal: PresenceSignal) => void,
): PresenceSender {
  // Of this connection alone, so that two windows of one person are told apart and no sign-in is named.
  const who: Present = { sessionId: randomId(), name: name.slice(0, 120), color: colorOf(userId) };
  let last: Shown | undefined;
  let isWaiting = false;
  let sentAt = Number.NEGATIVE_INFINITY;

  function send(): void {
    isWaiting = false;
    if (!last) return;
    sentAt = performance.now();
    publish({ kind: 'presence', workspaceId, projectId: last.projectId, who, shown: last });
  }

  function leave(projectId?: string): void {
    if (!last || (projectId !== undefined && projectId !== last.projectId)) return;
    const from = last.projectId;
    last = undefined;
    publish({ kind: 'presence', workspaceId, projectId: from, who });
  }

  function schedule(): void {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(send, Math.max(0, sentAt + EVERY_MS - performance.now()));
  }

  return {
    who,
    say(shown) {
      if (last && last.projectId !== shown.projectId) leave();
      last = { ...shown, selection: shown.selection.slice(0, SELECTION) };
      schedule();
    },
    sayAgain(projectId) {
      if (last?.projectId === projectId) schedule();
    },
    leave,
  };
}

/** The same for one person everywhere, without anybody having to agree on it. */
function colorOf(userId: string): number {
  return (createHash('sha256').update(userId).digest()[0] as number) % 8;
}
