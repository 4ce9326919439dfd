import type { Json } from '../../json.ts';
import { getIn } from '../../workflow/plainData.ts';
import { sameJson } from '../sameJson.ts';
import type { Meeting } from './modelClient.fixture.ts';
import { pinOf } from './project.fixture.ts';

/**
 * Steps and pins that are half of one side and half of the other where only a whole one makes sense: a step that both
 * added under one id, one that both turned into another type, and the two fields of a pin.
 */
export function tornSteps({ base, theirs, ours, merged }: Meeting): string[] {
  const torn: string[] = [];
  for (const [workflowId, { steps }] of Object.entries(merged.workflows)) {
    const whole = new Set([theirs, ours].flatMap(({ workflows }) => Object.values(workflows[workflowId]?.steps ?? {})));
    for (const [stepId, step] of Object.entries(steps)) {
      if (whole.has(step)) continue;
      const path = ['workflows', workflowId, 'steps', stepId];
      const [before, there, here] = [base, theirs, ours].map((tree) => getIn(tree, path)) as [Json, Json, Json];
      const isWhole = sameJson(there, step as unknown as Json) || sameJson(here, step as unknown as Json);
      const uses = (one: Json) => getIn(one, ['uses']);
      const types = new Set([before, there, here].map(uses));
      if (there && here && !isWhole && (!before || types.size === 3)) torn.push(path.join('/'));
    }
  }
  for (const [workflowId, pins] of Object.entries(merged.pins)) {
    for (const [stepId, { hash, bytes }] of Object.entries(pins))
      if (hash !== pinOf(bytes).hash) torn.push(`pins/${workflowId}/${stepId}`);
  }
  return torn;
}
