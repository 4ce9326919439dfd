import { v7 as newId } from 'uuid';
import { schedule as scheduleTrigger } from '#runtime/connectors/trigger/trigger.ts';
import { nextFires } from '#shared/schedule/next.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { stepsOfType } from '../deployments/triggers.ts';
import type { PlannedSchedule, ScheduleRow } from './scheduleStore.ts';

/**
 * The schedules of a version that is about to be active. One that stays as it was goes on with its planned time, so
 * that a time that was due in this moment is not lost.
 *
 * @param before of the deployment that is replaced
 */
export function planSchedules(tree: Tree, before: ScheduleRow[], now: Date): PlannedSchedule[] {
  return stepsOfType(tree, 'trigger.schedule').flatMap(({ workflowId, stepId, workflow, step }) => {
    const config = scheduleTrigger.config.safeParse(step.config).data;
    if (!config) return [];
    const { cron, overlap, catchUpMinutes } = config;
    const timezone = workflow.settings.timezone ?? 'UTC';
    const same = before.find(
      (old) => old.workflowId === workflowId && old.stepId === stepId && old.cron === cron && old.timezone === timezone,
    );
    const nextRunAt = same?.nextRunAt ?? nextAfter(cron, timezone, now);
    return [{ id: newId(), workflowId, stepId, cron, timezone, overlap, catchUpMinutes, nextRunAt }];
  });
}

/** The first time after another one. Undefined: it never comes again. */
export function nextAfter(cron: string, timezone: string, after: Date): Date | undefined {
  const [next] = nextFires(cron, timezone, after.getTime(), 1);
  return next === undefined ? undefined : new Date(next);
}
