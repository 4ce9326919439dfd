import type { Change } from '#shared/contract/cloud/history.ts';
import type { Op } from '#shared/merge/ops.ts';
import { getIn } from '#shared/workflow/plainData.ts';
import { parseEdge, type Tree } from '#shared/workflow/tree.ts';

/** The first few parts that a commit changed, by the names they had, and how many there are in all. */
export type ChangedParts = { changes: Change[]; changeCount: number };

const NAMED = 8;

/** What ops did, as a line of a history says it: by whole steps, scripts and so on, not by each field. */
export function changedParts(before: Tree, after: Tree, ops: readonly Op[]): ChangedParts {
  const parts = new Map<string, string[]>();
  for (const { path } of ops) {
    const part = partOf(path);
    parts.set(part.join('\n'), part);
  }
  // Where boxes were only moved comes last.
  const inOrder = [...parts.values()].sort((a, b) => Number(a[2] === 'layout') - Number(b[2] === 'layout'));
  const changes = inOrder.slice(0, NAMED).map((path): Change => {
    const [was, is] = [getIn(before, path), getIn(after, path)];
    const what = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    return { path, name: nameOf(path, is === undefined ? before : after), what };
  });
  return { changes, changeCount: parts.size };
}

function partOf([kind = '', id = '', section, key]: readonly string[]): string[] {
  if (section === undefined || (kind !== 'workflows' && kind !== 'pins')) return [kind, id];
  const isOne = (section === 'steps' || section === 'edges') && key !== undefined;
  return isOne ? [kind, id, section, key] : [kind, id, section];
}

/** What a person calls the thing at a path: a step by its own name, an edge by those of its two ends. */
function nameOf([kind = '', id = '', section, key = '']: readonly string[], tree: Tree): string {
  if (kind === 'project') return tree.project.name;
  if (kind === 'tests') return tree.tests[id]?.name ?? id;
  if (kind !== 'workflows' && kind !== 'pins') return id;
  const workflow = tree.workflows[id];
  const step = (stepId: string) => workflow?.steps[stepId]?.name ?? stepId;
  if (section === 'steps' && key !== '') return step(key);
  if (section !== 'edges' || key === '') return kind === 'pins' && section ? step(section) : (workflow?.name ?? id);
  const { from, to } = parseEdge(key);
  return `${step(from)} → ${step(to)}`;
}
