import type { Deployment, Workspace } from '#shared/contract/cloud/common.ts';
import type { Service } from '#shared/contract/contract.ts';
import type { SyncState } from '#shared/contract/host/common.ts';
import type { PublishPreview } from '#shared/contract/host/publish.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import { environmentNamed, previewPublish } from '#shared/workflow/publishPreview.ts';
import type { AccountService } from '../account/accountService.ts';
import type { CloudClient } from '../account/cloudClient.ts';
import type { HostForCloud } from '../host/cloudServices.ts';
import type { OpenProject } from '../host/projectHost.ts';
import { packProject } from '../packages/packProject.ts';
import { notBound, type SyncService } from '../sync/syncService.ts';
import { followDeployment } from './followDeployment.ts';

export type PublishDeps = {
  host: () => HostForCloud;
  account: AccountService;
  sync: Pick<SyncService, 'of'>;
  feedIsUp(workspaceId: string): boolean;
};

export type PublishService = {
  calls: Service<HostApi['publish']>;
  /** A deployment as somebody saw it; tells the editor where it is news. */
  seen(deployment: Deployment): void;
  /** Waits until it is active or failed. */
  settled(deployment: Deployment): Promise<Deployment>;
  close(): void;
};

/** From the project here to a version that runs in the cloud. */
export function createPublishService(deps: PublishDeps): PublishService {
  const { account } = deps;
  const closing = new AbortController();
  const last = new Map<string, string>();

  async function placeOf(projectId: string) {
    const sync = await deps.sync.of(projectId);
    const workspaceId = sync.workspaceId();
    if (workspaceId === undefined) throw notBound();
    return { sync, workspaceId, cloud: account.client(workspaceId) };
  }

  function seen(deployment: Deployment): void {
    const text = JSON.stringify(deployment);
    if (last.get(deployment.id) === text) return;
    last.set(deployment.id, text);
    deps.host().emit({ type: 'deployment.changed', deployment });
  }

  function follow(deployment: Deployment, workspaceId: string): Promise<Deployment> {
    const feedIsUp = () => deps.feedIsUp(workspaceId);
    return followDeployment(deployment, {
      cloud: account.client(workspaceId),
      feedIsUp,
      onSeen: seen,
      signal: closing.signal,
    });
  }

  async function deploy(
    cloud: CloudClient,
    workspaceId: string,
    projectId: string,
    environment: string,
    versionId: string,
  ) {
    const environmentId = (await environmentNamed(cloud, projectId, environment)).id;
    const deployment = await cloud.deployments.create({ projectId, environmentId, versionId });
    seen(deployment);
    follow(deployment, workspaceId).catch(() => undefined);
    return deployment;
  }

  /** A sync whose refusal is shown with everything else instead of ending the preview. */
  async function syncShown(sync: { sync(pull: boolean): Promise<SyncState>; state(): SyncState }): Promise<SyncState> {
    return sync.sync(true).catch((thrown: unknown) => {
      const state = sync.state();
      if (state.state === 'cannot_sync' || state.state === 'conflict') return state;
      throw thrown;
    });
  }

  async function preview(projectId: string, environment: string): Promise<PublishPreview> {
    const { sync, workspaceId, cloud } = await placeOf(projectId);
    const project = await deps.host().project(projectId);
    const packing = await pack(project).catch(shownPacking);
    const state = await syncShown(sync);
    return previewPublish({
      cloud,
      projectId,
      environment,
      workspace: await workspaceOf(workspaceId),
      tree: project.tree(),
      problems: project.problems(),
      packing,
      user: account.state().user,
      sync: state,
    });
  }

  async function workspaceOf(workspaceId: string): Promise<Workspace> {
    const known = () => account.state().workspaces.find((workspace) => workspace.id === workspaceId);
    const found = known() ?? ((await account.refresh()) && known());
    if (found) return found;
    throw new SluiceError('workspace.not_found', 'You are not a member of the project’s workspace any more.', {
      advice: 'Ask an owner of it; what is here stays here.',
    });
  }

  return {
    seen,
    settled: async (deployment) => {
      const { workspaceId } = await placeOf(deployment.projectId);
      return follow(deployment, workspaceId);
    },
    close: () => closing.abort(),
    calls: {
      preview: ({ projectId, environment }) => preview(projectId, environment),

      start: async ({ projectId, environment, note }) => {
        const { sync, workspaceId, cloud } = await placeOf(projectId);
        const project = await deps.host().project(projectId);
        await pack(project);
        await project.flush();
        const state = await sync.sync(true);
        refuseUnready(state, project.problems());
        const version = await cloud.versions.create({ projectId, expectedRevision: state.revision ?? 0, note });
        return deploy(cloud, workspaceId, projectId, environment, version.id);
      },

      rollback: async ({ projectId, environment, versionId }) => {
        const { workspaceId, cloud } = await placeOf(projectId);
        return deploy(cloud, workspaceId, projectId, environment, versionId);
      },

      deployments: async ({ projectId, ...page }) =>
        (await placeOf(projectId)).cloud.deployments.list({ projectId, ...page }),
      versions: async ({ projectId, ...page }) =>
        (await placeOf(projectId)).cloud.versions.list({ projectId, ...page }),
    },
  };
}

/** Puts the packages that scripts import into the project, so that they are frozen with its version. */
async function pack(project: OpenProject): Promise<undefined> {
  project.edit(await packProject(project.dir, project.tree()));
}

function shownPacking(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  throw thrown;
}

/** @throws SluiceError project.conflicts_open, project.changed, project.invalid */
function refuseUnready(state: SyncState, problems: Problem[]): void {
  if (state.state === 'conflict') {
    throw new SluiceError('project.conflicts_open', state.reason ?? 'Two answers met in one place.', {
      advice: 'Choose which answer stays in each place, then publish.',
    });
  }
  if (state.state !== 'synced') {
    throw new SluiceError('project.changed', state.reason ?? 'The project here and in the cloud are not the same.', {
      advice: 'Sync it, then publish.',
    });
  }
  const [first, ...more] = problems.filter((problem) => problem.severity === 'error');
  if (!first) return;
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  throw new SluiceError('project.invalid', `${first.file}:${first.line}: ${first.message}${others}`, {
    advice: first.advice,
  });
}
