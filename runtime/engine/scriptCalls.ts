import { SluiceError } from '#shared/error.ts';
import type { Scope } from '#shared/expression/expression.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Call } from '../connectors/stepType.ts';
import type { Execution } from './attempt.ts';
import type { CallSite } from './call.ts';
import type { StepRun } from './runState.ts';

/** Runs a step's code in the sandbox, with what its expressions would see. */
export function scriptOf({ execution, job, scope, startedAt, seed, attempt }: CallSite): Call['script'] {
  return (request) => {
    const now = execution.steadyNow ?? startedAt;
    const source = [request.source, ...Object.values(request.files ?? {})].join('\n');
    const context = scriptContext(execution, scope, job.run, source, now, seed);
    const project = execution.tree.project.id;
    return execution.ports.sandbox.run({ ...request, scope: project, context }, attempt.signal);
  };
}

/** The text of a file below `scripts/`. @throws SluiceError config.invalid */
export function readScript(execution: Execution, stepId: string, file: string): string {
  const text = execution.scripts[file.replace(/^scripts\//, '')];
  if (text !== undefined) return text;
  throw new SluiceError('config.invalid', `Step ${stepId} runs ${file}, which is not in the project.`, {
    advice: 'Create the file below scripts/, or correct the path.',
    details: { stepId, file },
  });
}

/** Steps a script names; only their items cross into the sandbox. */
const STEP_NAME = /(?:\$|\bstep)\(\s*(['"`])([^'"`]{1,120})\1\s*\)/g;

function scriptContext(execution: Execution, scope: Scope, run: StepRun, source: string, now: number, seed: string) {
  const steps: Record<string, Item[]> = {};
  const lineage: Record<string, (number | null)[]> = {};
  for (const [, , ref = ''] of source.matchAll(STEP_NAME)) {
    const view = scope.step(ref);
    if (!view) continue;
    const items = [...view.all()];
    const places = new Map(items.map((item, index) => [item, index]));
    const origins = execution.originsOf(run, ref);
    steps[ref] = items;
    lineage[ref] = origins.map((origin) => (origin && places.get(origin)) ?? null);
  }
  return { ...execution.surroundings, now, timezone: execution.timezone, seed, steps, lineage };
}
