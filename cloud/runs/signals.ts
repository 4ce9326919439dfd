import type { Answer } from '#shared/run/events.ts';
import type { Channel } from '../platform/channel.ts';
import type { PresenceSignal } from '../server/feedPresence.ts';

/** What the processes of the control plane tell each other. Each says where to look; losing one costs time, nothing else. */
export type Signal =
  /** There may be a run to take. */
  | { kind: 'work'; workspaceId: string }
  /** A run has new events; `changed` where its status moved. */
  | { kind: 'run'; workspaceId: string; projectId: string; runId: string; changed: boolean }
  /** The trigger's caller may be answered; with what, where that is small and known to be the first answer. */
  | { kind: 'answer'; workspaceId: string; runId: string; answer?: Answer }
  | { kind: 'commit'; workspaceId: string; projectId: string; revision: number }
  /** There are conflicts, or some are decided. */
  | { kind: 'conflicts'; workspaceId: string; projectId: string }
  | PresenceSignal
  /** Somebody watches the project from now on, and has not heard who is there. */
  | { kind: 'presence.who'; workspaceId: string; projectId: string }
  | { kind: 'deployment'; workspaceId: string; projectId: string; deploymentId: string }
  /** These people were told something; of a workspace, or of none where it is about their account. */
  | { kind: 'notifications'; workspaceId: string; userIds: string[] }
  /** A deployment was asked for. */
  | { kind: 'deploy'; workspaceId: string; deploymentId: string };

export type Signals = Channel<Signal>;

/**
 * Resolves at the first signal that fits, or after a time. Begin to wait before looking, and nothing is missed.
 *
 * @returns whether a signal came
 */
export function waitForSignal(
  signals: Signals,
  fits: (signal: Signal) => boolean,
  timeoutMs: number,
  ended?: AbortSignal,
): { came: Promise<boolean>; stop(): void } {
  let finish: (came: boolean) => void = () => undefined;
  const came = new Promise<boolean>((resolve) => {
    const stopListening = signals.subscribe((signal) => {
      if (fits(signal)) finish(true);
    });
    const timer = setTimeout(() => finish(false), timeoutMs);
    const abort = () => finish(false);
    ended?.addEventListener('abort', abort, { once: true });
    finish = (value) => {
      stopListening();
      clearTimeout(timer);
      ended?.removeEventListener('abort', abort);
      resolve(value);
    };
  });
  if (ended?.aborted) finish(false);
  return { came, stop: () => finish(false) };
}
