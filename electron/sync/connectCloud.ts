import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import type { FeedMessage } from '#shared/contract/feed.ts';
import { SluiceError } from '#shared/error.ts';
import { type AccountDeps, type AccountService, createAccountService } from '../account/accountService.ts';
import { createKeyAccount } from '../account/keyAccount.ts';
import type { CloudServices, HostForCloud } from '../host/cloudServices.ts';
import { hostedCalls, hostedConnections } from '../publish/hostedService.ts';
import { createPublishService, type PublishService } from '../publish/publishService.ts';
import type { SecretStore } from '../vault/secretStore.ts';
import { createFeedClient } from './feedClient.ts';
import { ownBindings } from './ownBindings.ts';
import { createPresence } from './presence.ts';
import { createSyncService, type SyncService } from './syncService.ts';
import { openSyncStates } from './syncStates.ts';

export type ConnectCloudDeps = {
  cloudUrl: string;
  dataDir: string;
  vault: SecretStore;
  version: string;
  /** A program’s key in place of a person’s sign-in. */
  apiKey?: string;
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
  const accountDeps: AccountDeps = {
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
  };
  const { apiKey } = deps;
  const account =
    apiKey === undefined ? createAccountService(accountDeps) : createKeyAccount({ ...accountDeps, apiKey });
  const feed = createFeedClient({
    cloudUrl,
    userAgent: `Sluice/${version} (${process.platform})`,
    session: account.session,
    onMessage: receive,
    onState: (workspaceId, up) => {
      if (!up) {
        presence.lost(workspaceId);
        return;
      }
      account.noteReachable(true);
      sync.reconnected(workspaceId);
    },
  });
  const presence = createPresence({
    say: (workspaceId, request) => feed.say(workspaceId, request),
    onChanged: (projectId, people) => attached?.emit({ type: 'presence.changed', projectId, people }),
    now: Date.now,
  });
  const sync = createSyncService({
    host,
    account,
    cloudUrl,
    own: ownBindings(dataDir),
    states: openSyncStates(join(dataDir, 'sync.json')),
    onBound: (workspaceId, projectId) => {
      feed.watch(workspaceId, projectId);
      presence.watch(workspaceId, projectId);
    },
    onUnbound: (workspaceId, projectId) => {
      presence.unwatch(projectId);
      feed.unwatch(workspaceId, projectId);
    },
    now: Date.now,
    uuid,
    ...(deps.settleMs === undefined ? {} : { settleMs: deps.settleMs }),
    ...(deps.retryMs === undefined ? {} : { retryMs: deps.retryMs }),
  });
  const publish = createPublishService({ host, account, sync, feedIsUp: feed.isUp });
  const hosted = { host, account, sync, feed };

  function receive(workspaceId: string, message: FeedMessage): void {
    if (message.type === 'commit') sync.committed(message.projectId, message);
    else if (message.type === 'conflicts.changed') sync.conflictsChanged(message.projectId);
    else if (message.type === 'presence' || message.type === 'presence.left') presence.receive(message);
    else if (message.type === 'run.event') host().emit({ ...message, where: 'hosted' });
    else if (message.type === 'run.changed') host().emit({ ...message, where: 'hosted' });
    else if (message.type === 'deployment.changed') publish.seen(message.deployment);
    else if (message.type === 'upgrade_required') sync.upgradeRequired(workspaceId, message.format);
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
    shared: sync.shared,
    presence: presence.calls,
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
      presence.close();
      account.close();
      publish.close();
      feed.close();
      await sync.close();
    },
  };
}
