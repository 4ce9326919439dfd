import { v7 as newId } from 'uuid';
import { formsOf } from '#runtime/agent/servedForms.ts';
import { routesOf } from '#runtime/agent/servedRoutes.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { listConnections } from '../connections/connectionStore.ts';
import { findEnvironment } from '../environments/environmentStore.ts';
import { hookKey, hookKeyHash } from '../hooks/hookKey.ts';
import type { Database, Sql } from '../platform/database.ts';
import type { Allowances, ContainerService } from '../runs/ports.ts';
import type { Signals } from '../runs/signals.ts';
import { planSchedules } from '../schedules/plan.ts';
import { databaseTime, insertSchedules, listSchedules, stopSchedules } from '../schedules/scheduleStore.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { whyNotDeployable } from './deploymentPolicy.ts';
import {
  type DeploymentRow,
  findActive,
  findDeployedElsewhere,
  findDeployment,
  moveDeployment,
  upsertHooks,
} from './deploymentStore.ts';
import { calledTriggers } from './triggers.ts';

export type DeployDeps = {
  database: Database;
  signals: Signals;
  versionTrees: VersionTrees;
  allowances: Pick<Allowances, 'planOf'>;
  containers: Pick<ContainerService, 'ensureRunning'>;
  hookSecret(workspaceId: string): Uint8Array;
  logger: Logger;
};

type Place = { workspaceId: string; id: string };

/**
 * Brings a deployment as far as it goes: active, or failed with a reason that a person can act on. Each step is a
 * compare-and-set, so that it may be interrupted anywhere and taken up again, also by two at once.
 */
export async function deploy(deps: DeployDeps, place: Place): Promise<void> {
  const { database, signals, containers } = deps;
  const inWorkspace = <T>(work: (sql: Sql) => Promise<T>) => database.withWorkspaceSql(place, work);
  const find = () => inWorkspace((sql) => findDeployment(sql, place.workspaceId, place.id));
  const tell = (projectId: string, deploymentId = place.id) =>
    signals.publish({ kind: 'deployment', workspaceId: place.workspaceId, projectId, deploymentId });

  let deployment = await find();
  if (!deployment) return;
  const { projectId } = deployment;
  if (deployment.status === 'queued') {
    await inWorkspace((sql) => moveDeployment(sql, place, 'queued', 'validating'));
    tell(projectId);
    deployment = await find();
  }
  if (deployment?.status === 'validating') {
    const row = deployment;
    await inWorkspace(async (sql) => {
      const reason = await validate(deps, sql, row);
      await moveDeployment(sql, place, 'validating', reason === undefined ? 'provisioning' : 'failed', reason);
    });
    tell(projectId);
    deployment = await find();
  }
  if (deployment?.status !== 'provisioning') return;
  const row = deployment;
  try {
    await containers.ensureRunning(place.workspaceId);
    const replaced = await inWorkspace((sql) => activate(deps, sql, row));
    if (replaced !== undefined) tell(projectId, replaced);
  } catch (thrown) {
    const { code, message, advice } = SluiceError.from(thrown);
    if (code === 'internal') throw thrown;
    const reason = advice === undefined ? message : `${message} ${advice}`;
    await inWorkspace((sql) => moveDeployment(sql, place, 'provisioning', 'failed', reason));
  }
  tell(projectId);
  deps.logger.info('deployment', { workspaceId: place.workspaceId, deploymentId: place.id });
}

/** Ends a deployment on its way that cannot go on for a reason of ours. */
export async function breakOff({ database, signals }: DeployDeps, place: Place): Promise<void> {
  const reason = 'Something went wrong on our side. Nothing was changed; publish again.';
  const row = await database.withWorkspaceSql(place, async (sql) => {
    const deployment = await findDeployment(sql, place.workspaceId, place.id);
    const underWay = deployment && ['queued', 'validating', 'provisioning'].includes(deployment.status);
    if (underWay) await moveDeployment(sql, place, deployment.status, 'failed', reason);
    return deployment;
  });
  if (row) {
    const { workspaceId, id: deploymentId } = place;
    signals.publish({ kind: 'deployment', workspaceId, deploymentId, projectId: row.projectId });
  }
}

async function validate(deps: DeployDeps, sql: Sql, row: DeploymentRow): Promise<string | undefined> {
  const { workspaceId } = row;
  const { tree } = await deps.versionTrees.read(sql, workspaceId, row.versionId);
  const connections = await listConnections(sql, workspaceId);
  const unserved = await whyNotServed(tree);
  if (unserved !== undefined) return unserved;
  return whyNotDeployable({
    tree,
    environment: row.environment,
    bindings: row.bindings,
    connections: new Map(connections.map(({ name, connector }) => [name, connector])),
    resting: new Set(connections.filter(({ rests }) => rests).map(({ name }) => name)),
    plan: await deps.allowances.planOf(sql, workspaceId),
    deployedElsewhere: await findDeployedElsewhere(sql, workspaceId, row.environmentId),
  });
}

/** Why the version's routes and forms could not be called, such as two at one address; undefined where they can. */
async function whyNotServed(tree: Tree): Promise<string | undefined> {
  try {
    await routesOf(tree);
    formsOf(tree);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    return [thrown.message, thrown.advice].filter((one) => one !== undefined).join(' ');
  }
}

/** Takes the environment's traffic over, in one moment: addresses, schedules. @returns the deployment it replaced */
async function activate(
  { versionTrees, hookSecret }: DeployDeps,
  sql: Sql,
  row: DeploymentRow,
): Promise<string | undefined> {
  const { workspaceId, projectId, environmentId, id } = row;
  // Everything that changes what is active in an environment goes through its row, one after the other.
  await findEnvironment(sql, { workspaceId, projectId }, { id: environmentId }, true);
  const { tree } = await versionTrees.read(sql, workspaceId, row.versionId);
  const before = await findActive(sql, workspaceId, { environmentId });
  if (before && before.id > id) {
    const reason = 'A later deployment was active before this one was ready.';
    await moveDeployment(sql, row, 'provisioning', 'failed', reason);
    return undefined;
  }
  const old = before ? await listSchedules(sql, workspaceId, [before.id]) : [];
  if (before) {
    await moveDeployment(sql, { workspaceId, id: before.id }, 'active', 'superseded');
    await stopSchedules(sql, workspaceId, before.id);
  }
  if (!(await moveDeployment(sql, row, 'provisioning', 'active'))) {
    throw new SluiceError('project.changed', 'The deployment was stopped before it was active.');
  }
  const secret = hookSecret(workspaceId);
  const hooks = calledTriggers(tree).map(({ workflowId, stepId }) => ({
    id: newId(),
    workflowId,
    stepId,
    keyHash: hookKeyHash(hookKey(secret, { environmentId, workflowId, stepId })),
  }));
  await upsertHooks(sql, { workspaceId, projectId, environmentId }, hooks);
  const schedules = planSchedules(tree, old, await databaseTime(sql));
  await insertSchedules(sql, { workspaceId, projectId, deploymentId: id }, schedules);
  return before?.id;
}
