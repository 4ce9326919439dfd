import { isJsonObject, type Json } from '#shared/json.ts';
import { applyOps, diffTrees, type Op } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { getIn, setIn } from '#shared/workflow/plainData.ts';
import { parseEdge, type Tree } from '#shared/workflow/tree.ts';

/** What the files and the canvas made of the same base. `superseded` would bring our values back. */
export type FileMerge = { tree: Tree; superseded: Op[] };

/**
 * Puts what changed in the files into the tree as it is on the canvas. Different places: both stay. The same place: the
 * file's value stands, because the person is looking at that file, and ours is returned so that it can be kept.
 *
 * @param base what both started from: the files as they were last read or written
 */
export function mergeFile(base: Tree, file: Tree, ours: Tree): FileMerge {
  if (ours === base || merkleHash(ours) === merkleHash(base)) return { tree: file, superseded: [] };
  const superseded: Op[] = [];
  let tree = ours;
  for (const op of diffTrees(base, file).ops) {
    try {
      tree = applyOps(tree, [op]);
    } catch {
      // It only fails where something else stands there now: both changed the same thing, or we took away what it is in.
      const path = takenFrom(tree, op.path);
      superseded.push(backTo(tree, file, path));
      tree = put(tree, path, getIn(file, path));
      tree = withEdgesOf(tree, file, path);
    }
  }
  return withoutLooseEnds(tree, superseded);
}

/** The path itself, or the first part of it that is not there any more. */
function takenFrom(tree: Tree, path: string[]): string[] {
  for (let length = 2; length < path.length; length++) {
    const part = path.slice(0, length);
    if (!isJsonObject(getIn(tree, part))) return part;
  }
  return path;
}

function put(tree: Tree, path: string[], value: Json | undefined): Tree {
  return setIn(tree, path, value) ?? tree;
}

function backTo(tree: Tree, file: Tree, path: string[]): Op {
  const ours = getIn(tree, path);
  const theirs = getIn(file, path);
  const was = theirs === undefined ? null : merkleHash(theirs);
  if (ours !== undefined) return { op: 'set', path, value: ours, was };
  return { op: 'del', path, was: was ?? merkleHash(null) };
}

/** A step that comes back brings its edges and its place; without them it would do something else than before. */
function withEdgesOf(tree: Tree, file: Tree, path: string[]): Tree {
  const [kind, workflowId = '', section, stepId = ''] = path;
  const theirs = file.workflows[workflowId];
  if (
    kind !== 'workflows' ||
    section !== 'steps' ||
    path.length !== 4 ||
    !theirs ||
    !Object.hasOwn(theirs.steps, stepId)
  )
    return tree;
  let next = tree;
  for (const key of Object.keys(theirs.edges)) {
    const { from, to } = parseEdge(key);
    const steps = next.workflows[workflowId]?.steps ?? {};
    const touches = from === stepId || to === stepId;
    if (touches && Object.hasOwn(steps, from) && Object.hasOwn(steps, to))
      next = put(next, ['workflows', workflowId, 'edges', key], {});
  }
  const place = theirs.layout[stepId];
  return place ? put(next, ['workflows', workflowId, 'layout', stepId], place) : next;
}

/** Takes away edges and places of steps that only one side still had. */
function withoutLooseEnds(tree: Tree, superseded: Op[]): FileMerge {
  let next = tree;
  for (const [workflowId, workflow] of Object.entries(tree.workflows)) {
    const there = (stepId: string) => Object.hasOwn(workflow.steps, stepId);
    for (const key of Object.keys(workflow.edges)) {
      const { from, to } = parseEdge(key);
      if (there(from) && there(to)) continue;
      const path = ['workflows', workflowId, 'edges', key];
      superseded.push({ op: 'set', path, value: {}, was: null });
      next = put(next, path, undefined);
    }
    for (const stepId of Object.keys(workflow.layout)) {
      if (!there(stepId)) next = put(next, ['workflows', workflowId, 'layout', stepId], undefined);
    }
  }
  return { tree: next, superseded };
}
