import { v7 as newId } from 'uuid';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { recordAudit } from '../audit/recordAudit.ts';
import { type DeploymentRow, findActive } from '../deployments/deploymentStore.ts';
import { startingStep } from '../deployments/triggers.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { Database } from '../platform/database.ts';
import { noProject } from '../projects/head.ts';
import { findProject } from '../projects/projectStore.ts';
import type { Actor } from '../server/actor.ts';
import { idCursor, toPage } from '../server/paging.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { acceptRun } from './acceptRun.ts';
import type { Ringer } from './dispatch.ts';
import { cancelRun } from './endRun.ts';
import { readEvents, readLogs } from './journalStore.ts';
import type { Allowances, Sql } from './ports.ts';
import { resumeRun } from './resumeRun.ts';
import { type RetryWish, retryRun } from './retryRun.ts';
import { findRun, listRuns } from './runStore.ts';
import type { Signals } from './signals.ts';
import { readTapeSource, tapeOfRun } from './tapeOfRun.ts';

export type RunDeps = {
  database: Database;
  signals: Signals;
  ring: Ringer;
  versionTrees: VersionTrees;
  allowances: Allowances;
  blobs: Blobs;
};

const noRun = () => new SluiceError('run.not_found', 'There is no such run in this workspace.');

/** The deployment that takes an environment's traffic. @throws SluiceError project.not_found, deployment.not_found */
export async function activeDeployment(
  sql: Sql,
  workspaceId: string,
  projectId: string,
  environment: string,
): Promise<DeploymentRow> {
  const active = await findActive(sql, workspaceId, { projectId, environment });
  if (active) return active;
  if (!(await findProject(sql, workspaceId, projectId))) throw noProject();
  throw new SluiceError('deployment.not_found', `Nothing is deployed in the environment ${environment}.`, {
    advice: 'Publish a version there first.',
  });
}

