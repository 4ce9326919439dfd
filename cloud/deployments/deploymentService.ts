import { v7 as newId } from 'uuid';
import type { Deployment } from '#shared/contract/cloud/common.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import { noEnvironment, resolveEnvironment } from '../environments/environmentService.ts';
import { findEnvironment } from '../environments/environmentStore.ts';
import type { Database, Sql } from '../platform/database.ts';
import { noProject } from '../projects/head.ts';
import { findProject } from '../projects/projectStore.ts';
import type { Signals } from '../runs/signals.ts';
import { stopSchedules } from '../schedules/scheduleStore.ts';
import type { Actor } from '../server/actor.ts';
import { idCursor, toPage } from '../server/paging.ts';
import { ensure, mustBeVerified } from '../server/policy.ts';
import { findVersion } from '../versions/versionStore.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import {
  type DeploymentRow,
  findActive,
  findDeployment,
  insertDeployment,
  listDeployments,
  moveDeployment,
} from './deploymentStore.ts';
import { type HookPlaces, viewDeployments } from './deploymentView.ts';

export type DeploymentDeps = HookPlaces & {
  database: Database;
  signals: Signals;
  versionTrees: VersionTrees;
  /** Of the runtime that hosted runs execute on. */
  runtimeHash: string;
};

const noDeployment = () => new SluiceError('deployment.not_found', 'There is no such deployment in this project.');

/** Versions put into environments. A call only asks; the worker does it and the feed tells. */
export function createDeploymentService(deps: DeploymentDeps): Service<typeof cloudApi.deployments, Actor> {
  const { database, signals, versionTrees, runtimeHash } = deps;

  async function mustFind(sql: Sql, actor: Actor, projectId: string, id: string): Promise<DeploymentRow> {
    const row = await findDeployment(sql, actor.workspaceId, id);
    if (row?.projectId !== projectId) throw noDeployment();
    return row;
  }

  async function view(sql: Sql, row: DeploymentRow): Promise<Deployment> {
    const [seen] = await viewDeployments(sql, [row], deps);
    return seen as Deployment;
  }

  return {
    async create({ projectId, environmentId, versionId }, actor) {
      ensure(mustBeVerified(actor));
      const { workspaceId, userId } = actor;
      const place = { workspaceId, projectId };
      const deployment = await database.withWorkspaceSql(actor, async (sql) => {
        const environment = await findEnvironment(sql, place, { id: environmentId });
        if (!environment) throw noEnvironment();
        const version = await findVersion(sql, place, versionId);
        if (!version) {
          throw new SluiceError('version.not_found', 'There is no such version in this project.', {
            advice: 'Make a version first, then deploy it.',
          });
        }
        const { tree } = await versionTrees.read(sql, workspaceId, versionId);
        const previous = await findActive(sql, workspaceId, { environmentId });
        const id = newId();
        await insertDeployment(sql, {
          id,
          workspaceId,
          projectId,
          environmentId,
          environmentRevision: environment.revision,
          versionId,
          runtimeHash,
          previousId: previous?.id,
          requestedById: userId,
          ...resolveEnvironment(tree, environment),
        });
        const back = previous !== undefined && version.number < previous.versionNumber;
        await recordAudit(sql, actor, {
          action: back ? 'deployment.rollback' : 'deployment.create',
          resource: 'deployment',
          resourceId: id,
          metadata: { environment: environment.name, version: version.number },
        });
        return view(sql, await mustFind(sql, actor, projectId, id));
      });
      signals.publish({ kind: 'deploy', workspaceId, deploymentId: deployment.id });
      signals.publish({ kind: 'deployment', workspaceId, projectId, deploymentId: deployment.id });
      return deployment;
    },

    get: ({ projectId, deploymentId }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => view(sql, await mustFind(sql, actor, projectId, deploymentId))),

    list: ({ projectId, limit, cursor }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const place = { workspaceId: actor.workspaceId, projectId };
        if (!(await findProject(sql, place.workspaceId, projectId))) throw noProject();
        const page = toPage(await listDeployments(sql, place, { limit, before: idCursor(cursor) }), limit);
        return { ...page, data: await viewDeployments(sql, page.data, deps) };
      }),

    async stop({ projectId, deploymentId }, actor) {
      const { workspaceId } = actor;
      const deployment = await database.withWorkspaceSql(actor, async (sql) => {
        const row = await mustFind(sql, actor, projectId, deploymentId);
        const place = { workspaceId, id: deploymentId };
        const moved =
          row.status === 'active'
            ? await moveDeployment(sql, place, 'active', 'stopped')
            : ['queued', 'validating', 'provisioning'].includes(row.status) &&
              (await moveDeployment(
                sql,
                place,
                row.status,
                'failed',
                `${actor.name} stopped it before it was active.`,
              ));
        if (!moved) {
          throw new SluiceError('project.changed', `This deployment is ${row.status} and cannot be stopped.`, {
            details: { status: row.status },
            advice: 'Look at the deployment that is active now.',
          });
        }
        await stopSchedules(sql, workspaceId, deploymentId);
        await recordAudit(sql, actor, {
          action: 'deployment.stop',
          resource: 'deployment',
          resourceId: deploymentId,
          metadata: { environment: row.environment, version: row.versionNumber },
        });
        return view(sql, await mustFind(sql, actor, projectId, deploymentId));
      });
      signals.publish({ kind: 'deployment', workspaceId, projectId, deploymentId });
      return deployment;
    },
  };
}
