import type { Change } from '../contract/cloud/history.ts';
import { getIn } from '../workflow/plainData.ts';
import { parseEdge, type Tree } from '../workflow/tree.ts';
import type { Op } from './ops.ts';

/** The first few parts that ops changed, and how many there are in all. */
export type ChangedParts = { changes: Change[]; changeCount: number };

/** So many are kept of one commit; the rest is a number. */
const KEPT = 8;

/** The parts of a project that ops changed, each once, in words for a list. Where boxes were only moved comes last. */
export function changedParts(before: Tree, after: Tree, ops: readonly Op[]): ChangedParts {
  const parts = new Map<string, string[]>();
  for (const { path } of ops) {
    const part = partOf(path);
    parts.set(part.join('\n'), part);
  }
  const inOrder = [...parts.values()].sort((a, b) => Number(isLayout(a)) - Number(isLayout(b)));
  const changes = inOrder.slice(0, KEPT).map((path): Change => {
    const [was, is] = [getIn(before, path), getIn(after, path)];
    const what = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    return { path, name: nameOf(is === undefined ? before : after, path), what };
  });
  return { changes, changeCount: inOrder.length };
}

const isLayout = ([kind, , section]: string[]) => kind === 'workflows' && section === 'layout';

/** What a person would call the thing that stands at a path: the step, not one field of its settings. */
function partOf([kind = '', id = '', section, ...rest]: readonly string[]): string[] {
  if (kind === 'workflows' && section !== undefined) {
    const deep = (section === 'steps' || section === 'edges') && rest[0] !== undefined;
    return deep ? [kind, id, section, rest[0] as string] : [kind, id, section];
  }
  return kind === 'pins' && section !== undefined ? [kind, id, section] : [kind, id];
}

function nameOf(tree: Tree, [kind = '', id = '', section, key = '']: string[]): string {
  const workflow = kind === 'workflows' || kind === 'pins' ? tree.workflows[id] : undefined;
  const step = (stepId: string) => workflow?.steps[stepId]?.name ?? stepId;
  if (kind === 'project') return tree.project.name;
  if (kind === 'tests') return tree.tests[id]?.name ?? id;
  if (kind === 'pins') return section === undefined ? (workflow?.name ?? id) : step(section);
  if (kind !== 'workflows') return id;
  if (section === 'steps' && key !== '') return step(key);
  if (section === 'edges' && key !== '') {
    const { from, to } = parseEdge(key);
    return `${step(from)} → ${step(to)}`;
  }
  return workflow?.name ?? id;
}
