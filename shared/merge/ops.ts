import { z } from 'zod';
import { SluiceError } from '../error.ts';
import { Hash, Uuid } from '../ids.ts';
import { isJsonObject, Json } from '../json.ts';
import { merkleHash } from '../workflow/hash.ts';
import { getIn } from '../workflow/plainData.ts';
import { parseEdge, TREE_FORMAT, type Tree } from '../workflow/tree.ts';
import { checkFormat } from '../workflow/upgrades.ts';
import { checkTouched } from './checkTouched.ts';
import { closingEdges } from './cycles.ts';
import { meantSteps, stepsNamedIn } from './namedSteps.ts';
import { own, sameJson, type Value } from './sameJson.ts';
import { applyHunks, diffLines, Hunk } from './textHunks.ts';
import { putAt } from './trees.ts';

export const TreePath = z.array(z.string().min(1).max(1000)).min(2).max(64);
export type TreePath = z.infer<typeof TreePath>;

/** One change of the tree. `was` is the Merkle hash of what stood there; null: nothing did. */
export const Op = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('set'), path: TreePath, value: Json, was: Hash.nullable() }),
  z.strictObject({ op: z.literal('del'), path: TreePath, was: Hash }),
  /** Changed lines of a script. */
  z.strictObject({ op: z.literal('text'), path: TreePath, was: Hash, hunks: z.array(Hunk).min(1) }),
]);
export type Op = z.infer<typeof Op>;

export const Origin = z.enum(['canvas', 'file', 'git', 'merge', 'restore', 'import']);
export type Origin = z.infer<typeof Origin>;

/** What a device sends: the changes that lead from one revision of a project to the next (formats.md 11). */
export const Commit = z.strictObject({
  commitId: Uuid,
  deviceId: Uuid,
  format: z.int().min(1),
  /** The revision that `ops` were made against. */
  baseRevision: z.int().min(0),
  origin: Origin,
  message: z.string().max(500).nullable().default(null),
  ops: z.array(Op).max(20_000),
  /** Paths of steps that new edges and expressions point to. */
  mustExist: z.array(TreePath).max(20_000),
  /** Merkle hash of the tree after `ops`, where nothing was rebased. */
  resultHash: Hash,
});
export type Commit = z.infer<typeof Commit>;

/**
 * The changes from one tree to another, and the steps that must still be there for them to make sense. Canonical: what
 * goes away stands before what comes, in the order of the trees; no op says what another one says already; two equal trees
 * give none, whatever the order of their fields.
 */
export function diffTrees(base: Tree, next: Tree): { ops: Op[]; mustExist: TreePath[] } {
  const ops: Op[] = [];
  diff(base as unknown as Json, next as unknown as Json, [], ops);
  return { ops, mustExist: pointedAt(base, next, ops) };
}

function diff(base: Value, next: Value, path: string[], ops: Op[]): void {
  if (base === next) return;
  if (isJsonObject(base) && isJsonObject(next)) {
    const isGone = (key: string) => own(next, key) === undefined;
    for (const key of Object.keys(base)) if (isGone(key)) diff(base[key], undefined, [...path, key], ops);
    for (const key of Object.keys(next)) {
      const before = own(base, key);
      // Most of a large map is the very same.
      if (before !== next[key]) diff(before, next[key], [...path, key], ops);
    }
    return;
  }
  if (sameJson(base, next)) return;
  if (base === undefined) {
    if (next !== undefined) ops.push({ op: 'set', path, value: next, was: null });
    return;
  }
  const was = merkleHash(base);
  if (next === undefined) ops.push({ op: 'del', path, was });
  else {
    const isScript = path[0] === 'scripts' && typeof base === 'string' && typeof next === 'string';
    const hunks = isScript ? diffLines(base, next) : [];
    const size = hunks.reduce((sum, [, , lines]) => sum + 20 + lines.join('\n').length, 0);
    if (isScript && hunks.length > 0 && size < next.length) ops.push({ op: 'text', path, was, hunks });
    else ops.push({ op: 'set', path, value: next, was });
  }
}

