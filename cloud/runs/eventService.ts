import { v7 as newId } from 'uuid';
import { event as eventTrigger } from '#runtime/connectors/trigger/trigger.ts';
import type { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { compileAdmission } from '#shared/run/admission.ts';
import { stepsOfType } from '../deployments/triggers.ts';
import type { Database } from '../platform/database.ts';
import type { Actor } from '../server/actor.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { type AcceptedRun, acceptRun } from './acceptRun.ts';
import { lockAdmission } from './admitRun.ts';
import type { Ringer } from './dispatch.ts';
import { claimPublication, findPublication, recordPublishedRuns } from './eventStore.ts';
import type { Allowances } from './ports.ts';
import { activeDeployment } from './runService.ts';

const REFUSED: ReadonlySet<string> = new Set(['run.rate_exceeded', 'run.singleton']);

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
          return { runIds: await findPublication(sql, publication), repeated: true, priority: 0, begun: [] };
        }
        const { tree } = await versionTrees.read(sql, workspaceId, active.versionId);
        const { queuePriority } = await allowances.planOf(sql, workspaceId);
        const runIds: string[] = [];
        const begun: AcceptedRun[] = [];
        let refused: SluiceError | undefined;
        const meant = stepsOfType(tree, 'trigger.event').filter(
          ({ step }) => eventTrigger.config.safeParse(step.config).data?.name === name,
        );
        // All at first, always in the same order: two events that start the same workflows do not wait for each other.
        for (const { workflowId, workflow } of [...meant].sort((a, b) => (a.workflowId < b.workflowId ? -1 : 1))) {
          await lockAdmission(sql, { workspaceId, environment, workflowId }, workflow);
        }
        for (const { workflowId, stepId, workflow } of meant) {
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
          const demands = compileAdmission(workflow) !== undefined;
          try {
            if (demands) await sql.query('savepoint accept');
            const accepted = await acceptRun(sql, run, allowances, workflow);
            begun.push(accepted);
            runIds.push(accepted.runId);
          } catch (thrown) {
            // What one workflow's own settings refuse does not keep the others from the event.
            if (!demands || !(thrown instanceof SluiceError) || !REFUSED.has(thrown.code)) throw thrown;
            await sql.query('rollback to savepoint accept');
            refused ??= thrown;
          }
        }
        if (refused && runIds.length === 0) throw refused;
        await recordPublishedRuns(sql, publication, runIds);
        return { runIds, repeated: false, priority: queuePriority, begun };
      });
      const { priority, begun, ...answer } = outcome;
      for (const { repeated, ...one } of begun) if (!repeated) ring({ workspaceId, projectId, priority, ...one });
      return answer;
    },
  };
}
