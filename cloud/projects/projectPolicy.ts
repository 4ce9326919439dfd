import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Op } from '#shared/merge/ops.ts';
import type { Permission } from '#shared/permission.ts';
import { PLANS, type PlanSlug } from '#shared/plan.ts';
import { getIn } from '#shared/workflow/plainData.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/** What a part of the tree asks for besides `sync:write`. */
const NEEDED: Record<string, Permission> = { scripts: 'script:write' };

/**
 * Refuses a commit that touches what its sender may not change.
 *
 * @throws SluiceError access.denied with `details.paths`
 */
export function ensureMayPush(permissions: ReadonlySet<Permission>, ops: readonly Op[]): void {
  const refused = ops.filter(({ path }) => !permissions.has(NEEDED[path[0] ?? ''] ?? 'workflow:write'));
  if (refused.length === 0) return;
  throw new SluiceError('access.denied', 'You may not change some of what this commit changes.', {
    details: { paths: refused.map((op) => op.path) },
    advice: 'Your work is kept on this device. Ask an owner of the workspace for the editor role, then sync again.',
  });
}

/** @throws SluiceError project.locked */
export function ensureUnlocked({ lockedBy }: { lockedBy: string | undefined }): void {
  if (lockedBy === undefined) return;
  throw new SluiceError(
    'project.locked',
    `${lockedBy || 'Somebody'} has locked the project, so nobody can change it.`,
    {
      advice: 'Your work is kept on this device and sent once an owner or admin unlocks the project.',
    },
  );
}

export const TREE_BYTES = 20 * 1024 * 1024;
export const WORKFLOW_BYTES = 1024 * 1024;

/** @throws SluiceError request.too_large */
export function ensureFits(bytes: number, tree: Tree, ops: readonly Op[]): void {
  if (bytes > TREE_BYTES) {
    throw new SluiceError('request.too_large', `The project would take ${bytes} bytes; ${TREE_BYTES} is the most.`, {
      details: { bytes, limit: TREE_BYTES },
      advice: 'Move large data out of scripts and test cases, or split the project.',
    });
  }
  if (bytes <= WORKFLOW_BYTES) return;
  const touched = new Set(ops.flatMap(({ path }) => (path[0] === 'workflows' ? [path[1] ?? ''] : [])));
  for (const id of touched) {
    const workflow = tree.workflows[id];
    const size = workflow ? Buffer.byteLength(JSON.stringify(workflow)) : 0;
    if (!workflow || size <= WORKFLOW_BYTES) continue;
    throw new SluiceError(
      'request.too_large',
      `The workflow ${workflow.name} would take ${size} bytes; ${WORKFLOW_BYTES} is the most.`,
      {
        details: { workflowId: id, bytes: size, limit: WORKFLOW_BYTES },
        advice: 'Move large texts into scripts, or split the workflow.',
      },
    );
  }
}

/**
 * Holds a workspace to the storage of its plan. What makes a project smaller is always taken.
 *
 * @throws SluiceError plan.limit_exceeded with `details.paths`: what has no room. Without it the rest has.
 */
export function ensureRoom(
  { plan, bytesElsewhere }: { plan: PlanSlug; bytesElsewhere: number },
  head: { tree: Tree; bytes: number },
  next: { tree: Tree; bytes: number },
  ops: readonly Op[],
): void {
  const { name, storageBytes: limit } = PLANS[plan];
  const have = bytesElsewhere + next.bytes;
  if (have <= limit || next.bytes <= head.bytes) return;
  const grows = (path: readonly string[]) => sizeOf(getIn(next.tree, path)) - sizeOf(getIn(head.tree, path));
  let room = limit - bytesElsewhere - head.bytes;
  const surplus: string[][] = [];
  // The smallest first, so that as much as can be is taken.
  for (const { path, more } of ops.map(({ path }) => ({ path, more: grows(path) })).sort((a, b) => a.more - b.more)) {
    room -= more;
    if (more > 0 && room < 0) surplus.push(path);
  }
  throw new SluiceError(
    'plan.limit_exceeded',
    `The projects of this workspace would take ${have} bytes; the ${name} plan has room for ${limit}.`,
    {
      details: { limit, have, paths: surplus },
      advice: 'Take away what is no longer needed, or change the plan. Your work is kept on this device.',
    },
  );
}

/** About how large a tree is after ops, without writing it down. */
export function bytesAfter(head: { tree: Tree; bytes: number }, tree: Tree, ops: readonly Op[]): number {
  let bytes = head.bytes;
  for (const { path } of ops) {
    const [was, is] = [getIn(head.tree, path), getIn(tree, path)];
    const key = (path.at(-1) ?? '').length + 4;
    bytes += sizeOf(is) - sizeOf(was) + (was === undefined ? key : 0) - (is === undefined ? key : 0);
  }
  return Math.max(0, bytes);
}

function sizeOf(value: Json | undefined): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value));
}
