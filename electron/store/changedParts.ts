import type { Change } from '#shared/contract/cloud/history.ts';
import type { Op } from '#shared/merge/ops.ts';
import { getIn } from '#shared/workflow/plainData.ts';
import type { Tree } from '#shared/workflow/tree.ts';

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
  const changes = [...parts.values()].slice(0, NAMED).map((path): Change => {
    const [was, is] = [getIn(before, path), getIn(after, path)];
    const what = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    return { path, name: nameOf(path, is === undefined ? before : after), what };
  });
  return { changes, changeCount: parts.size };
}

function partOf(path: readonly string[]): string[] {
  const isStep = path[0] === 'workflows' && path[2] === 'steps' && path.length > 3;
  return path.slice(0, isStep ? 4 : path[0] === 'workflows' && path.length > 2 ? 3 : 2);
}

/** `Triage / Score` for a place in the tree. */
export function nameOf([kind = '', id = '', section, part = '', ...rest]: readonly string[], tree: Tree): string {
  if (kind !== 'workflows') return [kind, id].join('/');
  const workflow = tree.workflows[id];
  const name = workflow?.name ?? id;
  if (section !== 'steps') return [name, section, part].filter(Boolean).join(' / ');
  return [name, workflow?.steps[part]?.name ?? part, rest.join('.')].filter(Boolean).join(' / ');
}
