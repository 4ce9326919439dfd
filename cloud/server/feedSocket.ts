import type { WebSocket } from 'ws';
import type { FeedMessage } from '#shared/contract/feed.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import type { PresenceSender } from './feedPresence.ts';

/** One desktop on the feed, after its hello. */
export type FeedSocket = {
  userId: string;
  family: string;
  workspaceId: string;
  presence: PresenceSender;
  /** Whether a topic of `projectTopic` or `runTopic` is one that it watches. */
  hears(topic: string): boolean;
  watchProject(projectId: string): void;
  unwatchProject(projectId: string): void;
  /** Sends the run's events after `afterSeq`, then those that come, in order and each once. */
  watchRun(runId: string, projectId: string, afterSeq: number): void;
  /** The run may have new events. */
  wakeRun(runId: string): void;
  send(message: FeedMessage): void;
  /** For what is old in a moment: dropped where the client does not keep up. */
  sendIfQuick(message: FeedMessage): void;
  /** Says a last word and ends the connection. */
  end(message: FeedMessage, code: number): void;
};

export type ReadEvents = (runId: string, after: number) => Promise<RunEvent[]>;

const PROJECTS = 200;
const RUNS = 50;
/** A client that does not keep up is let go; it comes back and fetches what it missed. */
const BEHIND_BYTES = 16 * 1024 * 1024;
const PAUSE_BYTES = 1024 * 1024;
const QUICK_BYTES = 64 * 1024;

/** What is told of a project. */
export const projectTopic = (workspaceId: string, projectId: string) => tenantKey(workspaceId, 'project', projectId);
/** What is told of one run. */
export const runTopic = (workspaceId: string, runId: string) => tenantKey(workspaceId, 'run', runId);

type RunWatch = { projectId: string; sentSeq: number; reading: boolean; again: boolean };

export function createFeedSocket(
  socket: WebSocket,
  identity: Pick<FeedSocket, 'userId' | 'family' | 'workspaceId' | 'presence'>,
  readEvents: ReadEvents,
  onError: (error: unknown) => void,
): FeedSocket {
  const { workspaceId } = identity;
  const projects = new Set<string>();
  const runs = new Map<string, RunWatch>();

  function send(message: FeedMessage): Promise<void> {
    if (socket.readyState !== socket.OPEN) return Promise.resolve();
    if (socket.bufferedAmount > BEHIND_BYTES) {
      socket.close(1013, 'too far behind');
      return Promise.resolve();
    }
    return new Promise((resolve) => socket.send(JSON.stringify(message), () => resolve()));
  }

  /** Reads on from what was sent last: a signal says only that there is more, so nothing is missed or sent twice. */
  async function pump(runId: string): Promise<void> {
    const topic = runTopic(workspaceId, runId);
    const watch = runs.get(topic);
    if (!watch) return;
    if (watch.reading) {
      watch.again = true;
      return;
    }
    watch.reading = true;
    try {
      do {
        watch.again = false;
        const events = await readEvents(runId, watch.sentSeq);
        for (const event of events) {
          if (runs.get(topic) !== watch || socket.readyState !== socket.OPEN) return;
          watch.sentSeq = event.seq;
          const sent = send({ type: 'run.event', projectId: watch.projectId, event });
          if (socket.bufferedAmount > PAUSE_BYTES) await sent;
          if (event.type === 'run.ended') runs.delete(topic);
        }
        if (events.length > 0) watch.again = true;
      } while (watch.again);
    } finally {
      watch.reading = false;
    }
  }

  return {
    ...identity,
    hears: (topic) => projects.has(topic) || runs.has(topic),
    watchProject(projectId) {
      if (projects.size < PROJECTS) projects.add(projectTopic(workspaceId, projectId));
    },
    unwatchProject(projectId) {
      projects.delete(projectTopic(workspaceId, projectId));
      identity.presence.leave(projectId);
      for (const [topic, watch] of runs) if (watch.projectId === projectId) runs.delete(topic);
    },
    watchRun(runId, projectId, afterSeq) {
      const topic = runTopic(workspaceId, runId);
      runs.delete(topic);
      runs.set(topic, { projectId, sentSeq: afterSeq, reading: false, again: false });
      for (const oldest of runs.keys()) {
        if (runs.size <= RUNS) break;
        runs.delete(oldest);
      }
      pump(runId).catch(onError);
    },
    wakeRun(runId) {
      pump(runId).catch(onError);
    },
    send: (message) => void send(message),
    sendIfQuick(message) {
      if (socket.bufferedAmount < QUICK_BYTES) void send(message);
    },
    end(message, code) {
      void send(message);
      socket.close(code);
    },
  };
}