/** The steps of `base` that what the ops put in refers to: ends of edges, names in expressions, places and pins. */
function pointedAt(base: Tree, next: Tree, ops: Op[]): TreePath[] {
  const found = new Map<string, TreePath>();
  const point = (workflowId: string, stepId: string) => {
    const there = base.workflows[workflowId]?.steps;
    if (!there || !Object.hasOwn(there, stepId) || next.workflows[workflowId]?.steps[stepId] === undefined) return;
    found.set(`${workflowId}/${stepId}`, ['workflows', workflowId, 'steps', stepId]);
  };
  for (const op of ops) {
    const [kind, workflowId, section, id] = op.path;
    if (op.op !== 'set' || workflowId === undefined) continue;
    if (kind === 'pins') for (const stepId of pinnedBy(op, section)) point(workflowId, stepId);
    if (kind !== 'workflows' || !Object.hasOwn(base.workflows, workflowId)) continue;
    if (section === 'edges' && id !== undefined) {
      const { from, to } = parseEdge(id);
      point(workflowId, from);
      point(workflowId, to);
    } else if (section === 'layout' && id !== undefined) point(workflowId, id);
    else if (section === 'steps') {
      for (const ref of stepsNamedIn(op.value))
        for (const stepId of meantSteps(base.workflows[workflowId]?.steps ?? {}, ref)) point(workflowId, stepId);
    }
  }
  return [...found.values()];
}

/** The steps that an op pins: one, or with a workflow's first pins all of them. */
function pinnedBy(op: Op, stepId: string | undefined): string[] {
  if (stepId !== undefined) return [stepId];
  return op.op === 'set' && isJsonObject(op.value) ? Object.keys(op.value) : [];
}

/**
 * The tree after the ops, in order, all or none. A change that is already there is fine: two people who draw the same
 * edge make one edge.
 *
 * @throws SluiceError project.rebase_required with `details.paths` where something else stands than `was` says
 */
export function applyOps(tree: Tree, ops: readonly Op[]): Tree {
  let next = tree;
  const clashes: string[][] = [];
  const fresh = new Set<object>();
  for (const op of ops) {
    const now = getIn(next, op.path);
    // A hash is remembered, so what has one is not changed in place any more.
    if (isJsonObject(now) && fresh.has(now)) fresh.clear();
    const hash = now === undefined ? null : merkleHash(now);
    if (op.op === 'del' ? now === undefined : op.op === 'set' && hash === merkleHash(op.value)) continue;
    const value =
      op.op === 'text'
        ? typeof now === 'string'
          ? applyHunks(now, op.hunks)
          : undefined
        : op.op === 'set'
          ? op.value
          : undefined;
    const changed =
      hash === op.was && (op.op === 'del' || value !== undefined) ? putAt(next, op.path, value, fresh) : undefined;
    if (changed === undefined) clashes.push(op.path);
    else next = changed;
  }
  if (clashes.length > 0) throw rebaseRequired(clashes);
  return next;
}

function rebaseRequired(paths: string[][]): SluiceError {
  const advice = 'Fetch the newest revision, merge, and send the change again.';
  return new SluiceError('project.rebase_required', 'Somebody else changed the same things.', {
    advice,
    details: { paths },
  });
}

/**
 * What the server does with a commit whose base is no longer the head: it takes it if everything it touches is still as
 * it was, the steps it points to are there, nothing new points to a step that it takes away, and no arrow of it closes a
 * circle, which only its sender can tell from one that was meant.
 *
 * @throws SluiceError project.rebase_required, project.invalid, client.upgrade_required
 */
export function rebase(headTree: Tree, commit: Commit): Tree {
  const missing = commit.mustExist.filter((path) => getIn(headTree, path) === undefined);
  // What is taken out of something that is gone was a change of it, which is more than a removal made twice.
  for (const { op, path } of commit.ops) {
    if (op === 'del' && path[0] !== 'pins' && getIn(headTree, path.slice(0, -1)) === undefined) missing.push(path);
  }
  if (missing.length > 0) throw rebaseRequired(missing);
  const next = applyOps(headTree, commit.ops);
  const left = stillPointingAt(headTree, next, commit.ops);
  if (left.length > 0) throw rebaseRequired(left);
  const closing = newCircles(headTree, next, commit.ops);
  if (closing.length > 0) throw rebaseRequired(closing);
  checkTouched(next, commit.ops);
  return next;
}

