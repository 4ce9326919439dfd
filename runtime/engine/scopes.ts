import type { Scope, StepView } from '#shared/expression/expression.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Execution } from './attempt.ts';
import { inputOn, type RunState, type StepRun } from './runState.ts';
import type { Seeded } from './seeded.ts';

/** What the expressions and scripts of a step run see; `json` and `itemIndex` move from item to item. */
export function createScopes(
  execution: Pick<Execution, 'plan' | 'surroundings' | 'timezone' | 'steadyNow'>,
  state: RunState,
) {
  const { steps, byName } = execution.plan;
  const idOf = (ref: string) => (steps.has(ref) ? ref : byName.get(ref));

  const portOf = (run: StepRun) => (inputOn(run, 'main') ? 'main' : (run.inputs[0]?.ref.port ?? 'main'));

  const scopeOf = (run: StepRun, seeded: Seeded): Scope => {
    const port = portOf(run);
    const scope: Scope = {
      json: {},
      itemIndex: 0,
      items: inputOn(run, port)?.items ?? [],
      step(ref): StepView | undefined {
        const id = idOf(ref);
        if (id === undefined) return undefined;
        return {
          item: () => state.origin(run, port, scope.itemIndex, id),
          all: () => mainItems(state.latest(id)),
        };
      },
      ...execution.surroundings,
      now: execution.steadyNow ?? run.startedAt ?? 0,
      timezone: execution.timezone,
      uuid: seeded.uuid,
      random: seeded.random,
    };
    return scope;
  };

  const originsOf = (run: StepRun, ref: string) => {
    const port = portOf(run);
    const id = idOf(ref);
    const items = inputOn(run, port)?.items ?? [];
    return items.map((_item, index) => (id === undefined ? undefined : state.origin(run, port, index, id)));
  };

  return { scopeOf, originsOf };
}

/** What left a step run by its first port that gave something. */
function mainItems(run: StepRun | undefined): readonly Item[] {
  if (!run) return [];
  const main = run.outputs.main;
  if (main) return main;
  return Object.values(run.outputs).find((items) => items.length > 0) ?? [];
}
