import { SluiceError } from '#shared/error.ts';
import { isTrigger, type Plan } from './plan.ts';

/** Refuses a step that cannot start a run. @throws SluiceError step.not_found, workflow.invalid */
export function checkTrigger(plan: Plan, stepId: string): void {
  const planned = plan.steps.get(stepId);
  const name = plan.workflow.name;
  const advice = plan.triggers.length > 0 ? `Start it with ${plan.triggers.join(' or ')}.` : 'Add a trigger to it.';
  if (!planned) throw new SluiceError('step.not_found', `${name} has no step ${stepId}.`, { advice });
  if (!isTrigger(planned.type)) {
    throw new SluiceError('workflow.invalid', `${name} cannot start with ${stepId}: it is not a trigger.`, { advice });
  }
  if (!planned.step.disabled) return;
  throw new SluiceError('workflow.invalid', `${name} cannot start with ${stepId}: it is switched off.`, { advice });
}
