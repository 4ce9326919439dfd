import type { z } from 'zod';
import type { Presence } from '#shared/contract/host/presence.ts';
import type { HostApi, HostEvent } from '#shared/contract/hostApi.ts';
import type { Signal } from '../runs/signals.ts';
import { createPresenceSender, type PresenceSender, type PresenceSignal } from '../server/feedPresence.ts';

export type WebPresenceDeps = {
  who: { userId: string; name: string };
  publish(signal: Signal): void;
  emit(event: HostEvent): void;
  now(): number;
};

type Tell = z.output<HostApi['presence']['tell']['input']>;

/** Whoever is not heard of for so long has gone without a word; those who are there say so again before. */
const SILENT_MS = 60_000;
const AGAIN_MS = 20_000;

/** Where the others are in the projects that a window has open, and where this one is, for them. */
export function createWebPresence({ who, publish, emit, now }: WebPresenceDeps) {
  /** One for each workspace, as the signals of each stay in it. */
  const senders = new Map<string, PresenceSender>();
  const workspaces = new Map<string, string>();
  const others = new Map<string, Map<string, Presence & { seenAt: number }>>();

  function senderOf(workspaceId: string): PresenceSender {
    const sender = senders.get(workspaceId) ?? createPresenceSender({ ...who, workspaceId }, publish);
    senders.set(workspaceId, sender);
    return sender;
  }

  function changed(projectId: string): void {
    const people = [...(others.get(projectId)?.values() ?? [])].map(({ seenAt: _, ...person }) => person);
    emit({ type: 'presence.changed', projectId, people });
  }

  const again = setInterval(() => {
    for (const [projectId, workspaceId] of workspaces) senders.get(workspaceId)?.sayAgain(projectId);
    for (const [projectId, people] of others) {
      const silent = [...people].filter(([, { seenAt }]) => now() - seenAt > SILENT_MS);
      for (const [sessionId] of silent) people.delete(sessionId);
      if (silent.length > 0) changed(projectId);
    }
  }, AGAIN_MS);
  again.unref();

  return {
    opened(workspaceId: string, projectId: string): void {
      workspaces.set(projectId, workspaceId);
      publish({ kind: 'presence.who', workspaceId, projectId });
    },
    closed(projectId: string): void {
      const workspaceId = workspaces.get(projectId);
      if (workspaceId !== undefined) senders.get(workspaceId)?.leave(projectId);
      workspaces.delete(projectId);
      others.delete(projectId);
    },
    say({ projectId, ...shown }: Tell): void {
      const workspaceId = workspaces.get(projectId);
      if (workspaceId !== undefined) senderOf(workspaceId).say({ projectId, ...shown });
    },
    /** Somebody moved, left, or came and asks who is here. */
    heard(signal: PresenceSignal | Extract<Signal, { kind: 'presence.who' }>): void {
      const { workspaceId, projectId } = signal;
      if (workspaces.get(projectId) !== workspaceId) return;
      const sender = senders.get(workspaceId);
      if (signal.kind === 'presence.who') {
        sender?.sayAgain(projectId);
        return;
      }
      const { who: other, shown } = signal;
      if (other.sessionId === sender?.who.sessionId) return;
      const people = others.get(projectId) ?? new Map();
      others.set(projectId, people);
      const { projectId: _, ...place } = shown ?? { projectId };
      if (shown) people.set(other.sessionId, { selection: [], ...other, ...place, seenAt: now() });
      else people.delete(other.sessionId);
      changed(projectId);
    },
    close(): void {
      clearInterval(again);
      for (const sender of senders.values()) sender.leave();
    },
  };
}
