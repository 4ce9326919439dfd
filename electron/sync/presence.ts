import type { Service } from '#shared/contract/contract.ts';
import type { FeedMessage, FeedRequest } from '#shared/contract/feed.ts';
import type { Presence } from '#shared/contract/host/presence.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';

type Told = Extract<FeedMessage, { type: 'presence' | 'presence.left' }>;

export type PresenceDeps = {
  say(workspaceId: string, request: FeedRequest): void;
  onChanged(projectId: string, people: Presence[]): void;
  now(): number;
};

/** The server passes on ten words a second; more would only be thrown away. */
const SAY_MS = 100;
/** Whoever is not heard of for so long has gone without a word; those who are there say so again before. */
const SILENT_MS = 60_000;
const AGAIN_MS = 20_000;

/** Where the others are in the open projects, and where this person is, for them. Nothing of it is kept. */
export function createPresence(deps: PresenceDeps) {
  const workspaces = new Map<string, string>();
  const others = new Map<string, Map<string, Presence & { seenAt: number }>>();
  const mine = new Map<string, { request: FeedRequest; saidAt: number; timer?: NodeJS.Timeout }>();

  const tell = (projectId: string) => {
    const people = [...(others.get(projectId)?.values() ?? [])].map(({ seenAt: _, ...person }) => person);
    deps.onChanged(projectId, people);
  };
  function say(projectId: string): void {
    const workspaceId = workspaces.get(projectId);
    const own = mine.get(projectId);
    if (!own || workspaceId === undefined) return;
    clearTimeout(own.timer);
    own.timer = undefined;
    own.saidAt = deps.now();
    deps.say(workspaceId, own.request);
  }
  const again = setInterval(() => {
    for (const projectId of mine.keys()) say(projectId);
    for (const [projectId, people] of others) {
      const silent = [...people].filter(([, { seenAt }]) => deps.now() - seenAt > SILENT_MS);
      for (const [sessionId] of silent) people.delete(sessionId);
      if (silent.length > 0) tell(projectId);
    }
  }, AGAIN_MS);
  again.unref();

  return {
    watch: (workspaceId: string, projectId: string) => {
      workspaces.set(projectId, workspaceId);
    },
    unwatch: (projectId: string) => {
      clearTimeout(mine.get(projectId)?.timer);
      for (const map of [workspaces, others, mine]) map.delete(projectId);
    },
    /** The feed of a workspace is down: nobody is known to be anywhere. */
    lost: (workspaceId: string) => {
      for (const [projectId, people] of others) {
        if (workspaces.get(projectId) !== workspaceId || people.size === 0) continue;
        people.clear();
        tell(projectId);
      }
    },
    receive: (message: Told) => {
      const { projectId, who } = message;
      if (!workspaces.has(projectId)) return;
      const people = others.get(projectId) ?? new Map();
      others.set(projectId, people);
      if (message.type === 'presence.left') people.delete(who.sessionId);
      else {
        const { type: _t, projectId: _p, who: _w, ...shown } = message;
        people.set(who.sessionId, { ...who, ...shown, seenAt: deps.now() });
      }
      tell(projectId);
    },
    calls: {
      tell: ({ projectId, ...shown }) => {
        const before = mine.get(projectId);
        const own = { request: { type: 'presence' as const, projectId, ...shown }, saidAt: before?.saidAt ?? 0 };
        clearTimeout(before?.timer);
        const timer = setTimeout(() => say(projectId), Math.max(0, own.saidAt + SAY_MS - deps.now()));
        timer.unref();
        mine.set(projectId, { ...own, timer });
        return { done: true };
      },
    } satisfies Service<HostApi['presence']>,
    close: () => {
      clearInterval(again);
      for (const { timer } of mine.values()) clearTimeout(timer);
    },
  };
}
