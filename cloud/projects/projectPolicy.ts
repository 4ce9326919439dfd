import { SluiceError } from '#shared/error.ts';
import type { Op } from '#shared/merge/ops.ts';
import type { Permission } from '#shared/permission.ts';

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
    details: { paths: refused.slice(0, 50).map((op) => op.path) },
    advice: 'Your work is kept on this device. Ask an owner of the workspace for the editor role, then sync again.',
  });
}

export const TREE_BYTES = 20 * 1024 * 1024;
export const WORKFLOW_BYTES = 1024 * 1024;

/** @throws SluiceError request.too_large */
export function ensureFits(treeText: string, workflows: { id: string; name: string; text: string }[]): void {
  const bytes = Buffer.byteLength(treeText);
  if (bytes > TREE_BYTES) {
    throw new SluiceError('request.too_large', `The project would take ${bytes} bytes; ${TREE_BYTES} is the most.`, {
      details: { bytes, limit: TREE_BYTES },
      advice: 'Move large data out of scripts and test cases, or split the project.',
    });
  }
  for (const { id, name, text } of workflows) {
    const size = Buffer.byteLength(text);
    if (size <= WORKFLOW_BYTES) continue;
    throw new SluiceError(
      'request.too_large',
      `The workflow ${name} would take ${size} bytes; ${WORKFLOW_BYTES} is the most.`,
      {
        details: { workflowId: id, bytes: size, limit: WORKFLOW_BYTES },
        advice: 'Move large texts into scripts, or split the workflow.',
      },
    );
  }
}
