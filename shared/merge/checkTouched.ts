import { z } from 'zod';
import { SluiceError } from '../error.ts';
import { isJsonObject } from '../json.ts';
import { dataFault, getIn } from '../workflow/plainData.ts';
import { Case, Environment, Tree, Workflow } from '../workflow/tree.ts';
import type { Op } from './ops.ts';

const RECORDS: Record<string, z.ZodType> = {
  workflows: z.record(Tree.shape.workflows.keyType, Workflow),
  scripts: Tree.shape.scripts,
  machines: Tree.shape.machines,
  environments: z.record(Tree.shape.environments.keyType, Environment),
  connections: Tree.shape.connections,
  tests: z.record(Tree.shape.tests.keyType, Case),
  pins: Tree.shape.pins,
};

/** Maps inside a workflow whose entries have nothing to do with each other. */
const ENTRIES: Record<string, z.ZodType> = {
  steps: Workflow.shape.steps,
  edges: Workflow.shape.edges,
  layout: Workflow.shape.layout,
};

/**
 * Checks what ops touched against its schema: of a workflow only the steps, edges and places that changed, so that a
 * commit costs what it changes and not what the project holds.
 *
 * @throws SluiceError project.invalid with `details.path`
 */
export function checkTouched(tree: Tree, ops: readonly Op[]): void {
  const touched = new Map<string, string[]>();
  for (const { path } of ops) {
    const part = partOf(tree, path);
    touched.set(part.join('\n'), part);
  }
  for (const part of touched.values()) check(tree, part);
}

/** The least that can be checked by itself. */
function partOf(tree: Tree, [kind = '', id = '', section = '', entry]: readonly string[]): string[] {
  if (kind !== 'workflows' || entry === undefined || !Object.hasOwn(ENTRIES, section)) return [kind, id];
  return isJsonObject(getIn(tree, [kind, id, section])) ? [kind, id, section, entry] : [kind, id];
}

function check(tree: Tree, part: string[]): void {
  const [kind = '', id = '', section] = part;
  if (kind === 'project') {
    if (id !== 'name') throw notAProject(['project', id], 'only its name can change');
    refuseFaults(Tree.shape.project, tree.project, ['project'], 0);
    return;
  }
  const schema = section === undefined ? (Object.hasOwn(RECORDS, kind) ? RECORDS[kind] : undefined) : ENTRIES[section];
  if (!schema) throw notAProject([kind, id], 'a project has no such part');
  const value = getIn(tree, part);
  if (value === undefined) return;
  const map = part.slice(0, -1);
  refuseFaults(schema, { [part.at(-1) as string]: value }, map, map.length - 1);
}

function refuseFaults(schema: z.ZodType, value: object, path: string[], depth: number): void {
  const fault = dataFault(value, depth);
  if (fault !== undefined) throw notAProject(path, fault);
  const outcome = schema.safeParse(value);
  const issue = outcome.success ? undefined : outcome.error.issues[0];
  if (issue) throw notAProject([...path, ...issue.path.map(String)], issue.message);
}

function notAProject(path: string[], reason: string): SluiceError {
  return new SluiceError(
    'project.invalid',
    `The change leaves something that is not right at ${path.join('/')}: ${reason}.`,
    {
      advice: 'Nothing was changed. Update Sluice if it made this change, and try again.',
      details: { path },
    },
  );
}
