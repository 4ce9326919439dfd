import type { Execution } from './attempt.ts';
import { groupAround, type StepRun, type WorkScope } from './runState.ts';

/** What ends a step run from outside: its group's end, or the run's. */
export function signalOf(run: StepRun, execution: Execution): AbortSignal {
  const group = run.scope.depth === 0 ? undefined : groupAround(run.scope);
  if (!group) return execution.signal;
  group.controller ??= linkedController(groupSignal(group, execution));
  return group.controller.signal;
}

function groupSignal(group: WorkScope, execution: Execution): AbortSignal {
  return group.loop ? signalOf(group.loop, execution) : execution.signal;
}

function linkedController(outer: AbortSignal): AbortController {
  const controller = new AbortController();
  if (outer.aborted) controller.abort(outer.reason);
  else outer.addEventListener('abort', () => controller.abort(outer.reason), { once: true, signal: controller.signal });
  return controller;
}
