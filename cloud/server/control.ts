import { catalog } from '#runtime/connectors/registry.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import { createIdentities } from '../accounts/identities.ts';
import { createPlatformOutside } from '../connections/connections.ts';
import { createOAuth } from '../connections/oauth.ts';
import { createVault } from '../connections/vault.ts';
import { deploymentRouter } from '../deployments/deploymentRouter.ts';
import { findDeployment } from '../deployments/deploymentStore.ts';
import { viewDeployments } from '../deployments/deploymentView.ts';
import { environmentRouter } from '../environments/environmentRouter.ts';
import { apiRouter } from '../hooks/apiRouter.ts';
import { createApiTargets } from '../hooks/apiTargets.ts';
import { formRouter } from '../hooks/formRouter.ts';
import { hookRouter } from '../hooks/hookRouter.ts';
import { createHookService } from '../hooks/hookService.ts';
import { createHookTargets } from '../hooks/hookTargets.ts';
import { createInbox } from '../hooks/inbox.ts';
import { createNotices } from '../notifications/notices.ts';
import { openChannel } from '../platform/channel.ts';
import { projectRouter } from '../projects/projectRouter.ts';
import { createTreeCache } from '../projects/treeCache.ts';
import { agentRouter } from '../runs/agentRouter.ts';
import { type AgentService, createAgentService } from '../runs/agentService.ts';
import { createRinger } from '../runs/dispatch.ts';
import { eventRouter } from '../runs/eventRouter.ts';
import type { Allowances, ContainerService } from '../runs/ports.ts';
import { resumeRouter, resumeUrl } from '../runs/resumeRouter.ts';
import { resumeToken } from '../runs/resumeRun.ts';
import { runRouter } from '../runs/runRouter.ts';
import type { Signal } from '../runs/signals.ts';
import { searchRouter } from '../search/search.ts';
import { createSearchIndex } from '../search/searchIndex.ts';
import { versionRouter } from '../versions/versionRouter.ts';
import { createVersionTrees } from '../versions/versionTrees.ts';
import { createWeb } from '../web/web.ts';
import { startWorker, type Worker } from '../worker/main.ts';
import type { Capability } from './capabilities.ts';
import { createFeed } from './feed.ts';
import type { Platform } from './platform.ts';

export type ControlDeps = {
  allowances: Allowances;
  containers: ContainerService;
  /** Of the runtime package that containers execute. */
  runtimeHash: string;
};

/** What people build, and where and when it runs: these share their signals, so they are made in one place. */
export async function createControl(platform: Platform, deps: ControlDeps): Promise<Capability> {
  const { db: database, clock, logger, queue, blobs, secrets, master, publicUrl, connection } = platform;
  const { allowances, containers, runtimeHash } = deps;
  const signals = await openChannel<Signal>({
    connection,
    name: 'sluice',
    onError: (error) => logger.warn('The channel between processes had a problem.', { error: error.message }),
  });
  const stopping = new AbortController();
  const isDraining = () => stopping.signal.aborted;
  const vault = createVault({ database, secrets, oauth: createOAuth(createPlatformOutside(platform.config).fetch) });
  const versionTrees = createVersionTrees();
  const trees = createTreeCache();
  let agents: AgentService | undefined;
  const isAttended = (workspaceId: string) => agents?.isAttended(workspaceId) ?? false;
  const ring = createRinger({ signals, queue, logger, isAttended });
  const hookSecret = (workspaceId: string) => Buffer.from(master.derive(`hooks:${workspaceId}`), 'hex');
  const notices = createNotices(platform);
  const common = { database, signals, clock, logger, allowances, versionTrees, vault, ring, notices };
  const targets = createHookTargets(common);
  const stepTypes = catalog();

  const places = { publicUrl, hookSecret, versionTrees };
  const feed = createFeed({
    ...common,
    limits: platform.limits,
    publicUrl,
    trustProxy: platform.config.trustProxy,
    identities: createIdentities({ db: database, clock }),
    deploymentOf: (workspaceId, id) =>
      database.withWorkspaceSql({ workspaceId }, async (sql) => {
        const row = await findDeployment(sql, workspaceId, id);
        return row && (await viewDeployments(sql, [row], places))[0];
      }),
  });
  agents = createAgentService({
    ...common,
    containers,
    resumeUrl: (workspaceId, runId) =>
      resumeUrl(publicUrl, workspaceId, runId, resumeToken(hookSecret(workspaceId), runId)),
  });
  const apiTargets = createApiTargets(common);
  const inbox = createInbox({ ...common, blobs });
  const hooks = createHookService({ targets, inbox, clock });
  const web = createWeb(platform, { signals, stepTypes, runtimeHash });
  const index = createSearchIndex({ ...common, trees });
  let worker: Worker | undefined;

  return {
    routers: [
      projectRouter({ ...common, trees }, platform),
      versionRouter({ ...common, trees, runtimeHash, problemsOf: (tree) => validateTree(tree, stepTypes) }, platform),
      environmentRouter(common, platform),
      deploymentRouter({ ...common, ...places, runtimeHash }, platform),
      runRouter({ ...common, blobs }, platform),
      eventRouter(common, platform),
      searchRouter({ ...common, index }, platform),
      resumeRouter({ ...common, hookSecret }, platform),
      hookRouter({ targets, hooks, inbox, blobs, isDraining }, platform),
      apiRouter({ ...common, targets: apiTargets, inbox, blobs, isDraining }, platform),
      formRouter({ ...common, targets: apiTargets, inbox, isDraining, publicUrl, hookSecret }, platform),
      ...web.routers,
    ],
    agentRouters: [agentRouter({ agents, blobs, database, stopping: stopping.signal }, platform)],
    upgrades: [{ path: '/v1/feed', handle: feed.handle }, ...web.upgrades],
    async start() {
      index.start();
      worker = await startWorker({ ...common, queue, containers, hookSecret });
    },
    async drain() {
      stopping.abort();
      await Promise.all([worker?.stop(), feed.drain(), web.drain(), index.stop()]);
    },
    stop: () => signals.close(),
  };
}