/** Hosted runs: what happened, starting one by hand, stopping one. */
export function createRunService(deps: RunDeps): Service<typeof cloudApi.runs, Actor> {
  const { database, signals, ring, versionTrees, allowances, blobs } = deps;

  async function mustFind(sql: Sql, actor: Actor, runId: string): Promise<RunSummary> {
    const run = await findRun(sql, actor.workspaceId, runId);
    if (!run) throw noRun();
    return run;
  }

  function again(wish: RetryWish, actor: Actor) {
    return database.withWorkspaceSql(actor, async (sql) => {
      const made = await retryRun(
        sql,
        actor.workspaceId,
        wish,
        { allowances, versionTrees, blobs, activeDeployment },
        actor.userId,
      );
      await recordAudit(sql, actor, { action: 'run.retry', resource: 'run', resourceId: made.id });
      return { run: await mustFind(sql, actor, made.id), made };
    });
  }

  return {
    list: ({ limit, cursor, ...filter }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        const rows = await listRuns(sql, actor.workspaceId, { ...filter, limit, before: idCursor(cursor) });
        return toPage(rows, limit);
      }),

    get: ({ runId }, actor) => database.withWorkspaceSql(actor, (sql) => mustFind(sql, actor, runId)),

    events: ({ runId, after }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        await mustFind(sql, actor, runId);
        return { events: await readEvents(sql, actor.workspaceId, runId, after, EVENTS_AT_ONCE) };
      }),

    logs: ({ runId }, actor) =>
      database.withWorkspaceSql(actor, async (sql) => {
        await mustFind(sql, actor, runId);
        return readLogs(sql, actor.workspaceId, runId);
      }),

    async start({ projectId, environment, workflowId, triggerStepId, items }, actor) {
      const { workspaceId, userId } = actor;
      const run = await database.withWorkspaceSql(actor, async (sql) => {
        const active = await activeDeployment(sql, workspaceId, projectId, environment);
        const { tree } = await versionTrees.read(sql, workspaceId, active.versionId);
        const workflow = Object.hasOwn(tree.workflows, workflowId) ? tree.workflows[workflowId] : undefined;
        if (!workflow) {
          throw new SluiceError('workflow.not_found', `Version ${active.versionNumber} has no such workflow.`, {
            advice: 'Publish a version that has it.',
          });
        }
        const stepId = startingStep(workflow, triggerStepId);
        if (stepId === undefined) {
          throw new SluiceError('step.not_found', `The workflow ${workflow.name} has no such trigger.`, {
            advice: 'Name one of its triggers in triggerStepId.',
          });
        }
        const id = newId();
        const { queuePriority } = await allowances.planOf(sql, workspaceId);
        const accepted = {
          id,
          workspaceId,
          projectId,
          workflowId,
          workflowName: workflow.name,
          versionId: active.versionId,
          deploymentId: active.id,
          environment,
          trigger: 'manual' as const,
          triggerStepId: stepId,
          triggeredBy: userId,
          items,
          priority: queuePriority,
        };
        const { runId, repeated, displaced } = await acceptRun(sql, accepted, allowances, workflow);
        if (!repeated) await recordAudit(sql, actor, { action: 'run.start', resource: 'run', resourceId: runId });
        return { summary: await mustFind(sql, actor, runId), priority: queuePriority, repeated, displaced };
      });
      const { summary, priority, repeated, displaced } = run;
      if (!repeated) ring({ workspaceId, projectId, runId: summary.id, priority, displaced });
      return summary;
    },

    async retry(wish, actor) {
      const { run, made } = await again(wish, actor);
      ring({ workspaceId: actor.workspaceId, projectId: made.projectId, runId: made.id, priority: made.priority });
      return run;
    },

    async retryMany({ runIds, ...how }, actor) {
      const results = [];
      for (const runId of runIds) {
        try {
          const { run, made } = await again({ runId, ...how }, actor);
          ring({ workspaceId: actor.workspaceId, projectId: made.projectId, runId: made.id, priority: made.priority });
          results.push({ runId, retry: run });
        } catch (thrown) {
          if (!(thrown instanceof SluiceError)) throw thrown;
          results.push({ runId, error: { code: thrown.code, message: thrown.message } });
        }
      }
      return { results };
    },

    async resume({ runId, stepId, iteration, path, input }, actor) {
      const { workspaceId, userId } = actor;
      const run = await database.withWorkspaceSql(actor, async (sql) => {
        await mustFind(sql, actor, runId);
        const resumed = await resumeRun(sql, {
          workspaceId,
          runId,
          stepId,
          iteration,
          ...(path ? { path } : {}),
          by: userId,
          approver: actor,
          input,
        });
        await recordAudit(sql, actor, { action: 'approval.decide', resource: 'run', resourceId: runId });
        return { summary: await mustFind(sql, actor, runId), ...resumed };
      });
      const { summary, ...rung } = run;
      ring({ workspaceId, runId, ...rung });
      return summary;
    },

    async tape({ runId }, actor) {
      const { workspaceId } = actor;
      const source = await database.withWorkspaceSql(actor, async (sql) => {
        const found = await readTapeSource(sql, { workspaceId, runId }, versionTrees);
        await recordAudit(sql, actor, { action: 'run.tape', resource: 'run', resourceId: runId });
        return found;
      });
      return tapeOfRun(source, workspaceId, blobs);
    },

    async cancel({ runId }, actor) {
      const { workspaceId } = actor;
      const { run, outcome } = await database.withWorkspaceSql(actor, async (sql) => {
        await mustFind(sql, actor, runId);
        const done = await cancelRun(sql, { workspaceId, runId }, allowances);
        const audited = { action: 'run.cancel', resource: 'run', resourceId: runId };
        if (done !== 'over') await recordAudit(sql, actor, audited);
        return { run: await mustFind(sql, actor, runId), outcome: done };
      });
      if (outcome === 'over') {
        throw new SluiceError('run.finished', `This run has ended already: it ${run.status.replace('_', ' ')}.`);
      }
      if (outcome === 'ended') {
        signals.publish({ kind: 'run', workspaceId, projectId: run.projectId, runId, changed: true });
        signals.publish({ kind: 'answer', workspaceId, runId });
        signals.publish({ kind: 'work', workspaceId });
      }
      return run;
    },
  };
}

/** The rest comes with the next call, after the last one's sequence number. */
const EVENTS_AT_ONCE = 2_000;
