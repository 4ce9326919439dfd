import type { Deployment, RunSummary } from '#shared/contract/cloud/common.ts';
import type { FeedMessage } from '#shared/contract/feed.ts';
import type { Database } from '../platform/database.ts';
import { findCommit } from '../projects/commitStore.ts';
import { countOpenConflicts } from '../projects/conflictStore.ts';
import type { Signal } from '../runs/signals.ts';
import { type FeedSocket, projectTopic, runTopic } from './feedSocket.ts';

export type FeedNewsDeps = {
  database: Database;
  deploymentOf(workspaceId: string, deploymentId: string): Promise<Deployment | undefined>;
  runOf(workspaceId: string, runId: string): Promise<RunSummary | undefined>;
  onError: (error: unknown) => void;
};

/** A commit that is larger is fetched by those who want it. */
const COMMIT_BYTES = 32 * 1024;

/** Turns what the processes tell each other into what desktops hear, each only of its own workspace and what it watches. */
export function createFeedNews(
  { database, deploymentOf, runOf, onError }: FeedNewsDeps,
  sockets: () => FeedSocket[],
): (signal: Signal) => void {
  const changing = new Map<string, { again: boolean }>();
  let telling = Promise.resolve();

  /** The sockets that a project's news is for. */
  function watching(workspaceId: string, projectId: string): FeedSocket[] {
    const topic = projectTopic(workspaceId, projectId);
    return sockets().filter((one) => one.hears(topic));
  }

  async function tell(signal: Signal): Promise<void> {
    if (sockets().length === 0) return;
    const { workspaceId } = signal;
    if (signal.kind === 'commit') {
      // One after the other, so that nobody hears of a later commit first.
      telling = telling.then(() => tellCommit(signal)).catch(onError);
      await telling;
    } else if (signal.kind === 'presence') {
      const { projectId, who, shown } = signal;
      for (const one of watching(workspaceId, projectId)) {
        if (one.presence.who.sessionId === who.sessionId) continue;
        if (shown) one.sendIfQuick({ type: 'presence', who, ...shown });
        else one.send({ type: 'presence.left', projectId, who });
      }
    } else if (signal.kind === 'presence.who') {
      for (const one of watching(workspaceId, signal.projectId)) one.presence.sayAgain(signal.projectId);
    } else if (signal.kind === 'conflicts') {
      const { projectId } = signal;
      if (watching(workspaceId, projectId).length === 0) return;
      const open = await database.withWorkspaceSql(signal, (sql) => countOpenConflicts(sql, signal));
      for (const one of watching(workspaceId, projectId)) one.send({ type: 'conflicts.changed', projectId, open });
    } else if (signal.kind === 'notifications') {
      for (const one of sockets()) {
        if (signal.userIds.includes(one.userId)) one.send({ type: 'notifications.changed' });
      }
    } else if (signal.kind === 'deployment') {
      const those = watching(workspaceId, signal.projectId);
      const deployment = those.length > 0 && (await deploymentOf(workspaceId, signal.deploymentId));
      if (deployment) for (const one of those) one.send({ type: 'deployment.changed', deployment });
    } else if (signal.kind === 'run') {
      const topic = runTopic(workspaceId, signal.runId);
      for (const one of sockets()) if (one.hears(topic)) one.wakeRun(signal.runId);
      if (signal.changed) await tellChanged(signal);
    }
  }

  async function tellCommit(signal: Extract<Signal, { kind: 'commit' }>): Promise<void> {
    const { workspaceId, projectId, revision } = signal;
    if (watching(workspaceId, projectId).length === 0) return;
    const taken = await database.withWorkspaceSql(signal, (sql) =>
      findCommit(sql, signal, revision, { maxBytes: COMMIT_BYTES }),
    );
    const message: FeedMessage = { type: 'commit', projectId, revision };
    if (taken) Object.assign(message, { hash: taken.hash, authorName: taken.authorName, commit: taken.commit });
    for (const one of watching(workspaceId, projectId)) one.send(message);
  }

  /** A run that changes faster than it can be read is read once more, not once for each change. */
  async function tellChanged({ workspaceId, projectId, runId }: Extract<Signal, { kind: 'run' }>): Promise<void> {
    const [project, topic] = [projectTopic(workspaceId, projectId), runTopic(workspaceId, runId)];
    const those = () => sockets().filter((one) => one.hears(project) || one.hears(topic));
    const known = changing.get(topic);
    if (known) {
      known.again = true;
      return;
    }
    if (those().length === 0) return;
    const state = { again: false };
    changing.set(topic, state);
    try {
      do {
        state.again = false;
        const run = await runOf(workspaceId, runId);
        const message: FeedMessage | undefined = run && { type: 'run.changed', run };
        if (message) for (const one of those()) one.send(message);
      } while (state.again);
    } finally {
      changing.delete(topic);
    }
  }

  return (signal) => {
    tell(signal).catch(onError);
  };
}
