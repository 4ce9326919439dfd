import type { Deployment } from '#shared/contract/cloud/common.ts';
import type { Service } from '#shared/contract/contract.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { environmentNamed, previewPublish } from '#shared/workflow/publishPreview.ts';
import type { CloudClient, Person } from './innerClient.ts';
import { userOf } from './webAccount.ts';
import type { WebProject } from './webProjects.ts';

export type WebPublishDeps = {
  who(): Person;
  cloud(workspaceId?: string): CloudClient;
  workspaceOf(projectId: string): Promise<string>;
  project(projectId: string): Promise<WebProject>;
};

/** From the head of a project to a version that runs. How it goes on is told by the signals of the deployment. */
export function webPublishCalls(deps: WebPublishDeps): Service<HostApi['publish']> {
  const { cloud, workspaceOf } = deps;
  const of = async (projectId: string) => cloud(await workspaceOf(projectId));

  async function deploy(client: CloudClient, projectId: string, environment: string, versionId: string) {
    const environmentId = (await environmentNamed(client, projectId, environment)).id;
    return client.deployments.create({ projectId, environmentId, versionId });
  }

  return {
    preview: async ({ projectId, environment }) => {
      const project = await deps.project(projectId);
      await project.pull();
      const client = cloud(project.workspaceId);
      const workspace = (await client.workspaces.list({})).find(({ id }) => id === project.workspaceId);
      if (!workspace) throw new SluiceError('workspace.not_found', 'You are not a member of this workspace any more.');
      return previewPublish({
        cloud: client,
        projectId,
        environment,
        workspace,
        tree: project.tree(),
        problems: project.problems(),
        user: userOf(deps.who()),
        sync: project.sync(),
      });
    },

    start: async ({ projectId, environment, note }): Promise<Deployment> => {
      const project = await deps.project(projectId);
      await project.pull();
      const client = cloud(project.workspaceId);
      const version = await client.versions.create({ projectId, expectedRevision: project.revision(), note });
      return deploy(client, projectId, environment, version.id);
    },

    rollback: async ({ projectId, environment, versionId }) =>
      deploy(await of(projectId), projectId, environment, versionId),

    deployments: async ({ projectId, ...page }) => (await of(projectId)).deployments.list({ projectId, ...page }),
    versions: async ({ projectId, ...page }) => (await of(projectId)).versions.list({ projectId, ...page }),
  };
}
