import type { Deployment, EnvironmentRecord, User, Version, Workspace } from '../contract/cloud/common.ts';
import type { CloudApi } from '../contract/cloudApi.ts';
import type { Client } from '../contract/contract.ts';
import type { SyncState } from '../contract/host/common.ts';
import type { PublishPreview } from '../contract/host/publish.ts';
import type { SluiceError } from '../error.ts';
import { PLANS } from '../plan.ts';
import { contentHash, execHash } from './hash.ts';
import { type Authored, listChanges } from './listChanges.ts';
import type { Problem } from './problem.ts';
import { publishChecks } from './publishChecks.ts';
import type { Tree } from './tree.ts';

type CloudClient = Client<
  Pick<CloudApi, 'projects' | 'versions' | 'environments' | 'deployments' | 'connections' | 'billing'>
>;

const PAGE = 100;
const MAX_PAGES = 10;

/** What publishing a project would do: what changes, what it costs, and what stands in its way. */
export async function previewPublish(wish: {
  cloud: CloudClient;
  projectId: string;
  environment: string;
  workspace: Workspace;
  tree: Tree;
  problems: Problem[];
  /** Why the packages that scripts import could not be packed. */
  packing?: SluiceError | undefined;
  user: User | undefined;
  sync: SyncState;
}): Promise<PublishPreview> {
  const { cloud, projectId, environment, workspace, tree, problems, packing, user, sync } = wish;
  const [active, versions, environments, connections, usage] = await Promise.all([
    activeIn(cloud, projectId, environment),
    allVersions(cloud, projectId),
    cloud.environments.list({ projectId }),
    cloud.connections.list({}),
    cloud.billing.usage({}),
  ]);
  const current = versions.find((version) => version.id === active?.versionId);
  const before = active && (await cloud.versions.tree({ projectId, versionId: active.versionId }));
  const authored = await authorsSince(cloud, projectId, current?.revision ?? 0);

  const runsOtherwise = !current || current.execHash !== execHash(tree);
  const content = contentHash(tree);
  const same = versions.find((version) => version.contentHash === content);
  const newest = Math.max(0, ...versions.map((version) => version.number));
  return {
    workspace,
    environment,
    ...(active ? { currentVersion: active.versionNumber } : {}),
    ...(runsOtherwise ? { nextVersion: same?.number ?? newest + 1 } : {}),
    changes: listChanges(before, tree, authored),
    layoutOnly: !runsOtherwise && current?.contentHash !== content,
    usage: usage.meters,
    planPrice: PLANS[usage.plan].priceMonthly,
    checks: publishChecks({
      tree,
      environment,
      bindings: environments.find((one) => one.name === environment)?.bindings ?? {},
      problems,
      packing,
      connections,
      active,
      user,
      sync,
    }),
  };
}

/** The hosted environment, made where it is missing. */
export async function environmentNamed(
  cloud: CloudClient,
  projectId: string,
  name: string,
): Promise<EnvironmentRecord> {
  const found = (await cloud.environments.list({ projectId })).find((one) => one.name === name);
  return found ?? cloud.environments.set({ projectId, name, vars: {}, bindings: {} });
}

export async function activeIn(
  cloud: CloudClient,
  projectId: string,
  environment: string,
): Promise<Deployment | undefined> {
  let cursor: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = await cloud.deployments.list({ projectId, limit: PAGE, cursor });
    const active = page.data.find((one) => one.environment === environment && one.status === 'active');
    if (active || page.nextCursor === undefined) return active;
    cursor = page.nextCursor;
  }
  return undefined;
}

async function allVersions(cloud: CloudClient, projectId: string): Promise<Version[]> {
  const all: Version[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = await cloud.versions.list({ projectId, limit: PAGE, cursor });
    all.push(...page.data);
    if (page.nextCursor === undefined) break;
    cursor = page.nextCursor;
  }
  return all;
}

async function authorsSince(cloud: CloudClient, projectId: string, revision: number): Promise<Authored[]> {
  const { commits } = await cloud.projects.commits({ projectId, since: revision });
  return commits.map(({ authorName, commit }) => ({ authorName, ops: commit.ops }));
}