/** The new edges that close a circle. */
function newCircles(before: Tree, after: Tree, ops: readonly Op[]): string[][] {
  const added = new Map<string, string[]>();
  for (const { op, path } of ops) {
    const [kind, workflowId = '', section, key] = path;
    if (op !== 'set' || kind !== 'workflows' || section !== 'edges' || key === undefined) continue;
    added.set(workflowId, [...(added.get(workflowId) ?? []), key]);
  }
  return [...added].flatMap(([workflowId, keys]) => {
    const [then, now] = [before.workflows[workflowId], after.workflows[workflowId]];
    return then && now ? closingEdges(then, now, keys).map((key) => ['workflows', workflowId, 'edges', key]) : [];
  });
}

/** The edges, steps, places and pins that still point at a step that ops took away, by itself or with its workflow. */
function stillPointingAt(before: Tree, after: Tree, ops: readonly Op[]): string[][] {
  const orphans = ops.flatMap(({ path: [kind, workflowId = '', ...deeper] }) =>
    kind === 'workflows' && deeper.length === 0 && !after.workflows[workflowId] && after.pins[workflowId]
      ? [['pins', workflowId]]
      : [],
  );
  const gone = new Map<string, Map<string, string | undefined>>();
  for (const { op, path } of ops) {
    const [kind, workflowId = '', section, stepId = '', ...deeper] = path;
    if (op !== 'del' || kind !== 'workflows' || section !== 'steps' || deeper.length > 0) continue;
    const steps = gone.get(workflowId) ?? new Map<string, string | undefined>();
    gone.set(workflowId, steps.set(stepId, before.workflows[workflowId]?.steps[stepId]?.name));
  }
  const left = [...gone].flatMap(([workflowId, ids]) => {
    const workflow = after.workflows[workflowId];
    if (!workflow) return [];
    const names = new Set(ids.values());
    const isGone = (ref: string) => ids.has(ref) || (names.has(ref) && meantSteps(workflow.steps, ref).length === 0);
    const edges = Object.keys(workflow.edges).filter((key) => {
      const { from, to } = parseEdge(key);
      return ids.has(from) || ids.has(to);
    });
    const steps = Object.keys(workflow.steps).filter((id) =>
      [...stepsNamedIn(workflow.steps[id]?.config ?? {})].some(isGone),
    );
    const pins = Object.keys(after.pins[workflowId] ?? {}).filter((id) => ids.has(id));
    return [
      ...edges.map((key) => ['workflows', workflowId, 'edges', key]),
      ...steps.map((id) => ['workflows', workflowId, 'steps', id]),
      ...Object.keys(workflow.layout)
        .filter((id) => ids.has(id))
        .map((id) => ['workflows', workflowId, 'layout', id]),
      ...pins.map((id) => ['pins', workflowId, id]),
    ];
  });
  return [...orphans, ...left];
}

/**
 * Takes a commit into a head: as it is where it was made against it, else rebased.
 *
 * @throws SluiceError project.rebase_required; project.invalid where the result is not a project or not the one that
 *   was meant; client.upgrade_required
 */
export function applyCommit(head: { revision: number; tree: Tree }, commit: Commit): { tree: Tree; rebased: boolean } {
  checkFormat(commit.format);
  if (commit.baseRevision > head.revision) {
    const advice = 'Fetch the project again.';
    throw new SluiceError('project.rebase_required', 'The change was made against a revision that is not there.', {
      advice,
      details: { paths: [] },
    });
  }
  if (commit.baseRevision !== head.revision) return { tree: rebase(head.tree, commit), rebased: true };
  const tree = applyOps(head.tree, commit.ops);
  checkTouched(tree, commit.ops);
  if (merkleHash(tree) !== commit.resultHash) {
    const advice = 'Fetch the project again; the local copy had changed unnoticed.';
    throw new SluiceError('project.invalid', 'The change does not give the result it says.', { advice });
  }
  return { tree, rebased: false };
}

/** The commit that leads from one tree to another. */
export function commitOf(
  base: Tree,
  next: Tree,
  about: { commitId: string; deviceId: string; baseRevision: number; origin: Origin; message?: string },
): Commit {
  const { ops, mustExist } = diffTrees(base, next);
  const { message = null, ...rest } = about;
  return { ...rest, format: TREE_FORMAT, message, ops, mustExist, resultHash: merkleHash(next) };
}
