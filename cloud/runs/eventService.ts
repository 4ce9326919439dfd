import { v7 as newId } from 'uuid';
import { event as eventTrigger } from '#runtime/connectors/trigger/trigger.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { stepsOfType } from '../deployments/triggers.ts';
import type { Database } from '../platform/database.ts';
import type { Actor } from '../server/actor.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { acceptRun } from './acceptRun.ts';
import type { Ringer } from './dispatch.ts';
import { claimPublication, findPublication, recordPublishedRuns } from './eventStore.ts';
import type { Allowances } from './ports.ts';
import { activeDeployment } from './runService.ts';

export type EventDeps = {
  database: Database;
  ring: Ringer;
  versionTrees: VersionTrees;
  allowances: Allowances;
};

/** Events that a program sends to a project: each starts every deployed trigger of its name, once. */
export function createEventService(deps: EventDeps): Service<typeof cloudApi.events, Actor> {
  const { database, ring, versionTrees, allowances } = deps;
  return {
    async publish({ projectId, environment, name, id, data }, actor) {
      const { workspaceId, userId } = actor;
      const publication = { workspaceId, projectId, environment, name, eventId: id };
      const outcome = await database.withWorkspaceSql(actor, async (sql) => {
        const active = await activeDeployment(sql, workspaceId, projectId, environment);
        // The second of two at once waits here for the first to commit, and then finds its runs.
        if (!(await claimPublication(sql, publication))) {
          return { runIds: await findPublication(sql, publication), repeated: true, priority: 0 };
        }
        const { tree } = await versionTrees.read(sql, workspaceId, active.versionId);
        const { queuePriority } = await allowances.planOf(sql, workspaceId);
        const runIds: string[] = [];
        for (const { workflowId, stepId, workflow, step } of stepsOfType(tree, 'trigger.event')) {
          if (eventTrigger.config.safeParse(step.config).data?.name !== name) continue;
          const run = {
            id: newId(),
            workspaceId,
            projectId,
            workflowId,
            workflowName: workflow.name,
            versionId: active.versionId,
            deploymentId: active.id,
            environment,
            trigger: 'event' as const,
            triggerStepId: stepId,
            triggeredBy: userId,
            items: [{ json: { name, id, data } }],
            priority: queuePriority,
          };
          await acceptRun(sql, run, allowances);
          runIds.push(run.id);
        }
        await recordPublishedRuns(sql, publication, runIds);
        return { runIds, repeated: false, priority: queuePriority };
      });
      const { priority, ...answer } = outcome;
      if (!answer.repeated) for (const runId of answer.runIds) ring({ workspaceId, projectId, runId, priority });
      return answer;
    },
  };
}
