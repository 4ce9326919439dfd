import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import type { FeedMessage } from '#shared/contract/feed.ts';
import { SluiceError } from '#shared/error.ts';
import { type AccountService, createAccountService } from '../account/accountService.ts';
import type { CloudServices, HostForCloud } from '../host/cloudServices.ts';
import { hostedCalls, hostedConnections } from '../publish/hostedService.ts';
import { createPublishService, type PublishService } from '../publish/publishService.ts';
import type { SecretStore } from '../vault/secretStore.ts';
import { createFeedClient } from './feedClient.ts';
import { createSyncService, type SyncService } from './syncService.ts';
import { openSyncStates } from './syncStates.ts';

export type ConnectCloudDeps = {
  cloudUrl: string;
  dataDir: string;
  vault: SecretStore;
  version: string;
  /** Shorter waits, for tests. */
  settleMs?: number;
  retryMs?: number;
  patienceMs?: number;
};

/** The cloud's part of a host, and its parts for whoever needs one of them alone. */
export type ConnectedCloud = CloudServices & {
  parts: { account: AccountService; sync: SyncService; publish: PublishService };
};

/**
 * Puts the cloud's part of a host together: account, feed, sync and publish. Nothing of it keeps local work waiting; where
 * somebody was signed in, that is taken up again by itself.
 */
export function connectCloud(deps: ConnectCloudDeps): ConnectedCloud {
  const { cloudUrl, dataDir, vault, version } = deps;
  let attached: HostForCloud | undefined;
  const host = () => {
    if (!attached) throw new Error('The cloud is asked before it is attached to a host.');
    return attached;
  };

  let lastStatus = '';
  const account = createAccountService({
    cloudUrl,
    dataDir,
    vault,
    version,
    ...(deps.patienceMs === undefined ? {} : { patienceMs: deps.patienceMs }),
    onChanged: (state) => {
      attached?.emit({ type: 'account.changed', account: state });
      if (state.status !== lastStatus) {
        lastStatus = state.status;
        sync.accountChanged();
        if (state.status === 'signed_in') feed.wake();
      }
    },
  });
  const feed = createFeedClient({
    cloudUrl,
    userAgent: `Sluice/${version} (${process.platform})`,
    session: account.session,
    onMessage: (_workspaceId, message) => receive(message),
    onState: (workspaceId, up) => {
      if (!up) return;
      account.noteReachable(true);
      sync.reconnected(workspaceId);
    },
  });
  const sync = createSyncService({
    host,
    account,
    cloudUrl,
    states: openSyncStates(join(dataDir, 'sync.json')),
    onBound: (workspaceId, projectId) => feed.watch(workspaceId, projectId),
    onUnbound: (workspaceId, projectId) => feed.unwatch(workspaceId, projectId),
    now: Date.now,
    uuid,
    ...(deps.settleMs === undefined ? {} : { settleMs: deps.settleMs }),
    ...(deps.retryMs === undefined ? {} : { retryMs: deps.retryMs }),
  });
  const publish = createPublishService({ host, account, sync, feedIsUp: feed.isUp });
  const hosted = { host, account, sync, feed };

  function receive(message: FeedMessage): void {
    if (message.type === 'commit') sync.committed(message.projectId, message.revision);
    else if (message.type === 'run.event') host().emit({ ...message, where: 'hosted' });
    else if (message.type === 'run.changed') host().emit({ ...message, where: 'hosted' });
    else if (message.type === 'deployment.changed') publish.seen(message.deployment);
    else if (message.type === 'revoked') void account.refresh();
  }

  return {
    cloudUrl,
    parts: { account, sync, publish },
    attach: (given) => {
      attached = given;
      void account.refresh();
    },
    projectOpened: sync.opened,
    projectChanged: (project) => sync.changed(project.id),
    projectClosed: sync.closed,
    syncState: sync.state,
    hostedConnections: hostedConnections(hosted),
    account: {
      state: account.state,
      signIn: async () => {
        const { url } = await account.signIn();
        const opened = await host()
          .openExternal(url)
          .catch((thrown: unknown) => {
            // The person can open the address; only a bug is not for them.
            if (thrown instanceof SluiceError) return false;
            throw thrown;
          });
        return { url, opened };
      },
      cancelSignIn: () => {
        account.cancelSignIn();
        return { done: true };
      },
      signOut: async () => {
        await account.signOut();
        return { done: true };
      },
    },
    sync: sync.calls,
    publish: publish.calls,
    hosted: hostedCalls(hosted),
    close: async () => {
      account.close();
      publish.close();
      feed.close();
      await sync.close();
    },
  };
}
