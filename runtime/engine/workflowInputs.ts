import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Plan } from './plan.ts';

/**
 * Holds what a workflow is called with against what it declares: the schema of its trigger, else its own.
 *
 * @throws SluiceError data.invalid with the item and the field; workflow.invalid where the schema itself cannot be used
 */
export async function checkInputs(plan: Plan, triggerStepId: string, items: readonly Item[]): Promise<void> {
  const schema = declaredInputs(plan, triggerStepId);
  const { Validator } = await import('@cfworker/json-schema');
  const validator = usable(() => new Validator(schema as never, '2020-12'), plan);
  items.forEach((item, index) => {
    const { valid, errors } = usable(() => validator.validate(item.json), plan);
    if (valid) return;
    const first = errors.at(-1);
    const field = (first?.instanceLocation ?? '#').replace(/^#\/?/, '').replaceAll('/', '.');
    throw new SluiceError(
      'data.invalid',
      `${plan.workflow.name} cannot be run with item ${index}: ${field ? `${field}: ` : ''}${first?.error ?? 'it does not fit'}`,
      {
        advice: 'Give it the fields that its trigger declares.',
        details: { itemIndex: index, field, workflowId: plan.workflowId },
      },
    );
  });
}

/** The JSON Schema of an item that begins a workflow; undefined where anything may. */
export function declaredInputs(plan: Plan, triggerStepId: string): JsonObject | undefined {
  const declared = plan.steps.get(triggerStepId)?.step.config.inputs;
  if (isJsonObject(declared)) return declared;
  return plan.workflow.inputs;
}

function usable<T>(work: () => T, { workflow }: Plan): T {
  try {
    return work();
  } catch (cause) {
    throw new SluiceError('workflow.invalid', `The inputs that ${workflow.name} declares are no JSON Schema.`, {
      advice: 'Correct the schema of its trigger.',
      cause,
    });
  }
}
